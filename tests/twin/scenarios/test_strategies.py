"""Strategies react to scans as they say, and see nothing but scans and treatments given."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.twin.scenarios.small_cases import tiny_patient
from twin.patient import Patient, Visit
from twin.scenarios.courses import DrugCourse
from twin.scenarios.plan_set import Plan
from twin.scenarios.strategies import (
    AdaptiveDrug,
    SwitchAtProgression,
    drug_on,
    seen_volumes,
)
from twin.treatments.schedule import DrugDose, Fraction, Schedule

DECISION_DAY, END_DAY = 14.0, 350.0
FULL = 40
DOXORUBICIN = DrugCourse("doxorubicin", 75.0, 4, 21.0)
PLAN = Plan("radiotherapy and drug", Schedule((Fraction(200.0, 2.0),)))


def patient_with(shares: list[float], given: Schedule | None = None) -> Patient:
    """A patient whose outline on the decision day has 40 voxels, and later such shares of them."""
    base = tiny_patient(given)
    visits = [base.visits[0]]
    for number, share in enumerate(shares):
        mask = np.zeros(base.grid.shape, bool)
        mask.reshape(-1)[: round(FULL * share)] = True
        day = DECISION_DAY + 42.0 * number
        masks = {"gtv": mask} if mask.any() else {}
        visits.append(Visit(f"day {day:g}", day, base.visits[0].images, masks))
    return replace(base, visits=tuple(visits))


def test_volumes_are_those_of_outlines_and_zero_without_one():
    patient = patient_with([1.0, 0.5, 0.0])
    days, volumes = seen_volumes(patient, DECISION_DAY)
    np.testing.assert_array_equal(days, [14.0, 56.0, 98.0])
    voxel_ml = patient.grid.voxel_volume_mm3 / 1000.0
    np.testing.assert_allclose(volumes, np.array([40, 20, 0]) * voxel_ml)


@pytest.mark.parametrize(
    ("shares", "switched"),
    [
        ([1.0, 1.2], False),
        ([1.0, 0.5, 0.6], False),
        ([1.0, 1.6], False),  # not confirmed
        ([1.0, 1.6, 1.7], True),
        ([1.0, 0.5, 0.8, 0.9], True),
        ([1.0, 0.5, 0.8, 0.6], False),
    ],
)
def test_second_line_begins_at_a_progression_that_two_scans_confirm(shares, switched):
    patient = patient_with(shares)
    new = SwitchAtProgression(DOXORUBICIN, END_DAY)(patient, PLAN, DECISION_DAY)
    assert (new is not None) == switched
    if new is not None:
        assert new.schedule.times_days[0] >= patient.visits[-1].time_days
        assert new.schedule.drugs == ("doxorubicin",)
        assert not new.schedule.fractions


def test_second_line_is_begun_once_and_ends_with_the_trial():
    patient = patient_with([1.0, 1.6, 1.7])
    switch = SwitchAtProgression(DOXORUBICIN, 130.0)
    second = switch(patient, PLAN, DECISION_DAY)
    assert second is not None
    assert len(second.schedule.drug_doses) == 2
    assert switch(patient_with([1.0, 1.6, 1.7, 2.5]), second, DECISION_DAY) is None


@pytest.mark.parametrize(
    ("volumes", "on"),
    [
        ([10.0], True),
        ([10.0, 6.0], True),
        ([10.0, 5.0], False),
        ([10.0, 4.0, 8.0], False),
        ([10.0, 4.0, 10.0], True),
        ([10.0, 4.0, 10.0, 7.0], True),
        ([10.0, 4.0, 10.0, 5.0], False),
    ],
)
def test_drug_is_off_from_half_the_volume_until_all_of_it(volumes, on):
    assert drug_on(np.array(volumes)) is on


@given(st.lists(st.floats(0.0, 100.0), max_size=8), st.floats(0.1, 100.0), st.integers(-3, 3))
def test_drug_depends_on_volumes_relative_to_the_first_and_large_ones_always_get_it(
    later, first, power
):
    volumes = np.array([first, *later])
    assert drug_on(np.append(volumes, first))
    assert not drug_on(np.append(volumes, 0.0))
    assert drug_on(2.0**power * volumes) == drug_on(volumes)


def given_cycles(count: int) -> Schedule:
    return Schedule(
        (), tuple(DrugDose(14.0 + 21.0 * i, "doxorubicin", 142.5) for i in range(count))
    )


def test_a_pause_takes_the_drug_away_and_leaves_the_fractions():
    adaptive = AdaptiveDrug(DOXORUBICIN, END_DAY)
    paused = adaptive(patient_with([1.0, 0.4], given_cycles(2)), PLAN, DECISION_DAY)
    assert paused is not None
    assert not paused.schedule.drug_doses
    assert paused.schedule.fractions == PLAN.schedule.fractions


@pytest.mark.parametrize("given", [0, 1, 3, 4])
def test_after_a_pause_no_more_cycles_come_than_were_left(given):
    adaptive = AdaptiveDrug(DOXORUBICIN, END_DAY)
    again = adaptive(patient_with([1.0, 0.4, 1.1], given_cycles(given)), PLAN, DECISION_DAY)
    assert again is not None
    doses = again.schedule.drug_doses
    assert len(doses) == 4 - given
    assert all(dose.time_days >= 98.0 for dose in doses)


def test_before_the_drug_may_begin_nothing_changes():
    late = AdaptiveDrug(replace(DOXORUBICIN, start_delay_days=60.0), END_DAY)
    assert late(patient_with([1.0, 0.4]), PLAN, DECISION_DAY) is None

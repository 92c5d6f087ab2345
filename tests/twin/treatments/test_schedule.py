"""Schedules as sorted events, and what is refused as a treatment."""

import numpy as np
import pytest

from twin.errors import TwinError
from twin.treatments.radiotherapy import survival_fraction
from twin.treatments.schedule import DrugDose, Fraction, Schedule, Surgery
from twin.treatments.surgery import distance_mm

FULL = Schedule(
    fractions=(Fraction(2.0, 3.0), Fraction(1.0, 2.0), Fraction(2.0, 3.0)),
    drug_doses=(DrugDose(5.0, "paclitaxel", 300.0), DrugDose(4.0, "doxorubicin", 100.0)),
    surgeries=(Surgery(9.0, 10.0),),
)


def test_events_are_sorted_and_equal_ones_are_kept():
    assert [f.time_days for f in FULL.fractions] == [1.0, 2.0, 2.0]
    assert FULL.total_dose_gy == 8.0
    assert FULL.drugs == ("doxorubicin", "paclitaxel")
    assert FULL.times_days == (1.0, 2.0, 4.0, 5.0, 9.0)
    assert FULL.end_days == 9.0
    assert Schedule().end_days == -np.inf and not Schedule()


@pytest.mark.parametrize("day", [0.0, 2.0, 4.5, 9.0, 20.0])
def test_before_and_from_part_a_schedule_without_loss(day):
    assert FULL.before(day) + FULL.from_(day) == FULL
    assert all(t < day for t in FULL.before(day).times_days)
    assert all(t >= day for t in FULL.from_(day).times_days)


def test_shifting_moves_every_event():
    moved = FULL.shifted(7.0)
    assert moved.times_days == tuple(t + 7.0 for t in FULL.times_days)
    assert moved.shifted(-7.0) == FULL


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Fraction(1.0, -2.0), r"day 1: dose of a fraction.*0 to 100 Gy.*got -2 Gy"),
        (lambda: Fraction(1.0, 200.0), r"out of range.*got 200 Gy.*1 Gy = 100 cGy"),
        (lambda: Fraction(1.0, float("nan")), "dose of a fraction is out of range"),
        (lambda: Fraction(float("nan"), 2.0), "fraction time_days: time is not a number"),
        (lambda: DrugDose(1.0, "doxorubicine", 10.0), "unknown drug.*Did you mean 'doxorubicin'"),
        (lambda: DrugDose(1.0, "water", 10.0), "unknown drug 'water'.*temozolomide"),
        (lambda: DrugDose(1.0, "doxorubicin", 0.0), "doxorubicin on day 1.*must be positive"),
        (lambda: DrugDose(1.0, "doxorubicin", float("inf")), "must be positive"),
        (lambda: Surgery(1.0, -1.0), "surgical margin is out of range.*0 to 100 mm"),
        (lambda: Surgery(float("inf"), 1.0), "surgery time_days: time is not a number"),
    ],
)
def test_impossible_treatments_are_refused(make, message):
    with pytest.raises(TwinError, match=message):
        make()


def test_survival_follows_the_linear_quadratic_law():
    assert survival_fraction(0.0, 0.3, 10.0) == 1.0
    assert survival_fraction(2.0, 0.3, 10.0) == pytest.approx(np.exp(-0.6 - 0.03 * 4))
    equal_effect = 25 * np.log(survival_fraction(2.0, 0.1, 4.0))  # BED 75 Gy
    assert 5 * np.log(survival_fraction(6.0, 0.1, 4.0)) == pytest.approx(equal_effect)


def test_surgery_distance_is_that_of_the_nearest_tumor_voxel():
    outline = np.random.default_rng(0).random((6, 5, 4)) < 0.1
    spacing = np.array((1.0, 1.5, 2.0))
    tumor = np.argwhere(outline) * spacing
    everywhere = np.argwhere(np.ones_like(outline)) * spacing
    exact = np.linalg.norm(everywhere[:, None] - tumor[None], axis=2).min(axis=1)
    found = distance_mm(outline, tuple(spacing.tolist()))
    np.testing.assert_allclose(found.ravel(), exact, rtol=1e-6)


def test_surgery_needs_an_outline():
    with pytest.raises(TwinError, match="outline is empty.*at least one tumor voxel"):
        distance_mm(np.zeros((3, 3, 3), bool), (1.0, 1.0, 1.0))

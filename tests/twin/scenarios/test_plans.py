"""Generated plans are deliverable, distinct, on time, and hold the standard of care."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.patients import small_patient
from twin.errors import TwinError
from twin.patient import SITES
from twin.scenarios import site_grids
from twin.scenarios.courses import NotDeliverable, RadiotherapyCourse
from twin.scenarios.plan_set import Plan, PlanSet, schedule_key
from twin.scenarios.plans import (
    chemotherapy,
    combine,
    default_plans,
    fractionation,
    standard_of_care,
    surgery,
)
from twin.treatments.schedule import Fraction, Schedule


@pytest.fixture(scope="module")
def patient():
    return small_patient()


def days(plan: Plan) -> list[float]:
    return [f.time_days for f in plan.schedule.fractions]


def test_default_plans_are_a_thousand_distinct_ones_with_the_standard_of_care(patient):
    plans = default_plans(patient, 60.0)
    assert len(plans) == 1000
    assert len({schedule_key(p.schedule) for p in plans}) == 1000
    assert len(set(plans.names)) == 1000
    assert sum(p.standard_of_care for p in plans) == 1


def test_default_plans_are_the_same_every_time_and_nested(patient):
    assert default_plans(patient, 60.0, 50).names == default_plans(patient, 60.0, 200).names[:50]


def test_default_plans_cover_the_axes_of_sarcoma(patient):
    plans = default_plans(patient, 60.0)
    seen = {key: {p.tags.get(key) for p in plans} for key in ("dose_per_fraction_gy", "cycles")}
    assert seen["dose_per_fraction_gy"] == {1.8, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0}
    assert seen["cycles"] == {None, 1, 2, 3}
    totals = np.array([p.schedule.total_dose_gy for p in plans])
    assert totals.min() < 30 and totals.max() > 55
    assert np.all((totals >= 25 - 1e-9) & (totals <= 60 + 1e-9))
    delays = Counter(p.tags.get("surgery_delay_days") for p in plans)
    assert set(delays) == {None, 14.0, 21.0, 28.0, 35.0, 42.0, 49.0, 56.0}


def test_default_plans_can_be_delivered(patient):
    for plan in default_plans(patient, 60.5, 300):
        times = np.array(days(plan))
        assert min(plan.schedule.times_days) >= 60.5
        assert np.all(np.diff(times) >= 0.25 - 1e-9)
        assert max(Counter(np.floor(times)).values()) <= 3
        assert times[-1] - times[0] <= 56
        if plan.tags["fractions_per_week"] / plan.tags["fractions_per_day"] <= 5:
            assert np.all(np.floor(times) % 7 <= 4)
        for operation in plan.schedule.surgeries:
            assert operation.time_days % 7 <= 4
            assert all(
                abs(d.time_days - operation.time_days) >= 14 for d in plan.schedule.drug_doses
            )


def test_too_many_default_plans_are_refused(patient, monkeypatch):
    two_waits = ((5.0,), (1,), (5,), (0.0,), ((0.0, 0),), (None, 35.0))
    monkeypatch.setitem(
        site_grids.SITE_AXES, "soft_tissue_sarcoma", ("doxorubicin", 21.0, 10.0, two_waits)
    )
    # 5 to 12 fractions of 5 Gy, with or without surgery, and the standard of care.
    assert len(default_plans(patient, 0.0, 17)) == 17
    with pytest.raises(TwinError, match="too few distinct plans.*at most 17.*got 18"):
        default_plans(patient, 0.0, 18)


def test_a_horizon_shorter_than_the_standard_of_care_is_refused(patient):
    with pytest.raises(TwinError, match="outlasts the horizon.*Raise horizon_days above 67"):
        default_plans(patient, 0.0, horizon_days=30.0)


@pytest.mark.parametrize("site", SITES)
def test_standard_of_care_starts_on_or_after_the_decision(site):
    plan = standard_of_care(site, 61.0, 1.9)
    assert plan.standard_of_care
    assert plan.schedule.times_days[0] >= 61.0


def test_sarcoma_gets_fifty_gray_and_surgery_five_weeks_later():
    schedule = standard_of_care("soft_tissue_sarcoma", 0.0, 1.9).schedule
    assert [f.dose_gy for f in schedule.fractions] == [2.0] * 25
    assert schedule.fractions[-1].time_days == 32.0
    assert [(s.time_days, s.margin_mm) for s in schedule.surgeries] == [(67.0, 10.0)]


def test_glioma_gets_temozolomide_daily_and_six_adjuvant_cycles():
    schedule = standard_of_care("glioma", 0.0, 2.0).schedule
    assert schedule.total_dose_gy == pytest.approx(60.0)
    assert Counter(d.dose_mg for d in schedule.drug_doses) == {150.0: 42, 300.0: 5, 400.0: 25}


def test_an_unknown_site_is_refused():
    with pytest.raises(TwinError, match="unknown site.*soft_tissue_sarcoma"):
        standard_of_care("knee", 0.0, 1.9)


def test_a_pair_of_totals_means_every_total_in_whole_fractions():
    plans = fractionation(total_dose_gy=(25, 60), dose_per_fraction_gy=[5.0])
    assert [p.schedule.total_dose_gy for p in plans if not p.standard_of_care] == [
        25, 30, 35, 40, 45, 50, 55, 60
    ]  # fmt: skip


def test_quoted_totals_are_matched_to_whole_fractions():
    plan = fractionation([40.0], [2.67])[0]
    assert len(plan.schedule.fractions) == 15


def test_names_are_short_and_readable():
    plans = combine(
        fractionation([50.0], [2.0]),
        surgery([35.0]),
        chemotherapy("doxorubicin", 75.0, 2, body_surface_m2=1.9),
        body_surface_m2=1.9,
    )
    assert plans[0].name == "50 Gy / 25 fx, surgery +35 d, doxorubicin 75 mg/m2 x2"


@given(
    st.integers(1, 40),
    st.integers(1, 3),
    st.integers(1, 21),
    st.floats(0, 20),
    st.sampled_from([0.0, 7.0]),
    st.integers(0, 6),
)
def test_courses_keep_their_rhythm(fractions, per_day, per_week, decision, gap, first_weekday):
    course = RadiotherapyCourse(fractions, 2.0, per_day, per_week, gap_days=gap)
    try:
        events = course.events(decision, first_weekday)
    except NotDeliverable:
        return
    times = np.array([e.time_days for e in events])
    assert len(times) == fractions
    assert times[0] >= decision
    assert max(Counter(np.floor(times)).values()) <= per_day
    assert max(Counter((np.floor(times) + first_weekday) // 7).values()) <= per_week
    assert times[-1] - times[0] <= 56
    if math.ceil(per_week / per_day) <= 5:
        assert np.all((np.floor(times) + first_weekday) % 7 <= 4)


def test_a_gap_interrupts_the_course_after_half_of_it():
    whole, split = fractionation([20.0], [2.0], gap_days=[0.0, 14.0]).plans[:2]
    assert days(split)[:5] == days(whole)[:5]
    assert days(split)[5] - days(split)[4] > 14


def test_weekends_follow_the_weekday_of_day_zero():
    # Day 0 is a Friday: the second fraction waits for Monday, day 3.
    plan = fractionation([4.0], [2.0], first_weekday=4)[0]
    assert days(plan) == [0.0, 3.0]


def test_identical_plans_are_merged_and_stay_standard_of_care():
    plans = fractionation([50.0], [2.0], start_delay_days=[0.0, 5.0, 7.0])
    # A start on Saturday (5 days) is a start on Monday (7 days).
    assert plans.names == ("50 Gy / 25 fx", "50 Gy / 25 fx start +5 d")
    assert plans[0].standard_of_care


def test_surgery_waits_after_the_radiotherapy_of_its_combination():
    plans = combine(fractionation([50.0], [2.0]), surgery([33, 35, None]), body_surface_m2=1.9)
    found = {p.name: p.schedule.surgeries for p in plans}
    assert found["50 Gy / 25 fx, surgery +33 d"][0].time_days == 65.0
    assert found["50 Gy / 25 fx, surgery +35 d"][0].time_days == 67.0
    assert found["50 Gy / 25 fx"] == ()


def test_two_operations_cannot_be_combined():
    with pytest.raises(TwinError, match="cannot combine two operations"):
        combine(surgery([10]), surgery([20]), body_surface_m2=1.9)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"total_dose_gy": [50], "dose_per_fraction_gy": [7]}, "whole fractions"),
        ({"total_dose_gy": (30, 31), "dose_per_fraction_gy": [7]}, "whole fractions"),
        ({"fractions_per_day": 4, "fractions_per_week": 20}, "at most 3 fractions a day"),
        ({"fractions_per_week": 9}, "fractions a week must fit into 7 days"),
        (
            {"total_dose_gy": [60], "dose_per_fraction_gy": [1.2], "fractions_per_week": 3},
            "8 weeks",
        ),
        ({"total_dose_gy": [60], "horizon_days": 10}, "within the horizon of 10 days"),
    ],
)
def test_a_grid_of_which_nothing_is_left_names_the_constraint(arguments, reason):
    with pytest.raises(TwinError, match=f"no combination of the grid can be delivered.*{reason}"):
        fractionation(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"total_dose_gy": [-50]}, "total_dose_gy.*above 0 Gy"),
        ({"dose_per_fraction_gy": [200]}, "dose_per_fraction_gy.*at most 100 Gy.*cGy"),
        ({"fractions_per_day": 1.5}, "fractions_per_day.*whole number"),
        ({"start_delay_days": [-1]}, "start_delay_days.*0 or more"),
        ({"total_dose_gy": (60, 25)}, "total_dose_gy.*low to high"),
        ({"dose_per_fraction_gy": []}, "dose_per_fraction_gy.*empty"),
        ({"total_dose_gy": [math.nan]}, "total_dose_gy"),
    ],
)
def test_values_out_of_range_are_named(arguments, message):
    with pytest.raises(TwinError, match=message):
        fractionation(**arguments)


def test_an_unknown_drug_is_refused():
    with pytest.raises(TwinError, match="unknown drug 'doxorubicine'"):
        chemotherapy("doxorubicine", 75.0, 2, body_surface_m2=1.9)


def test_plans_before_the_decision_are_refused():
    plan = Plan("early", Schedule((Fraction(3.0, 2.0),)))
    with pytest.raises(TwinError, match="'early'.*before the decision day.*got day 3"):
        PlanSet((plan,), 100.0, decision_day=10.0)


def test_two_plans_of_one_name_are_refused():
    plans = tuple(Plan("same", Schedule((Fraction(day, 2.0),))) for day in (1.0, 2.0))
    with pytest.raises(TwinError, match="share a name"):
        PlanSet(plans, 100.0)


@given(st.floats(0, 60))
def test_moved_plans_keep_their_weekdays(decision_day):
    plans = fractionation([30.0], [5.0, 6.0])
    moved = plans.moved_to(decision_day)
    assert moved.names == plans.names
    for before, after in zip(plans, moved, strict=True):
        shift = np.array(days(after)) - np.array(days(before))
        assert np.all(shift % 7 == 0)
        assert decision_day <= days(after)[0] <= decision_day + 7


def test_a_plan_survives_being_stored(patient):
    for plan in default_plans(patient, 60.0, 20):
        assert Plan.from_dict(plan.to_dict()) == plan

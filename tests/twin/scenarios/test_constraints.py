"""Costs of a plan against hand counts, the neutrophil model itself, and the limits of a ranking."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.twin.scenarios.by_hand import daily_plan, outcomes_of
from twin.errors import TwinError
from twin.patient import Organ
from twin.scenarios.constraints import Limits, clinic_days, complications, cost_of
from twin.scenarios.plan_set import Plan
from twin.scenarios.ranking import rank
from twin.treatments.neutrophils import neutrophil_course
from twin.treatments.normal_tissue import COMPLICATIONS, complication_probability
from twin.treatments.schedule import DrugDose, Fraction, Schedule, Surgery

SKIN = Organ("skin", alpha_beta_gy=3.0, sparing=1.0, eqd2_limit_gy=50.0)
CORD = Organ("spinal cord", alpha_beta_gy=2.0, sparing=0.8)


def daily(fractions: int, dose_gy: float) -> Schedule:
    return Schedule(tuple(Fraction(float(i), dose_gy) for i in range(fractions)))


def cycles(drug: str, mg: float, count: int) -> Schedule:
    return Schedule((), tuple(DrugDose(21.0 * i, drug, mg) for i in range(count)))


def test_days_in_the_clinic_are_counted_once_each_and_drugs_by_mouth_not_at_all():
    twice_daily = Schedule((Fraction(0.0, 1.2), Fraction(0.25, 1.2), Fraction(1.0, 1.2)))
    infused = Schedule((), (DrugDose(1.5, "doxorubicin", 100.0), DrugDose(8.0, "ifosfamide", 1e3)))
    at_home = cycles("temozolomide", 150.0, 5)
    cut = Schedule((), (), (Surgery(40.0, 10.0),))
    assert clinic_days(twice_daily + infused + at_home + cut) == 4


def test_complication_is_that_of_the_whole_organ_dosed_with_its_share():
    schedule = daily(30, 2.5)
    found = complications(schedule, [SKIN, CORD])
    dose = np.full(10, 30 * 2.5 * 0.8)
    assert found == {
        "spinal cord": pytest.approx(complication_probability(dose, 30, "spinal cord"), rel=1e-9)
    }


def test_organ_dosed_with_its_td50_has_half_a_complication():
    td50 = COMPLICATIONS["brain"].td50_gy
    brain = Organ("brain", alpha_beta_gy=2.0, sparing=1.0)
    assert complications(daily(round(td50 / 2), 2.0), [brain])["brain"] == pytest.approx(0.5)


def test_nadir_is_that_of_the_neutrophil_model_with_what_was_given():
    before, plan = (
        cycles("doxorubicin", 135.0, 2),
        Schedule((), (DrugDose(42.0, "ifosfamide", 5e3),)),
    )
    found = cost_of(plan, [], 1.8, given=before).neutrophil_nadir_1e9_per_l
    course = neutrophil_course(before + plan, np.linspace(0.0, 84.0, 512), body_surface_m2=1.8)
    assert found == pytest.approx(course.nadir[1], rel=0.01)


def test_without_a_drug_that_acts_on_the_marrow_there_is_no_nadir():
    assert cost_of(cycles("temozolomide", 150.0, 3), [], 1.8).neutrophil_nadir_1e9_per_l is None


@given(st.integers(1, 30), st.floats(0.5, 5.0), st.integers(1, 30), st.floats(0.5, 5.0))
def test_no_worse_is_an_order_of_the_organ_dose(count, dose, other_count, other_dose):
    one = cost_of(daily(count, dose), [SKIN], 1.8)
    two = cost_of(daily(other_count, other_dose), [SKIN], 1.8)
    assert one.no_worse_than(one)
    assert one.no_worse_than(two) or two.no_worse_than(one)
    if one.organ_eqd2_gy["skin"] > 1.001 * two.organ_eqd2_gy["skin"]:
        assert not one.no_worse_than(two)


def test_more_anthracycline_or_fewer_neutrophils_are_worse_and_more_ifosfamide_alone_is_not():
    three, four = (cost_of(cycles("doxorubicin", 135.0, n), [], 1.8) for n in (3, 4))
    assert three.no_worse_than(four) and not four.no_worse_than(three)
    mild = cost_of(cycles("ifosfamide", 3e3, 3), [], 1.8)
    assert mild.no_worse_than(three) and not three.no_worse_than(mild)


PLANS = (
    daily_plan("5 x 7", 5, 7.0),
    daily_plan("20 x 2", 20, 2.0, standard_of_care=True),
    Plan("doxorubicin", cycles("doxorubicin", 150.0, 1)),
)


def ranked(limits: Limits | None) -> dict:
    outcomes = outcomes_of(10.0 ** np.array([[-1.0] * 5, [0.0] * 5, [1.0] * 5]), plans=PLANS)
    ranking = rank(outcomes, [CORD], Schedule(), body_surface_m2=2.0, limits=limits)
    return {row.plan.name: row for row in ranking.rows}


@pytest.mark.parametrize(
    ("limits", "over"),
    [
        (None, set()),
        (Limits(ntcp=0.01), {"5 x 7"}),
        (Limits(clinic_days=10), {"20 x 2"}),
        (Limits(neutrophil_nadir_1e9_per_l=1.0), {"doxorubicin"}),
        (Limits(neutrophil_nadir_1e9_per_l=0.1), set()),
    ],
)
def test_plans_over_a_limit_are_infeasible_and_ranked_last(limits, over):
    rows = ranked(limits)
    assert {name for name, row in rows.items() if not row.feasible} == over
    if over:
        assert set(list(rows)[-len(over) :]) == over


def test_ranking_tells_what_every_plan_costs():
    row = ranked(Limits(neutrophil_nadir_1e9_per_l=0.1))["doxorubicin"]
    assert row.clinic_days == 1
    assert row.organ_ntcp["spinal cord"] < 1e-6
    assert row.neutrophil_nadir_1e9_per_l is not None
    assert row.toxicity == pytest.approx(max(0.1 / row.neutrophil_nadir_1e9_per_l, 75.0 / 550.0))


@pytest.mark.parametrize("limit", [0.0, -1.0, math.nan])
def test_a_limit_that_is_not_positive_is_refused(limit):
    with pytest.raises(TwinError, match="clinic_days: a limit must be positive"):
        Limits(clinic_days=limit)

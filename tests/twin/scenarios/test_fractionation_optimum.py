"""The optimum of fractionation flips where alpha/beta and sparing say it does.

At equal dose to an organ, hypofractionation is best where α/β of the tumor is below that of the
organ over its sparing, hyperfractionation above (Mizuta et al. 2012, Unkelbach et al. 2013). Here
through the simulation of every plan and the ranking with its limit, not by the formula of BED.
"""

from dataclasses import replace

import numpy as np
import pytest

from tests.twin.scenarios.small_cases import (
    DECISION_DAY,
    HORIZON_DAYS,
    prior_posterior,
    tiny_patient,
)
from twin.parameters import Fixed
from twin.patient import Organ
from twin.scenarios.patient_ranking import rank_for
from twin.scenarios.plan_set import Plan, PlanSet
from twin.scenarios.sweep import sweep
from twin.treatments.schedule import Fraction, Schedule

ORGAN = Organ("bowel", alpha_beta_gy=3.0, sparing=0.5, eqd2_limit_gy=12.0)
FLIP_GY = ORGAN.alpha_beta_gy / ORGAN.sparing
WEEKS_DAYS = 34.0
# 20 Gy of BED to the organ each (the first 19.8), and the last one 17 % more.
COURSES = {"34 x 1": (34, 1.0), "15 x 2": (15, 2.0), "6 x 4": (6, 4.0), "7 x 4": (7, 4.0)}


def course(name: str) -> Plan:
    """Fractions spread over the same weeks, so that nothing but their size differs."""
    count, dose = COURSES[name]
    days = DECISION_DAY + WEEKS_DAYS * (np.arange(count) + 0.5) / count
    return Plan(name, Schedule(tuple(Fraction(float(day), dose) for day in days)))


PLANS = PlanSet(
    tuple(replace(course(name), standard_of_care=name == "15 x 2") for name in COURSES),
    HORIZON_DAYS,
    DECISION_DAY,
)


def ranked(alpha_beta_gy: float) -> list[str]:
    """Plans within the organ's limit, best first, for a tumor of known alpha/beta."""
    known = {
        "alpha_beta_ratio": Fixed(alpha_beta_gy),
        "radiosensitivity_alpha": Fixed(0.05),
        "proliferation_rate": Fixed(0.004),
        "diffusivity": Fixed(0.05),
    }
    patient = replace(tiny_patient(), organs=(ORGAN,))
    posterior = prior_posterior(patient, known)
    ranking = rank_for(posterior, sweep(posterior, PLANS, draws=2))
    over = {row.plan.name for row in ranking.rows if not row.feasible}
    assert over == {"7 x 4"}
    return [row.plan.name for row in ranking.rows if row.feasible]


@pytest.mark.parametrize("alpha_beta_gy", [1.5, 3.0, 0.9 * FLIP_GY])
def test_below_the_organs_ratio_over_its_sparing_large_fractions_are_best(alpha_beta_gy):
    assert ranked(alpha_beta_gy) == ["6 x 4", "15 x 2", "34 x 1"]


@pytest.mark.parametrize("alpha_beta_gy", [1.2 * FLIP_GY, 10.0, 20.0])
def test_above_it_small_fractions_are_best(alpha_beta_gy):
    assert ranked(alpha_beta_gy) == ["34 x 1", "15 x 2", "6 x 4"]

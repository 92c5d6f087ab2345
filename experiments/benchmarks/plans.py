"""Plans that differ from each other, as many as a benchmark asks for."""

from __future__ import annotations

import numpy as np

from experiments.benchmarks.case import Case
from experiments.benchmarks.patients import BODY_SURFACE_M2, treatments
from twin.scenarios.plan_set import Plan, PlanSet
from twin.treatments.schedule import DrugDose, Fraction, Schedule


def full_plans(case: Case, count: int) -> PlanSet:
    """The course of the case at `count` doses per fraction."""
    doses = np.linspace(1.6, 2.4, count)
    plans = tuple(Plan(f"{dose:.5f} Gy", treatments(case, dose_gy=float(dose))) for dose in doses)
    return PlanSet(plans, case.days)


def short_plans(count: int, horizon_days: float) -> PlanSet:
    """Three fractions and three doses of temozolomide at `count` doses per fraction."""
    drug = tuple(DrugDose(d, "temozolomide", 75.0 * BODY_SURFACE_M2) for d in (1.0, 2.0, 3.0))
    plans = tuple(
        Plan(
            f"{dose:.5f} Gy",
            Schedule(tuple(Fraction(d, float(dose)) for d in (1.0, 2.0, 3.0)), drug),
        )
        for dose in np.linspace(1.0, 3.0, count)
    )
    return PlanSet(plans, horizon_days)

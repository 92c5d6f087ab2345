"""Plans and made-up outcomes whose ranking can be worked out by hand."""

from __future__ import annotations

import numpy as np

from twin.scenarios.outcomes import Outcomes
from twin.scenarios.plan_set import Plan
from twin.treatments.schedule import DrugDose, Fraction, Schedule


def daily_plan(name: str, fractions: int, dose_gy: float, doxorubicin_mg: float = 0.0, **kwargs):
    """`fractions` of `dose_gy` on consecutive days, with one drug dose where there is one."""
    doses = (DrugDose(0.0, "doxorubicin", doxorubicin_mg),) if doxorubicin_mg else ()
    schedule = Schedule(tuple(Fraction(float(i), dose_gy) for i in range(fractions)), doses)
    return Plan(name, schedule, **kwargs)


def outcomes_of(
    residual_ml: np.ndarray, plans=None, parameters=None, status=None, progression_days=None
) -> Outcomes:
    """Outcomes with the given residual burden (P, S) and nothing else of interest."""
    residual_ml = np.asarray(residual_ml, dtype=float)
    count, draws = residual_ml.shape
    if plans is None:
        plans = tuple(daily_plan(f"plan {i}", i + 1, 2.0) for i in range(count))
    times = np.array([0.0, 90.0, 180.0])
    course = np.repeat(residual_ml[..., None], 3, axis=-1)
    if progression_days is None:
        progression_days = np.full((count, draws), 180.0)
    return Outcomes(
        plans=tuple(plans),
        times_days=times,
        viable_ml=course,
        visible_ml=course,
        endpoint_ml=residual_ml * 2,
        residual_ml=residual_ml,
        outside_margin_ml=residual_ml * 3,
        progression_days=progression_days,
        progressed=np.asarray(progression_days) < 180.0,
        tumor_bed_gy=np.ones((count, draws)),
        parameters=parameters or {"radiosensitivity_alpha": np.arange(float(draws))},
        status=np.zeros((count, draws), np.int8) if status is None else status,
    )

"""About a thousand plans for a site: its usual axes, covered evenly."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

from twin.errors import TwinError
from twin.patient import Patient
from twin.scenarios.courses import (
    DrugCourse,
    NotDeliverable,
    RadiotherapyCourse,
    Recipe,
    SurgeryTiming,
)
from twin.scenarios.plan_set import Plan, PlanSet, schedule_key
from twin.scenarios.standard_of_care import DEFAULT_HORIZON_DAYS, check_site, standard_of_care


def default_plans(
    patient: Patient,
    decision_day: float,
    count: int = 1000,
    *,
    horizon_days: float | None = None,
    first_weekday: int = 0,
) -> PlanSet:
    """`count` distinct deliverable plans for the patient's site, the standard of care first.

    The axes of the site are covered evenly by a Kronecker sequence (generalized golden ratio),
    so the same call always gives the same plans, and a smaller count its first ones.

    Args:
        patient: site and body surface are read.
        decision_day: days since the first visit; plans start on or after it.
        count: number of plans, standard of care included.
        horizon_days: days after the decision; by default the site's.
        first_weekday: weekday of day 0; 0 is Monday.

    Raises:
        TwinError: the site is unknown, the horizon is too short for the standard of care, or the
            axes do not hold `count` distinct plans.
    """
    check_site(patient.site)
    if count < 1:
        raise TwinError("too few plans asked for", where="count", expected=">= 1", got=str(count))
    horizon = DEFAULT_HORIZON_DAYS[patient.site] if horizon_days is None else horizon_days
    surface = patient.body_surface_m2
    standard = standard_of_care(patient.site, decision_day, surface, first_weekday=first_weekday)
    plans = {schedule_key(standard.schedule): standard}
    names = {standard.name}
    PlanSet((standard,), horizon, decision_day)  # refuses a horizon that it outlasts
    for recipe in itertools.islice(_site_recipes(patient.site), 200 * count):
        if len(plans) == count:
            break
        try:
            schedule = recipe.schedule(decision_day, first_weekday, surface)
        except NotDeliverable:
            continue
        key, name = schedule_key(schedule), recipe.name
        late = schedule.end_days >= decision_day + horizon
        if late or key in plans or name in names:
            continue
        plans[key] = Plan(name, schedule, False, {**recipe.tags(), "origin": "grid"}, recipe)
        names.add(name)
    if len(plans) < count:
        raise TwinError(
            "the default axes hold too few distinct plans",
            where="count",
            expected=f"at most {len(plans)} within {horizon:g} days",
            got=str(count),
            fix="Ask for fewer plans, or raise horizon_days.",
        )
    return PlanSet(tuple(plans.values()), horizon, decision_day)


_SARCOMA_AXES: tuple[tuple, ...] = (
    (1.8, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0),  # dose per fraction, Gy
    (1, 2),  # fractions a day
    (5, 6, 8, 10),  # fractions a week
    (0.0, 7.0, 14.0, 21.0),  # start delay, days
    ((0.0, 0), (50.0, 1), (50.0, 2), (75.0, 1), (75.0, 2), (75.0, 3)),  # drug mg/m², cycles
    (None, 14.0, 21.0, 28.0, 35.0, 42.0, 49.0, 56.0),  # surgery after radiotherapy, days
)
SITE_AXES = {
    "soft_tissue_sarcoma": ("doxorubicin", 21.0, 10.0, _SARCOMA_AXES),
    "generic": ("doxorubicin", 21.0, 10.0, _SARCOMA_AXES),
    "glioma": (
        "temozolomide",
        28.0,
        10.0,
        (
            (1.2, 1.8, 2.0, 2.5, 2.67, 3.4, 4.0, 5.0),
            (1, 2),
            (5, 10),
            (0.0, 7.0, 14.0, 21.0),
            ((0.0, 0), (150.0, 1), (150.0, 3), (200.0, 2), (200.0, 4), (200.0, 6)),
            (None,),
        ),
    ),
    "breast": (
        "paclitaxel",
        7.0,
        5.0,
        (
            (1.8, 2.0, 2.67, 3.0, 4.0, 5.2),
            (1, 2),
            (5, 10),
            (0.0, 7.0, 14.0, 21.0),
            ((0.0, 0), (80.0, 4), (80.0, 6), (80.0, 8), (80.0, 12)),
            (None, 14.0, 21.0, 28.0, 35.0, 42.0, 56.0),
        ),
    ),
}
_TOTAL_RANGE_GY = (25.0, 60.0)


def _site_recipes(site: str) -> Iterator[Recipe]:
    """An endless, even walk over the axes of a site."""
    drug, interval_days, margin_mm, axes = SITE_AXES[site]
    days_per_cycle = 5 if drug == "temozolomide" else 1
    dimension = len(axes) + 1
    # phi solves phi^(dimension + 1) = phi + 1; its powers give the sequence's steps.
    phi = 2.0
    for _ in range(60):
        phi = (1.0 + phi) ** (1.0 / (dimension + 1))
    steps = [phi ** -(k + 1) for k in range(dimension)]
    for n in itertools.count(1):
        u = [(0.5 + n * step) % 1.0 for step in steps]
        dose, per_day, per_week, delay, (drug_dose, cycles), wait = (
            axis[int(x * len(axis))] for axis, x in zip(axes, u, strict=False)
        )
        low, high = (
            math.ceil(_TOTAL_RANGE_GY[0] / dose - 1e-9),
            math.floor(_TOTAL_RANGE_GY[1] / dose + 1e-9),
        )
        fractions = low + int(u[-1] * (high - low + 1))
        drugs = ()
        if cycles:
            drugs = (DrugCourse(drug, drug_dose, cycles, interval_days, days_per_cycle),)
        yield Recipe(
            RadiotherapyCourse(fractions, dose, per_day, per_week, delay),
            drugs,
            None if wait is None else SurgeryTiming(wait, margin_mm),
        )

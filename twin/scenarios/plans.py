"""Generators of plans: axes in the field's words, every combination that could be delivered.

An axis takes a single value, a list of values, or a pair (low, high) for everything between:
total doses reachable with whole fractions, the usual sizes of fraction, whole numbers of
fractions a day and week, whole weeks of delay. What no clinic could give is left out; a grid of
which nothing is left is an error that names the constraint.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Sequence

from twin.errors import TwinError
from twin.scenarios.axes import (
    Axis,
    check_size,
    drug_courses,
    radiotherapy_courses,
    surgery_timings,
)
from twin.scenarios.courses import NotDeliverable, Recipe, check_range
from twin.scenarios.plan_set import Plan, PlanSet, schedule_key, unique_names
from twin.scenarios.site_grids import default_plans
from twin.scenarios.standard_of_care import SITES, standard_of_care

__all__ = [
    "Plan",
    "PlanSet",
    "SITES",
    "chemotherapy",
    "combine",
    "default_plans",
    "fractionation",
    "standard_of_care",
    "surgery",
]

FOLLOW_UP_DAYS = 60.0


def fractionation(
    total_dose_gy: Axis = (25.0, 60.0),
    dose_per_fraction_gy: Axis = (1.8, 7.0),
    fractions_per_day: Axis = 1,
    fractions_per_week: Axis = 5,
    *,
    start_delay_days: Axis = 0.0,
    gap_days: Axis = 0.0,
    decision_day: float = 0.0,
    horizon_days: float | None = None,
    site: str = "generic",
    body_surface_m2: float = 1.8,
    first_weekday: int = 0,
) -> PlanSet:
    """Radiotherapy plans over every deliverable combination of the axes.

    Args:
        total_dose_gy: a pair means every total that whole fractions reach.
        dose_per_fraction_gy: a pair means the usual sizes of fraction between.
        fractions_per_day: 1 to 3, 6 h apart.
        fractions_per_week: in a full week, spread over its working days.
        start_delay_days: from the decision; a pair means whole weeks.
        gap_days: break after half of the fractions; a pair means whole weeks.
        decision_day: days since the first visit. A set made for day 0 can be moved later with
            `PlanSet.moved_to`.
        horizon_days: by default 60 days past the last event.
        site: whose standard of care is added.
        body_surface_m2: turns mg/m² of the standard of care into mg.
        first_weekday: weekday of day 0; 0 is Monday.

    Returns:
        Distinct plans, the standard of care among them.

    Raises:
        TwinError: a value out of range, or no combination can be delivered.
    """
    courses, dropped = radiotherapy_courses(
        total_dose_gy,
        dose_per_fraction_gy,
        fractions_per_day,
        fractions_per_week,
        start_delay_days,
        gap_days,
    )
    return _plan_set(
        (Recipe(course) for course in courses),
        decision_day=decision_day,
        horizon_days=horizon_days,
        site=site,
        body_surface_m2=body_surface_m2,
        first_weekday=first_weekday,
        dropped=dropped,
    )


def chemotherapy(
    drug: str,
    dose_mg_m2: Axis,
    cycles: Axis,
    interval_days: Axis = 21.0,
    *,
    start_delay_days: Axis = 0.0,
    days_per_cycle: int = 1,
    body_surface_m2: float,
    decision_day: float = 0.0,
    horizon_days: float | None = None,
    site: str = "generic",
    first_weekday: int = 0,
) -> PlanSet:
    """Plans with one drug; a dose or a number of cycles of 0 is the plan without it.

    Args:
        drug: a known drug (`twin.treatments.DRUGS`).
        dose_mg_m2: per administration.
        cycles: number of cycles.
        interval_days: between the first days of two cycles.
        start_delay_days: from the decision to the first dose.
        days_per_cycle: consecutive days with a dose in each cycle.
        body_surface_m2: turns mg/m² into mg.
        decision_day, horizon_days, site, first_weekday: as in `fractionation`.

    Raises:
        TwinError: unknown drug or a value out of range.
    """
    courses = drug_courses(
        drug, dose_mg_m2, cycles, interval_days, start_delay_days, days_per_cycle
    )
    return _plan_set(
        (Recipe(drugs=() if c is None else (c,)) for c in courses),
        decision_day=decision_day,
        horizon_days=horizon_days,
        site=site,
        body_surface_m2=body_surface_m2,
        first_weekday=first_weekday,
    )


def surgery(
    delay_days: Axis,
    margin_mm: Axis = 10.0,
    *,
    decision_day: float = 0.0,
    horizon_days: float | None = None,
    site: str = "generic",
    body_surface_m2: float = 1.8,
    first_weekday: int = 0,
) -> PlanSet:
    """Plans with one resection; a delay of None is the plan without it.

    Args:
        delay_days: days after the last fraction (after the last drug dose without
            radiotherapy, after the decision without either); a pair means whole weeks.
        margin_mm: around the tumor outline.
        decision_day, horizon_days, site, body_surface_m2, first_weekday: as in `fractionation`.

    Raises:
        TwinError: a value out of range.
    """
    timings = surgery_timings(delay_days, margin_mm)
    return _plan_set(
        (Recipe(surgery=t) for t in timings),
        decision_day=decision_day,
        horizon_days=horizon_days,
        site=site,
        body_surface_m2=body_surface_m2,
        first_weekday=first_weekday,
    )


def combine(
    *plan_sets: PlanSet,
    body_surface_m2: float,
    decision_day: float | None = None,
    horizon_days: float | None = None,
    site: str = "generic",
    first_weekday: int = 0,
) -> PlanSet:
    """Every plan of the first set with every plan of the second, and so on.

    The courses are laid out anew: surgery counts from the last fraction of the combination.

    Args:
        plan_sets: sets made by `fractionation`, `chemotherapy`, `surgery` or `combine`.
        body_surface_m2: turns mg/m² into mg.
        decision_day: by default the latest of the sets'.
        horizon_days, site, first_weekday: as in `fractionation`.

    Raises:
        TwinError: two radiotherapy courses or two operations meet, a set was not generated, or
            no combination can be delivered.
    """
    recipes = []
    for number, plan_set in enumerate(plan_sets):
        if not plan_set.recipes:
            raise TwinError(
                "holds no generated plan to combine",
                where=f"plan set {number + 1}",
                expected="plans of fractionation, chemotherapy, surgery or combine",
            )
        recipes.append(plan_set.recipes)
    if decision_day is None:
        decision_day = max((p.decision_day for p in plan_sets), default=0.0)
    check_size(math.prod(len(r) for r in recipes))
    return _plan_set(
        (_joined(parts) for parts in itertools.product(*recipes)),
        decision_day=decision_day,
        horizon_days=horizon_days,
        site=site,
        body_surface_m2=body_surface_m2,
        first_weekday=first_weekday,
    )


def _plan_set(
    recipes: Iterable[Recipe],
    *,
    decision_day: float,
    horizon_days: float | None,
    site: str,
    body_surface_m2: float,
    first_weekday: int,
    dropped: Counter | None = None,
) -> PlanSet:
    """Lays out every recipe, drops what cannot be delivered, merges, adds standard of care."""
    check_range("body_surface_m2", body_surface_m2, lambda x: 0.1 < x < 4.0, "0.1 to 4 m²")
    dropped = Counter() if dropped is None else dropped
    plans: dict[tuple, Plan] = {}
    delivered: list[Recipe] = []
    for recipe in recipes:
        try:
            schedule = recipe.schedule(decision_day, first_weekday, body_surface_m2)
        except NotDeliverable as reason:
            dropped[str(reason)] += 1
            continue
        if horizon_days is not None and schedule.end_days >= decision_day + horizon_days:
            dropped[f"every event within the horizon of {horizon_days:g} days"] += 1
            continue
        delivered.append(recipe)
        tags = {**recipe.tags(), "origin": "grid"}
        plan = Plan(recipe.name, schedule, False, tags, recipe)
        plans.setdefault(schedule_key(schedule), plan)
    if not plans:
        reason, number = dropped.most_common(1)[0] if dropped else ("an axis is empty", 0)
        raise TwinError(
            "no combination of the grid can be delivered",
            where="plan grid",
            expected="at least one plan left",
            got=f"{sum(dropped.values())} dropped, {number} of them by: {reason}",
            fix="Widen the axes that this constraint concerns.",
        )
    standard = standard_of_care(site, decision_day, body_surface_m2, first_weekday=first_weekday)
    named = unique_names([*plans.values(), standard])
    if horizon_days is None:
        last = max(p.schedule.end_days for p in named if p.schedule)
        horizon_days = math.ceil(last - decision_day + FOLLOW_UP_DAYS)
    return PlanSet(tuple(named), horizon_days, decision_day, tuple(delivered))


def _joined(parts: Sequence[Recipe]) -> Recipe:
    courses = [p.radiotherapy for p in parts if p.radiotherapy is not None]
    operations = [p.surgery for p in parts if p.surgery is not None]
    if len(courses) > 1 or len(operations) > 1:
        what = "radiotherapy courses" if len(courses) > 1 else "operations"
        raise TwinError(f"cannot combine two {what} into one plan", where="combine")
    drugs = tuple(drug for part in parts for drug in part.drugs)
    return Recipe(courses[0] if courses else None, drugs, operations[0] if operations else None)

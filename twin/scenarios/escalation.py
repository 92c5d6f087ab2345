"""Escalating the subregion that resists: each radiotherapy plan also through an escalation map.

A plan as prescribed (map 0), one that escalates what the kill map of the posterior calls resistant
(map 1), and one that escalates the whole tumor evenly to the same mean dose (map 2). Only the
latter two are alike in dose: what the map gains is their difference. Toxicity is that of the
prescribed dose, which a boost inside the tumor understates.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from twin.calibration.maps import RESISTANT_BELOW, map_posterior
from twin.calibration.posterior import Posterior
from twin.models.varied import KILL_MAP
from twin.scenarios.plan_set import Plan, PlanSet
from twin.treatments.dose_painting import escalation_map
from twin.treatments.schedule import Schedule

SUBREGION, EVENLY = "resistant subregion escalated", "escalated evenly"


def with_escalation(
    posterior: Posterior, plans: PlanSet, *, boost: float = 1.25, below: float = RESISTANT_BELOW
) -> tuple[PlanSet, Float[np.ndarray, "3 x y z"]]:
    """Plans with their escalated variants, and the dose maps that `sweep` needs for them.

    Args:
        posterior: of a model with a kill map (`twin.models.Varied`).
        plans: those with fractions get two variants.
        boost: relative dose of the subregion (`escalation_map`).
        below: factor of the radiosensitivity below which a voxel resists.

    Raises:
        TwinError: no kill map in the posterior, or arguments that `escalation_map` refuses.
    """
    known = map_posterior(posterior, KILL_MAP)
    painted = escalation_map(known.probability_below(below), known.tumor, boost=boost)
    even = np.where(known.tumor, painted[known.tumor].mean(), 1.0).astype(np.float32)
    variants = [
        _through(plan, field, name)
        for plan in plans
        if plan.schedule.fractions
        for field, name in ((1, SUBREGION), (2, EVENLY))
    ]
    maps = np.stack([np.ones_like(painted), painted, even])
    return replace(plans, plans=(*plans.plans, *variants)), maps


def _through(plan: Plan, field: int, name: str) -> Plan:
    schedule = plan.schedule
    fractions = tuple(replace(fraction, field=field) for fraction in schedule.fractions)
    return replace(
        plan,
        name=f"{plan.name}, {name}",
        schedule=Schedule(fractions, schedule.drug_doses, schedule.surgeries),
        standard_of_care=False,
        tags={**plan.tags, "dose_map": name},
    )

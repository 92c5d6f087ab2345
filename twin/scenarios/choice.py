"""Choosing one plan under what is uncertain, and choosing again once a scan has shown more.

    loss = log10(burden at the horizon / mL + 1e-6) − days without progression

A day counts as much as a factor of ten in the burden, which thereby decides between plans that
progress alike. Among the plans whose mean loss is no larger than that of a reference (the standard
of care, later what is being given), the one with the least mean loss of its worst draws (CVaR) is
chosen: guarding against bad luck may not cost the mean.
Re-planning is model predictive control: fit all scans so far, choose anew among the plans that
begin with what was given, and follow the choice until the next scan.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from twin.calibration.calibrate import calibrate
from twin.calibration.posterior import Posterior
from twin.errors import TwinError
from twin.models.model import TumorModel
from twin.patient import Patient
from twin.scenarios.judging import losses
from twin.scenarios.outcomes import Outcomes, time_to_progression
from twin.scenarios.plan_set import Plan, PlanSet, schedule_key
from twin.scenarios.risk import cvar
from twin.scenarios.strategies import seen_volumes
from twin.scenarios.sweep import sweep
from twin.scenarios.value_of_information import value_of_scan
from twin.treatments.schedule import Schedule

CHOICE_DRAWS = 64
CHOICE_LEVEL = 0.8
FEW_PLANS = 8
"""Later choices are among so few plans that shards of this size hold them."""


@dataclass(frozen=True)
class RobustChoice:
    """The plan whose worst draws are best: an opening.

    Attributes:
        plans: candidates, all of them allowed.
        draws: posterior draws to choose on.
        seed: of the draws.
        level: of the CVaR; 0.8 is the mean of the worst fifth, 0 the mean of all.
        next_scan_day: of which the first plan says what it is worth (tags `scan_value_days` and
            `perfect_value_days`, in expected loss); None says nothing.
    """

    plans: PlanSet
    draws: int = CHOICE_DRAWS
    seed: int = 0
    level: float = CHOICE_LEVEL
    next_scan_day: float | None = None

    def __call__(self, posterior: Posterior) -> Plan:
        """The best plan from the decision day of the posterior on."""
        outcomes = sweep(posterior, self.plans, draws=self.draws, seed=self.seed)
        loss = progression_loss(outcomes)
        reference = self.plans.plans.index(self.plans.standard_of_care or self.plans[0])
        plan = self.plans[best_plan(loss, self.level, reference)]
        if self.next_scan_day is None:
            return plan
        worth = value_of_scan(outcomes, loss, self.next_scan_day, seed=self.seed)
        tags = {"scan_value_days": worth.value, "perfect_value_days": worth.perfect}
        return replace(plan, tags={**plan.tags, **tags})

    def among(
        self,
        posterior: Posterior,
        plans: PlanSet,
        seen: tuple[np.ndarray, np.ndarray],
    ) -> Plan:
        """The best of few plans, where scans since the first decision showed `seen` volumes; the
        first of them is the reference."""
        outcomes = sweep(
            posterior, plans, draws=self.draws, seed=self.seed, plans_per_shard=FEW_PLANS
        )
        return plans[best_plan(progression_loss(outcomes, seen), self.level, 0)]


@dataclass(frozen=True)
class Replanning:
    """Fits all scans so far and chooses anew among the plans that begin with what was given.

    Attributes:
        choice: how a plan is chosen, and among which.
        model: what is fitted.
    """

    choice: RobustChoice
    model: TumorModel

    def __call__(self, patient: Patient, plan: Plan, decision_day: float) -> Plan | None:
        """The best remaining plan from the last visit on; None where only one is left."""
        today = patient.visits[-1].time_days
        rest = remaining(self.choice.plans, patient.treatments, decision_day, today, first=plan)
        if len(rest) == 1:
            return None
        posterior = calibrate(patient, self.model)
        return self.choice.among(posterior, rest, seen_volumes(patient, decision_day))


def remaining(
    plans: PlanSet, given: Schedule, decision_day: float, today: float, *, first: Plan
) -> PlanSet:
    """Plans that begin with what was given from the decision on, without what is over.

    Args:
        plans: whole plans.
        given: treatments until today.
        decision_day: when the plans begin.
        today: when the rest begins.
        first: what is being given; its rest comes first.

    Raises:
        TwinError: no plan begins like this.
    """
    so_far = schedule_key(given.between(decision_day, today))
    rest = [
        replace(plan, schedule=plan.schedule.from_(today), standard_of_care=False)
        for plan in plans
        if schedule_key(plan.schedule.before(today)) == so_far
    ]
    if not rest:
        raise TwinError(
            "no plan begins with what was given",
            where=f"plans on day {today:g}",
            expected="treatments of one of the plans until then",
            got=f"{sum(map(len, so_far))} events",
        )
    going_on = schedule_key(first.schedule.from_(today))
    rest.sort(key=lambda plan: schedule_key(plan.schedule) != going_on)
    end = plans.decision_day + plans.horizon_days
    return PlanSet(tuple(rest), end - today, today)


def progression_loss(
    outcomes: Outcomes, seen: tuple[np.ndarray, np.ndarray] | None = None
) -> np.ndarray:
    """(P, S) loss of every plan under every draw, lower is better; NaN where the run failed.

    Args:
        outcomes: from today on.
        seen: days and volumes, mL, of the scans since the first decision, today's last: their
            nadir counts, and days are counted from the first of them.
    """
    burden = losses(outcomes, "residual_ml")
    if seen is None:
        return burden - outcomes.progression_days
    days, volumes = seen
    shape = (*outcomes.status.shape, len(days) - 1)
    earlier = np.broadcast_to(volumes[:-1], shape)
    times = np.concatenate([days[:-1], outcomes.times_days])
    whole = np.concatenate([earlier, outcomes.visible_ml], axis=-1)
    return burden - time_to_progression(times, whole)[0]


def best_plan(loss: np.ndarray, level: float, reference: int) -> int:
    """Index of the plan with the least CVaR among those that are in the mean no worse than one.

    Draws that failed for any plan are left out.

    Args:
        loss: (P, S), lower is better.
        level: of the CVaR.
        reference: index of the plan whose mean loss is not to be exceeded; it wins ties.

    Raises:
        TwinError: no draw ended well for all plans.
    """
    well = np.isfinite(loss).all(axis=0)
    if not well.any():
        raise TwinError("no draw ended well for all plans", where="choice of a plan")
    usable = loss[:, well]
    mean, tail = usable.mean(axis=1), cvar(usable, level)
    allowed = mean <= mean[reference]
    best = int(np.where(allowed, tail, np.inf).argmin())
    return best if tail[best] < tail[reference] else reference

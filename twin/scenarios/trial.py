"""A virtual trial: each patient of a world is treated by each strategy, with the same luck.

Strategies see scans, the world keeps the truth, and the truth judges: time to progression, time to
loss of control, toxicity. Patient, scanner noise and random draws are the same for every strategy,
so that differences are theirs. What the twin promised (on the draws a plan was chosen on, and on
fresh ones) is kept beside what came out. Everything in it is simulated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from twin.calibration.calibrate import calibrate
from twin.calibration.posterior import Posterior
from twin.models.model import TumorModel
from twin.models.state import State
from twin.patient import Visit
from twin.scenarios.outcomes import restricted_mean_days, time_to_progression
from twin.scenarios.plan_set import Plan, PlanSet, schedule_key
from twin.scenarios.strategies import Opening, Strategy
from twin.scenarios.sweep import RECORD_EVERY_DAYS, sweep
from twin.scenarios.trial_patient import TrialPatient
from twin.scenarios.trial_protocol import TrialProtocol
from twin.treatments.schedule import Schedule

FRESH_DRAWS = 64


@dataclass(frozen=True)
class Course:
    """What became of one patient under one strategy.

    Attributes:
        progression_days: after the decision until progression (+40 % over the nadir, twice), or
            until the horizon.
        progressed: whether it came.
        control_days: until the volume has outgrown that at the decision by 40 %, twice.
        uncontrolled: whether it did.
        plans: names of the plans followed, in their order.
        given: treatments from the decision on.
        visible_ml: (T,) true visible volume each week from the decision on.
    """

    progression_days: float
    progressed: bool
    control_days: float
    uncontrolled: bool
    plans: tuple[str, ...]
    given: Schedule
    visible_ml: np.ndarray

    @property
    def changes(self) -> int:
        """How often the plan was changed."""
        return len(self.plans) - 1


@dataclass(frozen=True)
class PatientResult:
    """All strategies of one patient.

    Attributes:
        number: of the patient.
        courses: strategy name -> what became of it.
        promised_days: strategy name -> gain over the first strategy in mean days without
            progression that the twin expected of the opening, on fresh posterior draws.
        converged: whether the first calibration did.
        scan_value_days: what the twin expected the next scan, and perfect knowledge, to be worth;
            None where no opening says.
    """

    number: int
    courses: Mapping[str, Course]
    promised_days: Mapping[str, float]
    converged: bool
    scan_value_days: tuple[float, float] | None = None


def treat_patient(
    patient: TrialPatient, strategies: Sequence[Strategy], model: TumorModel
) -> PatientResult:
    """Treat one patient by every strategy.

    Args:
        patient: the truth.
        strategies: the first one is the standard of care.
        model: that the twin fits to the first two scans.

    Raises:
        TwinError: a simulation of the truth failed.
    """
    protocol = patient.protocol
    decision = protocol.decision_day
    begin = patient.first_state()
    state, _ = patient.advance(begin, Schedule(), 0.0, decision)
    visits = (patient.scan(begin, 0.0), patient.scan(state, decision))
    posterior = calibrate(patient.seen_by_clinic(visits, Schedule()), model)
    opened: dict[Opening, Plan] = {}
    for strategy in strategies:
        if strategy.opening not in opened:
            opened[strategy.opening] = strategy.opening(posterior)
    return PatientResult(
        patient.number,
        {s.name: follow(patient, s, opened[s.opening], state, visits) for s in strategies},
        promised_days(posterior, protocol, {s.name: opened[s.opening] for s in strategies}),
        posterior.converged,
        _scan_value(opened.values()),
    )


def follow(
    patient: TrialPatient,
    strategy: Strategy,
    plan: Plan,
    state: State,
    visits: tuple[Visit, ...],
) -> Course:
    """Give a plan from the decision day on, and let the strategy react to every scan."""
    protocol = patient.protocol
    day, given, names = protocol.decision_day, Schedule(), [plan.name]
    volumes = [patient.visible_ml(state)[None]]
    for stop in (*protocol.scan_days, protocol.end_day):
        given += plan.schedule.between(day, stop)
        state, visible = patient.advance(state, given, day, stop)
        volumes.append(visible)
        day = stop
        if strategy.reaction is None or stop == protocol.end_day:
            continue
        visits = (*visits, patient.scan(state, day))
        clinic = patient.seen_by_clinic(visits, given)
        changed = strategy.reaction(clinic, plan, protocol.decision_day) or plan
        if schedule_key(changed.schedule.from_(day)) != schedule_key(plan.schedule.from_(day)):
            names.append(changed.name)
            plan = changed
    return _course(np.concatenate(volumes), tuple(names), given)


def promised_days(
    posterior: Posterior, protocol: TrialProtocol, plans: Mapping[str, Plan]
) -> dict[str, float]:
    """Mean days without progression of each plan beyond those of the first, on fresh draws."""
    distinct = PlanSet(tuple(plans.values()), protocol.horizon_days, protocol.decision_day)
    outcomes = sweep(posterior, distinct, draws=FRESH_DRAWS, seed=1, plans_per_shard=2)
    days = restricted_mean_days(outcomes.progression_days, protocol.horizon_days)
    index = {schedule_key(plan.schedule): i for i, plan in enumerate(outcomes.plans)}
    first = days[0]
    return {
        name: float(days[index[schedule_key(plan.schedule)]] - first)
        for name, plan in plans.items()
    }


def _scan_value(plans: Iterable[Plan]) -> tuple[float, float] | None:
    for plan in plans:
        if "scan_value_days" in plan.tags:
            return float(plan.tags["scan_value_days"]), float(plan.tags["perfect_value_days"])
    return None


def _course(visible_ml: np.ndarray, names: tuple[str, ...], given: Schedule) -> Course:
    times = RECORD_EVERY_DAYS * np.arange(len(visible_ml))
    days, progressed = time_to_progression(times, visible_ml)
    # With the volume at the decision as a floor, the nadir is that volume.
    control, lost = time_to_progression(times, np.maximum(visible_ml, visible_ml[0]))
    return Course(
        float(days), bool(progressed), float(control), bool(lost), names, given, visible_ml
    )

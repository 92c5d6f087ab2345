"""Strategies: how a first plan is made, and how a scan on the way changes it.

A strategy is an opening, which makes a plan from the posterior of the first scans, and a reaction,
which sees the patient at each later scan: images and treatments given so far, as a clinic does,
never the truth. Two strategies with one opening start with the same information and the same plan,
so that what they differ by is what the reaction makes of the later scans.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from twin.calibration.posterior import Posterior
from twin.calibration.setting import outline
from twin.patient import Patient
from twin.scenarios.courses import DrugCourse
from twin.scenarios.outcomes import time_to_progression
from twin.scenarios.plan_set import Plan
from twin.treatments.schedule import DrugDose, Schedule

RELAPSE = 1.0
RESPONSE = 0.5
"""Adaptive therapy: drug off at this share of the volume at the decision, on again at `RELAPSE`
(Zhang et al. 2017, doi 10.1038/s41467-017-01968-5, by PSA)."""


class Opening(Protocol):
    """Makes the first plan."""

    def __call__(self, posterior: Posterior) -> Plan:
        """The plan to start with on the decision day of the posterior."""
        ...


class Reaction(Protocol):
    """Changes a plan at a scan."""

    def __call__(self, patient: Patient, plan: Plan, decision_day: float) -> Plan | None:
        """The plan from the last visit on; None goes on as planned.

        Args:
            patient: visits and treatments until now; the last visit is today's.
            plan: what is being given.
            decision_day: when the first plan was made.
        """
        ...


@dataclass(frozen=True)
class Strategy:
    """A rule that makes plans and reacts to scans.

    Attributes:
        name: as users ask for it.
        description: one line.
        opening: makes the first plan.
        reaction: changes it at later scans; None never does.
    """

    name: str
    description: str
    opening: Opening
    reaction: Reaction | None = None


@dataclass(frozen=True)
class AlwaysPlan:
    """An opening that gives everyone one plan, such as the standard of care."""

    plan: Plan

    def __call__(self, posterior: Posterior) -> Plan:
        """The plan, whatever the scans show."""
        return self.plan


@dataclass(frozen=True)
class SwitchAtProgression:
    """Goes on until the outlines show progression, then gives the second line instead.

    Progression is that of `time_to_progression` on the outlined volumes of the scans since the
    decision, confirmed at two scans.

    Attributes:
        second_line: drug course from the day of the switch on.
        end_day: no cycle is given on or after it.
        first_weekday: weekday of day 0.
    """

    second_line: DrugCourse
    end_day: float
    first_weekday: int = 0

    def __call__(self, patient: Patient, plan: Plan, decision_day: float) -> Plan | None:
        """The second line from a confirmed progression on."""
        today = patient.visits[-1].time_days
        if plan.tags.get("line") == 2:
            return None
        days, volumes = seen_volumes(patient, decision_day)
        if len(days) < 2 or not time_to_progression(days, volumes)[1]:
            return None
        doses = self.second_line.events(today, self.first_weekday, patient.body_surface_m2)
        schedule = Schedule((), doses).before(self.end_day)
        return Plan(f"second line: {self.second_line}", schedule, tags={"line": 2})


@dataclass(frozen=True)
class AdaptiveDrug:
    """Drug off once the tumor has halved, on again when it is as large as at the decision.

    Fractions stay as planned. Cycles that a pause skips are put off, not dropped: no more is given
    in all than the course holds.

    Attributes:
        course: the drug, its cycles and when they may begin.
        end_day: no dose is given on or after it.
        first_weekday: weekday of day 0.
    """

    course: DrugCourse
    end_day: float
    first_weekday: int = 0

    def __call__(self, patient: Patient, plan: Plan, decision_day: float) -> Plan | None:
        """The plan with its cycles put off, or brought back."""
        today = patient.visits[-1].time_days
        if today < decision_day + self.course.start_delay_days:
            return None
        given = sum(dose.drug == self.course.drug for dose in patient.treatments.drug_doses)
        left = self.course.cycles - given // self.course.days_per_cycle
        on = drug_on(seen_volumes(patient, decision_day)[1]) and left > 0
        doses: tuple[DrugDose, ...] = ()
        if on:
            rest = replace(self.course, cycles=left, start_delay_days=0.0)
            doses = rest.events(today, self.first_weekday, patient.body_surface_m2)
        schedule = Schedule(plan.schedule.from_(today).fractions, doses).before(self.end_day)
        return Plan(f"{self.course.drug} {'on' if on else 'off'}", schedule)


def drug_on(volumes_ml: np.ndarray) -> bool:
    """Whether adaptive therapy gives the drug after volumes (T,), the first at the decision."""
    on = True
    for volume in volumes_ml:
        limit = RESPONSE if on else RELAPSE
        on = bool(volume > limit * volumes_ml[0]) if on else bool(volume >= limit * volumes_ml[0])
    return on


def seen_volumes(patient: Patient, decision_day: float) -> tuple[np.ndarray, np.ndarray]:
    """Days and outlined volumes, mL, of the scans from the decision on; 0 without an outline."""
    scans = [v for v in patient.visits if v.time_days >= decision_day]
    volumes = [patient.volume_ml(outline(visit)) if visit.masks else 0.0 for visit in scans]
    return np.array([visit.time_days for visit in scans]), np.array(volumes)

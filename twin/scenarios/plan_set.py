"""A plan is a schedule that could be given; a plan set is what a sweep compares."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from twin.errors import TwinError
from twin.scenarios.courses import Recipe
from twin.treatments.schedule import DrugDose, Fraction, Schedule, Surgery

Tags = dict[str, float | str | int]


@dataclass(frozen=True)
class Plan:
    """One treatment that could be given from the decision day on.

    Attributes:
        name: short and readable, unique in its plan set.
        schedule: events in days since the first visit.
        standard_of_care: whether this is what guidelines would give.
        tags: what generated it (total_dose_gy, dose_per_fraction_gy, fractions_per_day,
            fractions_per_week, start_delay_days, drug, drug_dose_mg_m2, cycles,
            surgery_delay_days, ..., and origin: grid, file or standard of care).
        recipe: the courses it was laid out from, where a generator made it.
    """

    name: str
    schedule: Schedule
    standard_of_care: bool = False
    tags: Tags = field(default_factory=dict)
    recipe: Recipe | None = field(default=None, repr=False, compare=False)

    def __hash__(self) -> int:
        return hash((self.name, self.schedule, self.standard_of_care))

    def to_dict(self) -> dict:
        """Plain data for JSON; `from_dict` reads it back, without the recipe."""
        schedule = self.schedule
        return {
            "name": self.name,
            "standard_of_care": self.standard_of_care,
            "tags": dict(self.tags),
            "fractions": [[f.time_days, f.dose_gy, f.field] for f in schedule.fractions],
            "drug_doses": [[d.time_days, d.drug, d.dose_mg] for d in schedule.drug_doses],
            "surgeries": [[s.time_days, s.margin_mm] for s in schedule.surgeries],
        }

    @classmethod
    def from_dict(cls, data: dict) -> Plan:
        """The plan that `to_dict` wrote.

        Raises:
            TwinError: an entry is missing or an event is out of range.
        """
        try:
            schedule = Schedule(
                tuple(Fraction(*event) for event in data["fractions"]),
                tuple(DrugDose(*event) for event in data["drug_doses"]),
                tuple(Surgery(*event) for event in data["surgeries"]),
            )
            return cls(data["name"], schedule, data["standard_of_care"], dict(data["tags"]))
        except (KeyError, TypeError) as error:
            raise TwinError(
                "not a stored plan", where="plan", got=f"{type(error).__name__}: {error}"
            ) from error


@dataclass(frozen=True)
class PlanSet:
    """Plans to be compared over one horizon; identical ones are merged when it is made.

    Attributes:
        plans: distinct plans with distinct names.
        horizon_days: days after the decision over which plans are compared.
        decision_day: days since the first visit; no plan has an event before it.
        recipes: courses that generated the plans, for `combine`; merged plans keep all of theirs.

    Raises:
        TwinError: no plan, a plan that starts before the decision or outlasts the horizon, or
            two different plans of one name.
    """

    plans: tuple[Plan, ...]
    horizon_days: float
    decision_day: float = 0.0
    recipes: tuple[Recipe, ...] = field(default=(), repr=False, compare=False)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.horizon_days) and self.horizon_days > 0):
            raise TwinError(
                "the horizon must be positive",
                where="horizon_days",
                expected="days after the decision, above 0",
                got=f"{self.horizon_days:g}",
            )
        if not self.plans:
            raise TwinError("there is no plan to compare", where="plans", expected="at least one")
        object.__setattr__(self, "plans", _merged(self.plans))
        seen: set[str] = set()
        for plan in self.plans:
            if plan.name in seen:
                raise TwinError(
                    "two different plans share a name",
                    where="plans",
                    got=repr(plan.name),
                    fix="Give each plan its own name.",
                )
            seen.add(plan.name)
            self._check_times(plan)

    def _check_times(self, plan: Plan) -> None:
        if not plan.schedule:
            return
        where = f"plan {plan.name!r}"
        first, end = plan.schedule.times_days[0], self.decision_day + self.horizon_days
        if first < self.decision_day:
            raise TwinError(
                "the plan starts before the decision day",
                where=where,
                expected=f"every event on day {self.decision_day:g} or later",
                got=f"day {first:g}",
                fix="Days count from the first visit; leave out what was already given.",
            )
        if plan.schedule.end_days >= end:
            raise TwinError(
                "the plan outlasts the horizon",
                where=where,
                expected=f"its last event before day {end:g}"
                f" ({self.horizon_days:g} days after the decision)",
                got=f"day {plan.schedule.end_days:g}",
                fix="Raise horizon_days above"
                f" {plan.schedule.end_days - self.decision_day:g} or shorten the plan.",
            )

    def __len__(self) -> int:
        return len(self.plans)

    def __iter__(self) -> Iterator[Plan]:
        return iter(self.plans)

    def __getitem__(self, index: int) -> Plan:
        return self.plans[index]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the plans, in order."""
        return tuple(plan.name for plan in self.plans)

    @property
    def standard_of_care(self) -> Plan | None:
        """The first plan marked as standard of care."""
        return next((plan for plan in self.plans if plan.standard_of_care), None)

    def moved_to(self, decision_day: float) -> PlanSet:
        """The same plans for another decision day, on the same weekdays.

        Plans made before the decision day is known (by default for day 0) are moved by whole
        weeks, so that they start on or after `decision_day`.
        """
        weeks = math.ceil((decision_day - self.decision_day) / 7.0)
        weeks += self.decision_day + 7.0 * weeks < decision_day
        moved = tuple(replace(p, schedule=p.schedule.shifted(7.0 * weeks)) for p in self.plans)
        slack = 7.0 * weeks - (decision_day - self.decision_day)
        return PlanSet(moved, self.horizon_days + slack, decision_day, self.recipes)


def schedule_key(schedule: Schedule) -> tuple:
    """What two identical schedules share: every event, times to about a second."""
    return (
        tuple((round(f.time_days, 5), round(f.dose_gy, 6), f.field) for f in schedule.fractions),
        tuple((round(d.time_days, 5), d.drug, round(d.dose_mg, 4)) for d in schedule.drug_doses),
        tuple((round(s.time_days, 5), round(s.margin_mm, 4)) for s in schedule.surgeries),
    )


def unique_names(plans: Sequence[Plan]) -> list[Plan]:
    """The plans, later ones numbered where a different plan has their name already."""
    keys: dict[str, tuple] = {}
    named: list[Plan] = []
    for plan in plans:
        key, name, number = schedule_key(plan.schedule), plan.name, 1
        while keys.setdefault(name, key) != key:
            number += 1
            name = f"{plan.name} ({number})"
        named.append(plan if name == plan.name else replace(plan, name=name))
    return named


def _merged(plans: Sequence[Plan]) -> tuple[Plan, ...]:
    """Keeps the first of identical plans; it is standard of care if one of them is."""
    kept: dict[tuple, Plan] = {}
    for plan in plans:
        key = schedule_key(plan.schedule)
        if key not in kept:
            kept[key] = plan
        elif plan.standard_of_care and not kept[key].standard_of_care:
            kept[key] = replace(kept[key], standard_of_care=True)
    return tuple(kept.values())

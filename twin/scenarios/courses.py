"""Treatment courses in the field's words, laid out on a calendar of weekdays.

A course knows its dose, size of fraction, rhythm and delay; `Recipe.schedule` turns courses into
the events of a `Schedule`. Day 0 is the first visit, by default a Monday; fractions of one day lie
6 h apart, which `twin.scenarios.toxicity` counts as complete repair.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass

from twin.errors import TwinError
from twin.treatments.chemotherapy import get_drug
from twin.treatments.schedule import DrugDose, Fraction, Schedule, Surgery

MAX_FRACTIONS_PER_DAY = 3
HOURS_BETWEEN_FRACTIONS = 6.0
MAX_COURSE_DAYS = 56.0
DRUG_FREE_DAYS = 14.0
"""Days between a drug dose and surgery, before and after; assumed, two weeks of recovery."""

# Weekdays (0 = Monday) that carry fractions when there are so many treatment days a week.
_TREATMENT_DAYS = {
    1: (0,),
    2: (0, 3),
    3: (0, 2, 4),
    4: (0, 1, 3, 4),
    5: (0, 1, 2, 3, 4),
    6: (0, 1, 2, 3, 4, 5),
    7: (0, 1, 2, 3, 4, 5, 6),
}


class NotDeliverable(Exception):
    """A combination that no clinic could give; the text names the constraint."""


@dataclass(frozen=True)
class RadiotherapyCourse:
    """`fractions` of `dose_per_fraction_gy`, in a weekly rhythm.

    Attributes:
        fractions: number of fractions.
        dose_per_fraction_gy: dose of each, Gy.
        fractions_per_day: fractions on a treatment day, 1 to 3, 6 h apart.
        fractions_per_week: fractions in a full week; up to 5 treatment days are spread over
            Monday to Friday, 6 and 7 use the weekend.
        start_delay_days: days from the decision to the earliest first fraction.
        gap_days: planned break after half of the fractions.
    """

    fractions: int
    dose_per_fraction_gy: float
    fractions_per_day: int = 1
    fractions_per_week: int = 5
    start_delay_days: float = 0.0
    gap_days: float = 0.0

    @property
    def total_dose_gy(self) -> float:
        """Sum of all fractions, Gy."""
        return self.fractions * self.dose_per_fraction_gy

    def events(self, decision_day: float, first_weekday: int) -> tuple[Fraction, ...]:
        """The fractions, at days since the first visit.

        Raises:
            NotDeliverable: too many fractions a day or a week, or a course above 8 weeks.
        """
        if self.fractions_per_day > MAX_FRACTIONS_PER_DAY:
            raise NotDeliverable(f"at most {MAX_FRACTIONS_PER_DAY} fractions a day")
        if self.fractions_per_week < self.fractions_per_day:
            raise NotDeliverable("fractions a week must not be fewer than fractions a day")
        weekly_days = math.ceil(self.fractions_per_week / self.fractions_per_day)
        if weekly_days > 7:
            raise NotDeliverable("fractions a week must fit into 7 days")
        weekdays = _TREATMENT_DAYS[weekly_days]
        # With 5 a week in pairs, the last treatment day of the week carries one fraction only.
        last_day_count = self.fractions_per_week - self.fractions_per_day * (weekly_days - 1)
        half = (self.fractions + 1) // 2 if self.gap_days else self.fractions
        day = math.ceil(decision_day + self.start_delay_days)
        events: list[Fraction] = []
        while len(events) < self.fractions:
            weekday = (day + first_weekday) % 7
            if weekday in weekdays:
                count = last_day_count if weekday == weekdays[-1] else self.fractions_per_day
                count = min(count, self.fractions - len(events))
                if len(events) < half:
                    count = min(count, half - len(events))
                events += [
                    Fraction(day + i * HOURS_BETWEEN_FRACTIONS / 24, self.dose_per_fraction_gy)
                    for i in range(count)
                ]
                if len(events) == half and half < self.fractions:
                    day += math.ceil(self.gap_days)
            day += 1
        if events[-1].time_days - events[0].time_days > MAX_COURSE_DAYS:
            raise NotDeliverable(
                f"a radiotherapy course takes at most {MAX_COURSE_DAYS / 7:g} weeks"
            )
        return tuple(events)

    def __str__(self) -> str:
        text = f"{self.total_dose_gy:.4g} Gy / {self.fractions} fx"
        if self.fractions_per_day != 1:
            text += f" {self.fractions_per_day}/day"
        if self.fractions_per_week != 5:
            text += f" {self.fractions_per_week}/week"
        if self.start_delay_days:
            text += f" start +{self.start_delay_days:g} d"
        if self.gap_days:
            text += f" gap {self.gap_days:g} d"
        return text


@dataclass(frozen=True)
class DrugCourse:
    """`cycles` cycles of one drug, each `days_per_cycle` daily doses of `dose_mg_m2`.

    Attributes:
        drug: a known drug.
        dose_mg_m2: dose of each administration, mg per m² of body surface.
        cycles: number of cycles.
        interval_days: from the first day of a cycle to the first day of the next.
        days_per_cycle: consecutive days with a dose, from the first day of the cycle.
        start_delay_days: days from the decision to the earliest first dose.
        after_radiotherapy: count `start_delay_days` from the last fraction instead.
    """

    drug: str
    dose_mg_m2: float
    cycles: int
    interval_days: float = 21.0
    days_per_cycle: int = 1
    start_delay_days: float = 0.0
    after_radiotherapy: bool = False

    def events(
        self, decision_day: float, first_weekday: int, body_surface_m2: float
    ) -> tuple[DrugDose, ...]:
        """The doses in mg, at days since the first visit; the first one is on a working day."""
        get_drug(self.drug)
        start = working_day(decision_day + self.start_delay_days, first_weekday)
        dose_mg = self.dose_mg_m2 * body_surface_m2
        return tuple(
            DrugDose(start + cycle * self.interval_days + day, self.drug, dose_mg)
            for cycle in range(self.cycles)
            for day in range(self.days_per_cycle)
        )

    def __str__(self) -> str:
        text = f"{self.drug} {self.dose_mg_m2:g} mg/m2 x{self.cycles}"
        if self.days_per_cycle > 1:
            text += f" (d1-{self.days_per_cycle})"
        if self.cycles > 1 and self.interval_days != 21.0:
            text += " daily" if self.interval_days == 1 else f" q{self.interval_days:g}d"
        if self.start_delay_days:
            text += f" start +{self.start_delay_days:g} d"
        return text


@dataclass(frozen=True)
class SurgeryTiming:
    """Resection `delay_days` after the last fraction, with `margin_mm`.

    Without radiotherapy the delay counts from the last drug dose, without either from the
    decision. Surgery takes place on a working day.
    """

    delay_days: float
    margin_mm: float = 10.0

    def __str__(self) -> str:
        text = f"surgery +{self.delay_days:g} d"
        return text if self.margin_mm == 10.0 else f"{text} margin {self.margin_mm:g} mm"


@dataclass(frozen=True)
class Recipe:
    """Courses that make up one plan, before they are given days."""

    radiotherapy: RadiotherapyCourse | None = None
    drugs: tuple[DrugCourse, ...] = ()
    surgery: SurgeryTiming | None = None

    @property
    def name(self) -> str:
        """Short and readable, in the order radiotherapy, surgery, drugs."""
        parts = [self.radiotherapy, self.surgery, *self.drugs]
        return ", ".join(str(p) for p in parts if p is not None) or "no further treatment"

    def schedule(self, decision_day: float, first_weekday: int, body_surface_m2: float) -> Schedule:
        """The events of all courses, in days since the first visit.

        Raises:
            NotDeliverable: the courses, or their combination, cannot be given.
        """
        fractions: tuple[Fraction, ...] = ()
        if self.radiotherapy is not None:
            fractions = self.radiotherapy.events(decision_day, first_weekday)
        radiotherapy_end = fractions[-1].time_days if fractions else decision_day
        doses: tuple[DrugDose, ...] = ()
        for course in self.drugs:
            origin = radiotherapy_end if course.after_radiotherapy else decision_day
            doses += course.events(origin, first_weekday, body_surface_m2)
        if self.surgery is None:
            return Schedule(fractions, doses)
        if fractions:
            origin = radiotherapy_end
        else:
            origin = max((d.time_days for d in doses), default=decision_day)
        # Counting from the day of the last fraction, not from its hour.
        day = working_day(math.floor(origin) + self.surgery.delay_days, first_weekday)
        day = max(day, float(math.ceil(decision_day)))
        if any(abs(d.time_days - day) < DRUG_FREE_DAYS for d in doses):
            raise NotDeliverable(f"no drug within {DRUG_FREE_DAYS:g} days of surgery")
        return Schedule(fractions, doses, (Surgery(day, self.surgery.margin_mm),))

    def tags(self) -> dict[str, float | str | int]:
        """What generated the plan, one entry per axis."""
        tags: dict[str, float | str | int] = {}
        if (course := self.radiotherapy) is not None:
            tags |= {
                "total_dose_gy": round(course.total_dose_gy, 6),
                "fractions": course.fractions,
                "dose_per_fraction_gy": course.dose_per_fraction_gy,
                "fractions_per_day": course.fractions_per_day,
                "fractions_per_week": course.fractions_per_week,
                "start_delay_days": course.start_delay_days,
                "gap_days": course.gap_days,
            }
        for number, drug in enumerate(self.drugs):
            suffix = f"_{number + 1}" if number else ""
            tags |= {
                f"drug{suffix}": drug.drug,
                f"drug_dose_mg_m2{suffix}": drug.dose_mg_m2,
                f"cycles{suffix}": drug.cycles,
                f"interval_days{suffix}": drug.interval_days,
                f"drug_start_delay_days{suffix}": drug.start_delay_days,
            }
        if self.surgery is not None:
            tags["surgery_delay_days"] = self.surgery.delay_days
            tags["margin_mm"] = self.surgery.margin_mm
        return tags


def dated_fractions(
    day: float,
    dose_gy: float,
    fractions: int,
    *,
    per_day: int,
    interval_hours: float,
    weekdays: Collection[int],
    first_weekday: int,
) -> list[Fraction]:
    """Fractions from `day` on, only on `weekdays` (0 = Monday), the day's first at its hour."""
    events: list[Fraction] = []
    while len(events) < fractions:
        if (math.floor(day) + first_weekday) % 7 in weekdays:
            events += [
                Fraction(day + i * interval_hours / 24, dose_gy)
                for i in range(min(per_day, fractions - len(events)))
            ]
        day += 1.0
    return events


def working_day(day: float, first_weekday: int) -> float:
    """First whole day from Monday to Friday on or after `day`; day 0 is `first_weekday`."""
    whole = math.ceil(day)
    while (whole + first_weekday) % 7 > 4:
        whole += 1
    return float(whole)


def check_range(
    name: str, value: float, valid: Callable[[float], bool], expected: str, fix: str = ""
) -> None:
    """Refuse one value of a plan's axis.

    Raises:
        TwinError: `value` is not finite or not `valid`.
    """
    if not (math.isfinite(value) and valid(value)):
        raise TwinError(
            "value out of range", where=name, expected=expected, got=f"{value:g}", fix=fix
        )

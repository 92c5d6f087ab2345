"""Dates and courses of the patient file, as days since the first visit.

A date without an hour is 12:00. Time zones are given everywhere or nowhere. Without dates, day 0
is taken to be a Monday where a course names weekdays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime, time

from twin.errors import TwinError
from twin.treatments.schedule import Fraction

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SECONDS_PER_DAY = 86400.0
HOURS_PER_DAY = 24.0


@dataclass(frozen=True)
class Moment:
    """A time as the patient file gives it: a day or a date, and where it stood."""

    where: str
    day: float | None = None
    date: datetime | None = None

    @property
    def weekday(self) -> int:
        """0 for Monday to 6 for Sunday, on the entry's own calendar."""
        if self.date is not None:
            return self.date.weekday()
        assert self.day is not None
        return math.floor(self.day) % 7


def parse_moment(day: float | None, text: str | None, *, where: str) -> Moment:
    """Read the time of an entry from its `day` or its `date`.

    Raises:
        TwinError: if both or neither are given, or the date is not ISO 8601.
    """
    if (day is None) == (text is None):
        raise TwinError(
            "an entry needs one time",
            where=where,
            expected="either day or date",
            got="neither" if day is None else "both",
            fix="Give day: (days since the first visit) or date: (ISO 8601)",
        )
    if text is None:
        return Moment(where, day=day)
    text = text.strip()
    try:
        if "T" in text.upper() or " " in text:
            return Moment(where, date=datetime.fromisoformat(text))
        return Moment(where, date=datetime.combine(date.fromisoformat(text), time(12)))
    except ValueError as error:
        raise TwinError(
            "not a date",
            where=where,
            expected="ISO 8601 such as 2026-01-05 or 2026-01-05T14:30 or 2026-01-05T14:30+01:00",
            got=f'"{text}"',
        ) from error


def check_one_calendar(moments: list[Moment]) -> None:
    """Raise a TwinError if days and dates, or dates with and without time zone, are mixed."""
    days = [m for m in moments if m.day is not None]
    dates = [m for m in moments if m.date is not None]
    if days and dates:
        raise TwinError(
            "day and date are mixed",
            where=f"{days[0].where} and {dates[0].where}",
            expected="the same kind of time in every entry",
            got=f"{len(days)} entries with day and {len(dates)} with date",
            fix="Use day everywhere, or date everywhere",
        )
    zoned = [m for m in dates if _of(m).tzinfo is not None]
    plain = [m for m in dates if _of(m).tzinfo is None]
    if zoned and plain:
        raise TwinError(
            "dates with and without a time zone are mixed",
            where=f"{zoned[0].where} and {plain[0].where}",
            expected="a time zone in every date, or in none",
            got=f"{_of(zoned[0]).isoformat()} and {_of(plain[0]).isoformat()}",
            fix="Add the time zone everywhere (a date without an hour has none), or drop it",
        )


def origin_of(visits: list[Moment]) -> Moment:
    """The first visit: day 0 of the patient.

    Raises:
        TwinError: if days are given and the first visit is not on day 0.
    """
    first = min(visits, key=_sort_key)
    if first.day is not None and first.day != 0:
        raise TwinError(
            "days count from the first visit",
            where=first.where,
            expected="day 0 for the first visit",
            got=f"day {first.day:g}",
            fix=f"Subtract {first.day:g} from every day of the file",
        )
    return first


def days_since(origin: Moment, moment: Moment) -> float:
    """Days from the first visit to an entry."""
    if moment.day is not None:
        return float(moment.day)
    return (_of(moment) - _of(origin)).total_seconds() / SECONDS_PER_DAY


def expand_course(
    moment: Moment,
    start_days: float,
    *,
    dose_gy: float,
    fractions: int,
    per_day: int,
    interval_hours: float,
    weekdays: tuple[str, ...] | None,
    field: int,
) -> tuple[Fraction, ...]:
    """Every fraction of a course.

    The first one is given at the start, `per_day` of them every treatment day,
    `interval_hours` apart; treatment days are the named weekdays.

    Args:
        moment: the start, for its weekday.
        start_days: the start, days since the first visit.
        dose_gy: dose of each fraction, Gy.
        fractions: number of fractions in all.
        per_day: fractions on each treatment day.
        interval_hours: time between two fractions of one day, hours.
        weekdays: treatment days; None for Monday to Friday, or any day for one day's course.
        field: index of the dose map.

    Raises:
        TwinError: if the course starts on another weekday or a day is too short for it.
    """
    if per_day > 1 and (per_day - 1) * interval_hours >= HOURS_PER_DAY:
        raise TwinError(
            "the fractions of one day do not fit into it",
            expected=f"{per_day} fractions within {HOURS_PER_DAY:g} hours",
            got=f"{interval_hours:g} hours between them",
        )
    anywhere = weekdays is None and fractions <= per_day
    allowed = WEEKDAYS if anywhere else weekdays or WEEKDAYS[:5]
    if WEEKDAYS[moment.weekday] not in allowed:
        calendar = " (day 0 counts as a Monday)" if moment.day is not None else ""
        raise TwinError(
            "the course starts on a day without treatment",
            expected=f"a start on one of {', '.join(allowed)}",
            got=f"{WEEKDAYS[moment.weekday]}{calendar}",
            fix="Move the start, or list the weekdays of the course",
        )
    given: list[Fraction] = []
    day = 0
    while len(given) < fractions:
        if WEEKDAYS[(moment.weekday + day) % 7] in allowed:
            for turn in range(min(per_day, fractions - len(given))):
                hours = turn * interval_hours / HOURS_PER_DAY
                given.append(Fraction(start_days + day + hours, dose_gy, field))
        day += 1
    return tuple(given)


def _of(moment: Moment) -> datetime:
    assert moment.date is not None
    return moment.date


def _sort_key(moment: Moment) -> float:
    return moment.day if moment.day is not None else _of(moment).timestamp()

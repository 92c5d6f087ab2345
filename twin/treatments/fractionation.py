"""Radiotherapy courses by name, laid out on weekdays: tuples of fractions for a `Schedule`.

Conventional 60 Gy in 30 (Stupp 2005, doi 10.1056/NEJMoa043330); hypofractionated 40 Gy in 15 or
25 Gy in 5; stereotactic 54 Gy in 3, at least 40 h apart (RTOG 0236, Timmerman 2010,
doi 10.1001/jama.2010.261). Numbers and intervals of the last two are customary, not yet checked
against the protocols.
"""

from __future__ import annotations

import math
from collections.abc import Collection

from twin.errors import TwinError
from twin.treatments.schedule import Fraction

WORKDAYS = (0, 1, 2, 3, 4)
"""Monday to Friday."""
ALTERNATE_DAYS = (0, 2, 4)
STEREOTACTIC_GAP_HOURS = 40.0


def course(
    count: int,
    dose_gy: float,
    *,
    start_day: float = 0.0,
    weekdays: Collection[int] = WORKDAYS,
    per_day: int = 1,
    interval_hours: float = 6.0,
    gap_hours: float = 0.0,
    first_weekday: int = 0,
    field: int = 0,
) -> tuple[Fraction, ...]:
    """`count` fractions of `dose_gy` from the first treatment day on or after `start_day`.

    Args:
        count: number of fractions.
        dose_gy: dose of each.
        start_day: earliest time of the first one, days since the first visit; its time of day is
            kept.
        weekdays: days of the week with treatment, 0 is Monday.
        per_day: fractions on a treatment day.
        interval_hours: between fractions of one day.
        gap_hours: least time between treatment days, beyond what the weekdays ask for.
        first_weekday: weekday of day 0.
        field: dose map.

    Raises:
        TwinError: no fractions, no weekdays, or more a day than fit.
    """
    if count < 1 or per_day < 1:
        raise TwinError(
            "a course needs fractions", where="course", expected="at least 1", got=str(count)
        )
    if not math.isfinite(start_day):
        raise TwinError(
            "the start is no day", where="start_day", expected="days", got=f"{start_day}"
        )
    if not weekdays or not set(weekdays) <= set(range(7)):
        raise TwinError(
            "no day of the week carries treatment",
            where="weekdays",
            expected="days from 0 (Monday) to 6",
            got=str(sorted(weekdays)),
        )
    if not 0.0 < interval_hours * per_day <= 24.0:
        raise TwinError(
            "the fractions of a day do not fit into it",
            where="interval_hours",
            expected=f"at most {24.0 / per_day:g} h apart",
            got=f"{interval_hours:g} h",
        )
    fractions: list[Fraction] = []
    day, latest = start_day, -math.inf
    while len(fractions) < count:
        weekday = math.floor(day + first_weekday) % 7
        if weekday in weekdays and 24.0 * (day - latest) >= gap_hours:
            today = min(per_day, count - len(fractions))
            fractions += [
                Fraction(day + number * interval_hours / 24.0, dose_gy, field)
                for number in range(today)
            ]
            latest = fractions[-1].time_days
        day += 1.0
    return tuple(fractions)


def conventional(
    total_gy: float = 60.0, dose_gy: float = 2.0, *, start_day: float = 0.0, first_weekday: int = 0
) -> tuple[Fraction, ...]:
    """Daily fractions on workdays up to a total dose, as the 60 Gy in 30 of glioblastoma.

    Raises:
        TwinError: the total is not a multiple of the fraction.
    """
    count = round(total_gy / dose_gy)
    if abs(count * dose_gy - total_gy) > 1e-6 * total_gy:
        raise TwinError(
            "the total is not a whole number of fractions",
            where="total_gy",
            expected=f"a multiple of {dose_gy:g} Gy",
            got=f"{total_gy:g} Gy",
        )
    return course(count, dose_gy, start_day=start_day, first_weekday=first_weekday)


def hypofractionated(
    total_gy: float = 40.0, count: int = 15, *, start_day: float = 0.0, first_weekday: int = 0
) -> tuple[Fraction, ...]:
    """Fewer, larger fractions on workdays: 40 Gy in 15 unless told otherwise."""
    return course(count, total_gy / count, start_day=start_day, first_weekday=first_weekday)


def sbrt(
    total_gy: float = 54.0, count: int = 3, *, start_day: float = 0.0, first_weekday: int = 0
) -> tuple[Fraction, ...]:
    """Stereotactic radiotherapy on every other workday, at least 40 h apart: 54 Gy in 3."""
    return course(
        count,
        total_gy / count,
        start_day=start_day,
        weekdays=ALTERNATE_DAYS,
        gap_hours=STEREOTACTIC_GAP_HOURS,
        first_weekday=first_weekday,
    )


def boost(
    after: tuple[Fraction, ...],
    total_gy: float = 10.0,
    dose_gy: float = 2.0,
    *,
    field: int = 1,
    first_weekday: int = 0,
) -> tuple[Fraction, ...]:
    """Fractions to a smaller field from the next workday after a course on.

    Args:
        after: the course before it, at least one fraction.
        total_gy, dose_gy: dose of the boost and of each of its fractions.
        field: dose map of the smaller field.
        first_weekday: weekday of day 0.

    Raises:
        TwinError: there is no course before it.
    """
    if not after:
        raise TwinError("there is no course to boost", where="boost", expected="its fractions")
    times = [fraction.time_days for fraction in after]
    return course(
        round(total_gy / dose_gy),
        dose_gy,
        start_day=math.floor(max(times)) + 1.0 + min(times) % 1.0,
        first_weekday=first_weekday,
        field=field,
    )

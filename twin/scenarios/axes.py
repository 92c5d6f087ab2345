"""Axes of a plan grid: single values, lists and ranges, turned into courses.

A tuple (low, high) stands for everything between: the steps that the field uses and both ends.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Sequence

from twin.errors import TwinError
from twin.scenarios.courses import DrugCourse, RadiotherapyCourse, SurgeryTiming, check_range
from twin.treatments.chemotherapy import get_drug
from twin.treatments.schedule import MAX_FRACTION_GY

Axis = float | Sequence[float] | Sequence[float | None]
"""One value, a list of values, or a tuple (low, high) for everything between."""

FRACTION_SIZES_GY = (1.2, 1.5, 1.8, 2.0, 2.25, 2.5, 2.67, 3.0, 3.5, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0)
MAX_COMBINATIONS = 200_000


def radiotherapy_courses(
    total: Axis, size: Axis, per_day: Axis, per_week: Axis, delay: Axis, gap: Axis
) -> tuple[list[RadiotherapyCourse], Counter]:
    sizes = _axis("dose_per_fraction_gy", size, FRACTION_SIZES_GY)
    for value in sizes:
        check_range(
            "dose_per_fraction_gy",
            value,
            lambda x: 0 < x <= MAX_FRACTION_GY,
            f"above 0 and at most {MAX_FRACTION_GY:g} Gy",
            "Give the dose of one fraction in Gy (1 Gy = 100 cGy).",
        )
    rhythm = [
        _axis("fractions_per_day", per_day, range(1, 100)),
        _axis("fractions_per_week", per_week, range(1, 100)),
    ]
    for name, values in zip(("fractions_per_day", "fractions_per_week"), rhythm, strict=True):
        for value in values:
            check_range(name, value, lambda x: x >= 1 and x == int(x), "a whole number from 1 on")
    times = [
        _axis("start_delay_days", delay, range(0, 400, 7)),
        _axis("gap_days", gap, range(0, 400, 7)),
    ]
    for name, values in zip(("start_delay_days", "gap_days"), times, strict=True):
        for value in values:
            check_range(name, value, lambda x: x >= 0, "days, 0 or more")
    dropped: Counter = Counter()
    doses = list(_whole_fractions(total, sizes, dropped))
    check_size(len(doses) * math.prod(len(a) for a in (*rhythm, *times)))
    courses = [
        RadiotherapyCourse(fractions, dose, int(day), int(week), start, pause)
        for dose, fractions in doses
        for day, week, start, pause in itertools.product(*rhythm, *times)
    ]
    return courses, dropped


def _whole_fractions(
    total: Axis, sizes: Sequence[float], dropped: Counter
) -> Iterator[tuple[float, int]]:
    """(dose per fraction, number of fractions) of every total that whole fractions reach."""
    if isinstance(total, tuple) and len(total) == 2:
        _check_pair("total_dose_gy", total)
        low, high = (float(t) for t in total if t is not None)
        check_range("total_dose_gy", low, lambda x: x > 0, "above 0 Gy")
        for size in sizes:
            counts = range(max(1, math.ceil(low / size - 1e-9)), math.floor(high / size + 1e-9) + 1)
            dropped["whole fractions between the total doses"] += not counts
            yield from ((size, n) for n in counts)
        return
    totals = _axis("total_dose_gy", total, ())
    for value in totals:
        check_range("total_dose_gy", value, lambda x: x > 0, "above 0 Gy")
    for value, size in itertools.product(totals, sizes):
        fractions = round(value / size)
        # Totals are quoted rounded (40 Gy for 15 x 2.67 Gy): half a percent is still whole.
        if fractions >= 1 and abs(fractions * size - value) <= 0.005 * value:
            yield size, fractions
        else:
            dropped["whole fractions: total dose is no multiple of the dose per fraction"] += 1


def drug_courses(
    drug: str,
    dose_mg_m2: Axis,
    cycles: Axis,
    interval_days: Axis,
    start_delay_days: Axis,
    days_per_cycle: int,
) -> list[DrugCourse | None]:
    get_drug(drug)
    axes = (
        ("drug_dose_mg_m2", dose_mg_m2, (), lambda x: x >= 0, "mg/m², 0 or more"),
        ("cycles", cycles, range(100), lambda x: x >= 0 and x == int(x), "a whole number"),
        ("interval_days", interval_days, range(0, 100, 7), lambda x: x > 0, "days above 0"),
        (
            "drug_start_delay_days",
            start_delay_days,
            range(0, 400, 7),
            lambda x: x >= 0,
            "days >= 0",
        ),
        ("days_per_cycle", days_per_cycle, (), lambda x: x >= 1 and x == int(x), "1 or more"),
    )
    values = []
    for name, axis, steps, valid, expected in axes:
        values.append(_axis(name, axis, steps))
        for value in values[-1]:
            check_range(name, value, valid, expected)
    check_size(math.prod(len(v) for v in values))
    return [
        DrugCourse(drug, dose, int(n), interval, int(days), start) if dose and n else None
        for dose, n, interval, start, days in itertools.product(*values)
    ]


def surgery_timings(delay_days: Axis, margin_mm: Axis) -> list[SurgeryTiming | None]:
    delays = _axis("surgery_delay_days", delay_days, range(0, 400, 7), optional=True)
    margins = _axis("margin_mm", margin_mm, ())
    for delay in delays:
        if delay is not None:
            check_range("surgery_delay_days", delay, lambda x: x >= 0, "days, 0 or more, or none")
    for margin in margins:
        check_range("margin_mm", margin, lambda x: 0 <= x <= 100, "0 to 100 mm")
    return [
        None if delay is None else SurgeryTiming(delay, margin)
        for delay, margin in itertools.product(delays, margins)
    ]


def _axis(name: str, values: Axis, steps: Sequence[float], *, optional: bool = False) -> list:
    """The values of an axis; a tuple of two stands for the steps between, ends included."""
    if values is None or isinstance(values, int | float):
        return [values]
    if isinstance(values, tuple) and len(values) == 2 and None not in values:
        _check_pair(name, values)
        low, high = values
        between = [float(s) for s in steps if low < s < high]  # type: ignore[operator]
        return sorted({float(low), *between, float(high)})  # type: ignore[arg-type]
    listed = list(values)
    if not listed:
        raise TwinError("the axis is empty", where=name, expected="at least one value")
    if None in listed and not optional:
        raise TwinError("the axis has no value none", where=name, expected="numbers")
    return listed


def _check_pair(name: str, pair: Sequence[float | None]) -> None:
    low, high = pair
    if low is None or high is None or not low <= high:
        raise TwinError(
            "a range runs from low to high", where=name, expected="low <= high", got=f"{pair}"
        )


def check_size(combinations: int) -> None:
    if combinations > MAX_COMBINATIONS:
        raise TwinError(
            "the grid is too large",
            where="plan grid",
            expected=f"at most {MAX_COMBINATIONS} combinations",
            got=str(combinations),
            fix="Shorten the axes; default_plans covers wide ranges with few plans.",
        )

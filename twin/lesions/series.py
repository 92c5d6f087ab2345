"""Series of volume readings of many lesions, checked, as padded arrays; and how a table is read.

What is done with odd readings, here and nowhere else:

- A volume of 0 (complete response, or too small to measure) is not a number to take a logarithm of.
  It counts as "smaller than `LIMIT_ML`": a reading that is censored, not dropped and not a small
  value made up. A positive reading below that limit keeps its value.
- Readings of one lesion on one day are one reading: the geometric mean of the positive ones, or 0
  if all are 0.
- Readings before day 0 are before treatment: the lesion grows untreated from them to day 0.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from twin.errors import TwinError

LIMIT_DIAMETER_MM = 5.0
"""What RECIST 1.1 (doi 10.1016/j.ejca.2008.10.026) enters for a lesion too small to measure."""
ML_PER_CUBED_MM = 0.52e-3
"""Volume of a lesion of diameter d mm is 0.52 d³ mm³, the factor of the cohort's own table."""
LIMIT_ML = ML_PER_CUBED_MM * LIMIT_DIAMETER_MM**3
Rows = Sequence[Sequence[float] | np.ndarray] | np.ndarray
"""Numbers of each lesion, as many as it has readings."""
_COLUMNS = ("Pt_hashID", "T_days", "Lesion_vol")


@dataclass(frozen=True, eq=False, repr=False)
class LesionSeries:
    """Volumes of n lesions over time, rows padded to r readings (made by `lesion_series`).

    Attributes:
        ids: a name for each lesion.
        times_days: (n, r) increasing along a row; the last one is repeated in the padding.
        volumes_ml: (n, r) at least 0; 0 is "below `LIMIT_ML`". 1 in the padding.
        mask: (n, r) True where there is a reading; readings come first.
        treatment_day: (n,) day on which treatment begins.
        groups: a label for each lesion (trial and arm of a table).
        trials: the trial of each; empty where a table does not tell.
    """

    ids: tuple[str, ...]
    times_days: Float[np.ndarray, "n r"]
    volumes_ml: Float[np.ndarray, "n r"]
    mask: Bool[np.ndarray, "n r"]
    treatment_day: Float[np.ndarray, " n"]
    groups: tuple[str, ...]
    trials: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"LesionSeries({len(self)} lesions, {self.mask.sum()} readings)"

    @property
    def counts(self) -> np.ndarray:
        """(n,) readings of each lesion."""
        return self.mask.sum(axis=1)

    @property
    def below_limit(self) -> np.ndarray:
        """(n, r) readings of 0: known only to be smaller than `LIMIT_ML`."""
        return self.mask & (self.volumes_ml == 0.0)

    @property
    def first_day(self) -> np.ndarray:
        """(n,) day of the first reading."""
        return self.times_days[:, 0]

    @property
    def last_day(self) -> np.ndarray:
        """(n,) day of the last reading."""
        return self.times_days[:, -1]

    def select(self, which: np.ndarray) -> LesionSeries:
        """The lesions that an index or a mask over (n,) picks, in its order."""
        index = np.arange(len(self))[which]
        return LesionSeries(
            tuple(self.ids[i] for i in index),
            self.times_days[index],
            self.volumes_ml[index],
            self.mask[index],
            self.treatment_day[index],
            tuple(self.groups[i] for i in index),
            tuple(self.trials[i] for i in index),
        )

    def without_last(self, count: int = 1) -> LesionSeries:
        """All but the last `count` readings of every lesion.

        Raises:
            TwinError: a lesion would be left without a reading.
        """
        short = np.flatnonzero(self.counts <= count)
        if short.size:
            raise TwinError(
                "too few readings to hold any out",
                where=f"lesion {self.ids[short[0]]}",
                expected=f"more than {count}",
                got=str(self.counts[short[0]]),
                fix="Select lesions with more readings first",
            )
        mask = np.arange(self.mask.shape[1]) < (self.counts - count)[:, None]
        return _padded(replace(self, mask=mask))

    def padded(self, width: int) -> LesionSeries:
        """The same with rows padded to at least `width` readings."""
        more = max(width - self.mask.shape[1], 0)
        columns = ((0, 0), (0, more))
        wider = replace(
            self,
            times_days=np.pad(self.times_days, columns),
            volumes_ml=np.pad(self.volumes_ml, columns),
            mask=np.pad(self.mask, columns),
        )
        return _padded(wider)


def lesion_series(
    times_days: Rows,
    volumes_ml: Rows,
    *,
    ids: Sequence[str] | None = None,
    treatment_day: float | Sequence[float] | np.ndarray = 0.0,
    groups: Sequence[str] | None = None,
    trials: Sequence[str] | None = None,
) -> LesionSeries:
    """Check the readings of some lesions and pad them to one array.

    Args:
        times_days: days of the readings, one increasing sequence for each lesion.
        volumes_ml: volumes, mL; 0 means "below `LIMIT_ML`".
        ids: names of the lesions; numbers by default.
        treatment_day: when treatment begins, for all or for each.
        groups: labels of the lesions.
        trials: the trial that each is from.

    Raises:
        TwinError: nothing given, lengths that differ, a time or volume that is no finite number, a
            negative volume, times that do not increase.
    """
    count = len(times_days)
    if count == 0 or len(volumes_ml) != count:
        raise TwinError(
            "times and volumes do not go together",
            where="lesion_series",
            expected="one sequence of times and one of volumes for each lesion, at least one",
            got=f"{count} of times, {len(volumes_ml)} of volumes",
        )
    names = tuple(str(i + 1) for i in range(count)) if ids is None else tuple(ids)
    labels = ("",) * count if groups is None else tuple(groups)
    studies = ("",) * count if trials is None else tuple(trials)
    start = np.broadcast_to(np.asarray(treatment_day, float), (count,)).copy()
    if {len(names), len(labels), len(studies)} != {count} or not np.isfinite(start).all():
        raise TwinError(
            "ids, groups, trials or treatment days do not fit the lesions",
            where="lesion_series",
            expected=f"{count} of each, days finite",
        )
    rows = [
        _checked(np.asarray(t, float), np.asarray(v, float), name)
        for t, v, name in zip(times_days, volumes_ml, names, strict=True)
    ]
    width = max(len(t) for t, _ in rows)
    times, volumes = np.zeros((count, width)), np.zeros((count, width))
    mask = np.zeros((count, width), bool)
    for i, (t, v) in enumerate(rows):
        times[i, : len(t)], volumes[i, : len(t)], mask[i, : len(t)] = t, v, True
    return _padded(LesionSeries(names, times, volumes, mask, start, labels, studies))


def read_lesions(path: str | Path) -> LesionSeries:
    """Read a table of lesions: one reading a row, in any order.

    Columns: Pt_hashID (lesion), T_days (days since treatment began), Lesion_vol (mm³, 0.52 d³);
    Study_Arm, where there is one, becomes the group, and Study_id the trial (without it, what
    Study_Arm says before "_Arm"). An arm is a label, not a comparison.

    Raises:
        TwinError: the file is missing or empty, lacks a column, or holds a bad value.
    """
    path = Path(path)
    if not path.is_file():
        raise TwinError("no such file", where=path.name, fix="Give a table of lesions, as CSV")
    readings: dict[str, dict[float, list[float]]] = {}
    groups: dict[str, str] = {}
    trials: dict[str, str] = {}
    with path.open(newline="", encoding="utf-8") as file:
        table = csv.DictReader(file)
        missing = [name for name in _COLUMNS if name not in (table.fieldnames or ())]
        if missing:
            raise TwinError(
                f"column {missing[0]!r} is missing",
                where=path.name,
                expected=", ".join(_COLUMNS),
                got=", ".join(table.fieldnames or ("nothing",)),
            )
        for row in table:
            where = f"{path.name}, line {table.line_num}"
            day, volume = (_number(row[name], name, where) for name in _COLUMNS[1:])
            if volume < 0.0:
                raise TwinError("negative volume", where=where, got=f"{volume:g} mm³")
            lesion = row["Pt_hashID"]
            readings.setdefault(lesion, {}).setdefault(day, []).append(volume / 1000.0)
            groups[lesion] = row.get("Study_Arm") or ""
            trials[lesion] = row.get("Study_id") or groups[lesion].partition("_Arm")[0]
    if not readings:
        raise TwinError("the table has no rows", where=path.name)
    days = [sorted(found) for found in readings.values()]
    volumes = [[_one_of_a_day(found[day]) for day in sorted(found)] for found in readings.values()]
    return lesion_series(
        days,
        volumes,
        ids=list(readings),
        groups=list(groups.values()),
        trials=list(trials.values()),
    )


def _one_of_a_day(volumes: list[float]) -> float:
    positive = [v for v in volumes if v > 0.0]
    return math.exp(sum(map(math.log, positive)) / len(positive)) if positive else 0.0


def _number(text: str | None, column: str, where: str) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise TwinError(
            f"{column} is not a number", where=where, expected="a finite number", got=repr(text)
        )
    return value


def _checked(times: np.ndarray, volumes: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    where = f"lesion {name}"
    if times.ndim != 1 or times.shape != volumes.shape or times.size == 0:
        raise TwinError(
            "times and volumes do not go together",
            where=where,
            expected="as many times as volumes, at least one",
            got=f"{times.size} and {volumes.size}",
        )
    for what, values in (("times", times), ("volumes", volumes)):
        if not np.isfinite(values).all():
            raise TwinError(f"{what} hold a value that is not finite", where=where)
    if volumes.min() < 0.0:
        raise TwinError(
            "negative volume", where=where, expected="mL, at least 0", got=f"{volumes.min():g}"
        )
    if (np.diff(times) <= 0.0).any():
        raise TwinError(
            "times do not increase",
            where=where,
            got=str(times.tolist()),
            fix="Sort the readings and join those of one day",
        )
    return times, volumes


def _padded(series: LesionSeries) -> LesionSeries:
    """The same with harmless values where there is no reading."""
    last = np.take_along_axis(series.times_days, series.counts[:, None] - 1, axis=1)
    return replace(
        series,
        times_days=np.where(series.mask, series.times_days, last),
        volumes_ml=np.where(series.mask, series.volumes_ml, 1.0),
    )

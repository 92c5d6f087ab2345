"""A cohort as numbers: patients, inputs, outcome and groups of one task, checked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float

from experiments.predictors.derivations import numbers
from experiments.predictors.evaluation.outcome import labels, survival
from experiments.predictors.tables import PATIENT, as_text, matches, read_tables
from experiments.predictors.task import InputEntry, RowFilter, Task
from twin.errors import TwinError

UNSEEN = -1.0
"""Code of a category that the training cohort does not have."""
_DIGITS = 6


@dataclass(frozen=True, eq=False)
class Cohort:
    """n patients with p inputs.

    Attributes:
        patients: names.
        inputs: (n, p) values; NaN is missing, categories are numbered.
        columns: names of the inputs.
        kinds: "number" or "category" of each input.
        outcome: (n,) 0 and 1, or events with times (`evaluation.outcome`).
        groups: (n,) hospital of each patient, or None.
        categories: numbered values of each category, in order.
        images: names of the inputs that came from images.
        left_out: rows that were not used, by reason.
    """

    patients: tuple[str, ...]
    inputs: Float[np.ndarray, "n p"]
    columns: tuple[str, ...]
    kinds: tuple[str, ...]
    outcome: np.ndarray
    groups: np.ndarray | None
    categories: Mapping[str, tuple[str, ...]]
    images: tuple[str, ...] = ()
    left_out: Mapping[str, int] | None = None

    def __len__(self) -> int:
        return len(self.patients)

    def select(self, columns: Sequence[str]) -> Cohort:
        """The same patients with some of the inputs.

        Raises:
            TwinError: no such input.
        """
        if unknown := [name for name in columns if name not in self.columns]:
            raise TwinError(
                f"no input {unknown[0]!r}",
                where="baseline.inputs",
                expected=f"some of {', '.join(self.columns[:20])}",
                fix="Name columns of inputs, or features of the images",
            )
        at = [self.columns.index(name) for name in columns]
        return replace(
            self,
            inputs=self.inputs[:, at],
            columns=tuple(columns),
            kinds=tuple(self.kinds[i] for i in at),
            images=tuple(name for name in self.images if name in columns),
        )

    def take(self, rows: np.ndarray) -> Cohort:
        """Some of the patients."""
        return replace(
            self,
            patients=tuple(self.patients[i] for i in rows),
            inputs=self.inputs[rows],
            outcome=self.outcome[rows],
            groups=None if self.groups is None else self.groups[rows],
        )

    def rows_as_text(self) -> list[str]:
        """Inputs and outcome of every patient, rounded to six digits: what tells patients apart."""
        outcome = self.outcome if self.outcome.dtype.names is None else self.outcome.tolist()
        return [
            ";".join(f"{value:.{_DIGITS}g}" for value in (*row, *np.atleast_1d(seen)))
            for row, seen in zip(self.inputs, outcome, strict=True)
        ]

    def digest(self) -> str:
        """SHA-256 of patients, inputs and outcome, whatever the order of rows."""
        rows = sorted(
            f"{name}:{row}" for name, row in zip(self.patients, self.rows_as_text(), strict=True)
        )
        return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def load_cohort(
    task: Task,
    task_folder: Path,
    *,
    cohort: Path | None = None,
    keep: RowFilter | None = None,
    multiply: Mapping[str, float] | None = None,
    like: Cohort | None = None,
    shuffle_seed: int | None = None,
) -> Cohort:
    """Read the cohort of a task.

    Args:
        task: what to read.
        task_folder: where its paths start.
        cohort: another folder or table file to read from.
        keep: rows to use, beside `task.eligible`; `task.keep` by default.
        multiply: factors of columns whose unit differs from that of the training cohort.
        like: the training cohort, of an external one: categories are numbered as there.
        shuffle_seed: permute voxels inside the masks first (the voxel-shuffle control).

    Raises:
        TwinError: a file, column or value is wrong, a row's outcome is neither positive, negative
            nor unknown, no row is left, or (in training) an input is constant.
    """
    table, folder = read_tables(task_folder, task.tables, cohort=cohort, missing=task.missing)
    where = task.tables[0].file if cohort is None else str(cohort)
    table, left_out = _kept(table, task, task.keep if keep is None else keep, where)
    try:
        outcome, known = _outcome(table, task)
        left_out |= {"outcome unknown": int((~known).sum())}
        table, outcome = table[known].reset_index(drop=True), outcome[known]
        if table.empty:
            raise TwinError("no patient is left", fix="Check keep, eligible and outcome.unknown")
        groups = None if task.group is None else _groups(table, task.group)
        values, categories = _inputs(table, task.inputs, multiply or {}, like)
        if like is None:
            _refuse_constant(values, task.inputs)
    except TwinError as error:
        place = f"{where}: {error.where}" if error.where else where
        raise TwinError(
            error.what, where=place, expected=error.expected, got=error.got, fix=error.fix
        ) from None
    found = Cohort(
        tuple(table[PATIENT]),
        values,
        tuple(entry.column for entry in task.inputs),
        tuple("category" if entry.kind == "category" else "number" for entry in task.inputs),
        outcome,
        groups,
        categories,
        (),
        {reason: count for reason, count in left_out.items() if count},
    )
    if task.images is not None:
        found = _with_images(found, task, folder, like, shuffle_seed)
    return found


def _kept(
    table: pd.DataFrame, task: Task, keep: RowFilter, where: str
) -> tuple[pd.DataFrame, dict[str, int]]:
    left_out = {}
    for name, rows in (("eligible", task.eligible), ("keep", keep)):
        chosen = np.ones(len(table), bool)
        for column, values in rows.items():
            _require(table, column, f"{where}: {name}")
            chosen &= matches(table[column], values).to_numpy()
        if not chosen.any():
            raise TwinError(
                f"{name} leaves no row",
                where=where,
                expected="; ".join(f"{c} in {v}" for c, v in rows.items()),
            )
        left_out[f"not in {name}"] = int((~chosen).sum())
        table = table[chosen].reset_index(drop=True)
    return table, left_out


def _outcome(table: pd.DataFrame, task: Task) -> tuple[np.ndarray, np.ndarray]:
    """The outcome of every row, and where it is known."""
    entry = task.outcome
    column = entry.label or entry.event
    assert column is not None
    for name in entry.columns:
        _require(table, name, "outcome")
    text = table[column]
    positive = matches(text, entry.positive).to_numpy()
    negative = matches(text, entry.negative).to_numpy()
    known = positive | negative
    strange = ~known & text.notna().to_numpy() & ~matches(text, entry.unknown).to_numpy()
    if strange.any():
        raise TwinError(
            f"an outcome that is neither positive, negative nor unknown: {text[strange].iloc[0]!r}",
            where=f"column {column!r}, patient {table[PATIENT][strange].iloc[0]}",
            expected=f"one of {[*entry.positive, *entry.negative, *entry.unknown]}",
            fix="List it under outcome.positive, outcome.negative or outcome.unknown",
        )
    if not entry.is_survival:
        return labels(positive), known
    assert entry.time_days is not None
    days = numbers(table, entry.time_days)
    known &= np.isfinite(days)
    if (early := known & (days < 0)).any():
        raise TwinError(
            "a negative time",
            where=f"column {entry.time_days!r}, patient {table[PATIENT][early].iloc[0]}",
            expected="0 days or more",
            got=f"{days[early][0]:g} days",
        )
    return survival(positive, np.where(known, days, 0.0)), known


def _groups(table: pd.DataFrame, column: str) -> np.ndarray:
    _require(table, column, "group")
    if table[column].isna().any():
        raise TwinError("a patient without a group", where=f"column {column!r}")
    return table[column].to_numpy(str)


def _inputs(
    table: pd.DataFrame,
    entries: Sequence[InputEntry],
    multiply: Mapping[str, float],
    like: Cohort | None,
) -> tuple[np.ndarray, dict[str, tuple[str, ...]]]:
    """(n, p) inputs, and the numbering of the categories."""
    columns, categories = [], {}
    for entry in entries:
        _require(table, entry.column, "inputs")
        if entry.kind in ("category", "ordinal"):
            text = table[entry.column].map(as_text)
            if entry.order is not None:
                known = [str(as_text(value)) for value in entry.order]
            elif like is not None:
                known = list(like.categories[entry.column])
            else:
                known = sorted(text.dropna().unique())
            codes = {value: float(number) for number, value in enumerate(known)}
            strange = text.notna() & ~text.isin(known)
            if entry.kind == "ordinal" and strange.any():
                raise TwinError(
                    "a value outside the declared order",
                    where=f"column {entry.column!r}, patient {table[PATIENT][strange].iloc[0]}",
                    expected=", ".join(known),
                    got=repr(text[strange].iloc[0]),
                    fix="Add it to order, or list it under missing",
                )
            if entry.kind == "category":
                categories[entry.column] = tuple(known)
            values = text.map(codes).astype(float).to_numpy().copy()
            values[strange.to_numpy()] = UNSEEN
        else:
            values = numbers(table, entry.column) * multiply.get(entry.column, 1.0)
            if entry.kind == "log":
                if (low := values <= 0).any():
                    raise TwinError(
                        "no logarithm of 0 or less",
                        where=f"column {entry.column!r}, patient {table[PATIENT][low].iloc[0]}",
                        expected="positive values in a log column",
                        got=f"{values[low][0]:g}",
                        fix="Correct it, list it under missing, or declare the column as number",
                    )
                values = np.log(values)
        columns.append(values)
    return np.stack(columns, axis=1) if columns else np.empty((len(table), 0)), categories


def _refuse_constant(values: np.ndarray, entries: Sequence[InputEntry]) -> None:
    for column, entry in zip(values.T, entries, strict=True):
        seen = column[np.isfinite(column)]
        if np.unique(seen).size + np.isnan(column).any() < 2:
            raise TwinError(
                "a constant column",
                where=f"column {entry.column!r}",
                expected="at least two values",
                got="nothing but empty cells" if seen.size == 0 else "one value for all patients",
                fix="Remove it from inputs",
            )


def _with_images(
    cohort: Cohort, task: Task, folder: Path, like: Cohort | None, shuffle_seed: int | None
) -> Cohort:
    """The cohort with features of its images as further inputs."""
    from experiments.features import feature_table  # type: ignore[import-not-found]

    assert task.images is not None
    features = feature_table(
        folder,
        modality=task.images.modality,
        patients=list(cohort.patients),
        shuffle_seed=shuffle_seed,
    )
    if lacking := [name for name in cohort.patients if name not in features.index]:
        raise TwinError(
            f"no {task.images.modality} features of patient {lacking[0]}", where=str(folder)
        )
    if like is not None:
        wanted = list(like.images)
    elif task.images.features == "all":
        wanted = list(features.columns)
    else:
        wanted = list(task.images.features)
    if unknown := [name for name in wanted if name not in features.columns]:
        raise TwinError(
            f"no image feature {unknown[0]!r}",
            where="images.features",
            expected=f"some of {', '.join(list(features.columns)[:20])}, …",
        )
    values = features.loc[list(cohort.patients), wanted].to_numpy(float)
    values[~np.isfinite(values)] = np.nan
    return replace(
        cohort,
        inputs=np.concatenate([cohort.inputs, values], axis=1),
        columns=(*cohort.columns, *wanted),
        kinds=(*cohort.kinds, *("number",) * len(wanted)),
        images=tuple(wanted),
    )


def _require(table: pd.DataFrame, column: str, where: str) -> None:
    if column not in table.columns:
        raise TwinError(
            f"column {column!r} is missing",
            where=where,
            got=", ".join(name for name in table.columns if name != PATIENT),
        )

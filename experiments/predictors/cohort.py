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
from experiments.predictors.tables import PATIENT, matches, read_tables
from experiments.predictors.task import InputEntry, RowFilter, Task
from experiments.predictors.values import as_text
from twin.errors import TwinError

NOTHING = "nothing known"
"""The value of a category in an empty cell."""
_DIGITS = 6


@dataclass(frozen=True)
class Reference:
    """What of a training cohort another one is read by: columns, categories, image features."""

    columns: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]
    images: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Cohort:
    """n patients with p inputs.

    Attributes:
        patients: names.
        inputs: (n, p) values; NaN is missing. A category is one column of 0 and 1 for each value.
        columns: names of the columns, such as "age" or "site=Larynx".
        sources: input that each column belongs to, such as "age" or "site".
        outcome: (n,) 0 and 1, or events with times (`evaluation.outcome`).
        groups: (n,) hospital of each patient, or None.
        categories: values of each category that have a column.
        images: names of the inputs that came from images.
        cells: (n, q) the whole table but for the names of patients, as text, columns in the order
            of their names.
        left_out: rows that were not used, by reason.
    """

    patients: tuple[str, ...]
    inputs: Float[np.ndarray, "n p"]
    columns: tuple[str, ...]
    sources: tuple[str, ...]
    outcome: np.ndarray
    groups: np.ndarray | None
    categories: Mapping[str, tuple[str, ...]]
    cells: np.ndarray
    images: tuple[str, ...] = ()
    left_out: Mapping[str, int] | None = None

    def reference(self) -> Reference:
        """What another cohort is read by."""
        return Reference(self.columns, self.categories, self.images)

    def __len__(self) -> int:
        return len(self.patients)

    def select(self, names: Sequence[str]) -> Cohort:
        """The same patients with some of the inputs.

        Raises:
            TwinError: no such input.
        """
        if unknown := [name for name in names if name not in self.sources]:
            raise TwinError(
                f"no input {unknown[0]!r}",
                where="baseline.inputs",
                expected=f"some of {', '.join(dict.fromkeys(self.sources[:20]))}",
                fix="Name columns of inputs, or features of the images",
            )
        at = [i for i, source in enumerate(self.sources) if source in names]
        return replace(
            self,
            inputs=self.inputs[:, at],
            columns=tuple(self.columns[i] for i in at),
            sources=tuple(self.sources[i] for i in at),
            images=tuple(name for name in self.images if name in names),
        )

    def take(self, rows: np.ndarray) -> Cohort:
        """Some of the patients."""
        return replace(
            self,
            patients=tuple(self.patients[i] for i in rows),
            inputs=self.inputs[rows],
            outcome=self.outcome[rows],
            cells=self.cells[rows],
            groups=None if self.groups is None else self.groups[rows],
        )

    def rows_as_text(self) -> list[str]:
        """Inputs and outcome of every patient, rounded to six digits: what tells patients apart."""
        outcome = self.outcome if self.outcome.dtype.names is None else self.outcome.tolist()
        return [
            ";".join(f"{value:.{_DIGITS}g}" for value in (*row, *np.atleast_1d(seen)))
            for row, seen in zip(self.inputs, outcome, strict=True)
        ]

    def cells_as_text(self) -> list[str]:
        """The whole row of the table of every patient."""
        return [";".join(row) for row in self.cells]

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
    like: Reference | None = None,
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
        table, outcome = table[known], outcome[known]
        if table.empty:
            raise TwinError("no patient is left", fix="Check keep, eligible and outcome.unknown")
        groups = None if task.group is None else _groups(table, task.group)
        blocks, categories = _inputs(table, task.inputs, multiply or {}, like)
        if like is None:
            _refuse_constant(blocks)
    except TwinError as error:
        raise error.at(where) from None
    found = Cohort(
        tuple(table[PATIENT]),
        np.concatenate([block.values for block in blocks], axis=1)
        if blocks
        else np.empty((len(table), 0)),
        tuple(name for block in blocks for name in block.columns),
        tuple(block.source for block in blocks for _ in block.columns),
        outcome,
        groups,
        categories,
        _cells(table, task),
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
        table = table[chosen]
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


@dataclass(frozen=True, eq=False)
class _Block:
    """The columns of one input."""

    source: str
    columns: tuple[str, ...]
    values: np.ndarray


def _inputs(
    table: pd.DataFrame,
    entries: Sequence[InputEntry],
    multiply: Mapping[str, float],
    like: Reference | None,
) -> tuple[list[_Block], dict[str, tuple[str, ...]]]:
    """The columns of every input, and the values of the categories."""
    blocks, categories = [], {}
    for entry in entries:
        _require(table, entry.column, "inputs")
        if entry.kind == "category":
            known = None if like is None else like.categories[entry.column]
            categories[entry.column], block = _category(table, entry, known)
        elif entry.kind == "flag":
            on = matches(table[entry.column], entry.values or ()).to_numpy(float)
            block = _Block(entry.column, (entry.column,), on[:, None])
        elif entry.kind == "ordinal":
            block = _Block(entry.column, (entry.column,), _ordinal(table, entry)[:, None])
        else:
            factor = multiply.get(entry.column, 1.0)
            block = _Block(entry.column, (entry.column,), _number(table, entry, factor)[:, None])
        blocks.append(block)
    return blocks, categories


def _category(
    table: pd.DataFrame, entry: InputEntry, known: tuple[str, ...] | None
) -> tuple[tuple[str, ...], _Block]:
    """One column of 0 and 1 for each value but, of two values, the first; nothing known is a value.

    Values are those of the training cohort; another one, in an external cohort, has no column.
    """
    text = table[entry.column].map(as_text).astype(object).where(lambda t: t.notna(), NOTHING)
    values = tuple(sorted(text.unique())) if known is None else known
    shown = values[1:] if len(values) == 2 else values
    columns = np.stack([(text == value).to_numpy(float) for value in shown], axis=1)
    return values, _Block(entry.column, tuple(f"{entry.column}={v}" for v in shown), columns)


def _ordinal(table: pd.DataFrame, entry: InputEntry) -> np.ndarray:
    text = table[entry.column].map(as_text)
    order = [str(as_text(value)) for value in entry.order or ()]
    strange = text.notna() & ~text.isin(order)
    if strange.any():
        raise TwinError(
            "a value outside the declared order",
            where=f"column {entry.column!r}, patient {table[PATIENT][strange].iloc[0]}",
            expected=", ".join(order),
            got=repr(text[strange].iloc[0]),
            fix="Add it to order, or list it under missing",
        )
    return text.map({value: number for number, value in enumerate(order)}).to_numpy(float)


def _number(table: pd.DataFrame, entry: InputEntry, factor: float) -> np.ndarray:
    values = numbers(table, entry.column) * factor
    if entry.kind != "log":
        return values
    if (low := values <= 0).any():
        raise TwinError(
            "no logarithm of 0 or less",
            where=f"column {entry.column!r}, patient {table[PATIENT][low].iloc[0]}",
            expected="positive values in a log column",
            got=f"{values[low][0]:g}",
            fix="Correct it, list it under missing, or declare the column as number",
        )
    return np.log(values)


def _cells(table: pd.DataFrame, task: Task) -> np.ndarray:
    """The table without what names patients."""
    names = {PATIENT, *task.tables[0].patient_columns}
    columns = sorted(column for column in table.columns if column not in names)
    return table[columns].map(as_text).to_numpy(str)


def _refuse_constant(blocks: Sequence[_Block]) -> None:
    for block in blocks:
        rows = np.unique(block.values, axis=0)
        if len(rows) < 2 or np.isnan(rows).all():
            raise TwinError(
                "a constant column",
                where=f"column {block.source!r}",
                expected="at least two values",
                got="nothing but empty cells" if np.isnan(rows).all() else "one for all patients",
                fix="Remove it from inputs",
            )


def _with_images(
    cohort: Cohort, task: Task, folder: Path, like: Reference | None, shuffle_seed: int | None
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
    # Volumes and energies span decades: logarithms where features are large, as they are near 0.
    values = np.arcsinh(np.where(np.isfinite(values), values, np.nan))
    return replace(
        cohort,
        inputs=np.concatenate([cohort.inputs, values], axis=1),
        columns=(*cohort.columns, *wanted),
        sources=(*cohort.sources, *wanted),
        images=tuple(wanted),
    )


def _require(table: pd.DataFrame, column: str, where: str) -> None:
    if column not in table.columns:
        raise TwinError(
            f"column {column!r} is missing",
            where=where,
            got=", ".join(name for name in table.columns if name != PATIENT),
        )

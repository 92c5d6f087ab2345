"""Reads the tables of a cohort as text and joins them by patient; nothing is guessed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from experiments.predictors.derivations import DERIVATIONS
from experiments.predictors.task import TableEntry
from experiments.predictors.values import Value, as_text
from twin.errors import TwinError

EMPTY = ("", "NA", "N/A", "n/a", "NaN", "nan")
"""Cells that hold nothing, in every table; a task's `missing` adds to them."""
PATIENT = "patient id"
"""Name of the column that `read_tables` adds."""


def read_tables(
    task_folder: Path,
    entries: Sequence[TableEntry],
    *,
    cohort: Path | None = None,
    missing: Sequence[Value] = (),
) -> tuple[pd.DataFrame, Path]:
    """The tables of a task joined by patient, as text, and the folder they lie in.

    Args:
        task_folder: where paths of the task file start.
        entries: tables of the task; patients are those of the first.
        cohort: another folder with files of the same names, or one table file.
        missing: values that mean "nothing known", beside `EMPTY`.

    Raises:
        TwinError: a file is missing, empty or unreadable, a column is missing, a patient is twice
            in a table or has no id, or two tables share a column.
    """
    joined: pd.DataFrame | None = None
    folder = task_folder
    for entry in entries:
        path = _place(task_folder, entry, cohort, single=len(entries) == 1)
        folder = path.parent if joined is None else folder
        table = _table(path, entry, missing)
        if joined is None:
            joined = table
            continue
        table = table.drop(columns=[c for c in entry.patient_columns if c != PATIENT])
        if shared := [name for name in table.columns if name in joined.columns and name != PATIENT]:
            raise TwinError(
                f"column {shared[0]!r} is in two tables",
                where=path.name,
                fix="Rename it in one of them",
            )
        joined = joined.merge(table, on=PATIENT, how="left", validate="one_to_one")
    assert joined is not None
    return joined, folder


def read_text_table(path: Path, missing: Sequence[Value] = ()) -> pd.DataFrame:
    """A CSV or Parquet table with every cell as text, None where it is empty."""
    if not path.is_file():
        raise TwinError(
            "no such table",
            where=str(path),
            fix="Check the path; data that may not be shipped is given with --cohort FOLDER",
        )
    try:
        if path.suffix == ".parquet":
            table = pd.read_parquet(path).astype("string")
        else:
            table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (ValueError, OSError) as error:
        text = " ".join(str(error).split())
        raise TwinError(
            "cannot read the table", where=str(path), expected="CSV or Parquet", got=text
        ) from None
    if table.empty:
        raise TwinError("the table has no rows", where=str(path))
    table = table.astype(object).where(table.notna(), None)
    table = table.map(lambda cell: cell.strip() if isinstance(cell, str) else cell)
    table.columns = [str(name).strip() for name in table.columns]
    _refuse_repeated(table.columns, path)
    nothing = {*EMPTY, *(as_text(value) for value in missing)}
    return table.where(~table.isin(nothing), None)


def _refuse_repeated(header: Iterable[str], path: Path) -> None:
    names = [str(name).strip() for name in header if str(name).strip()]
    if repeated := [name for number, name in enumerate(names) if name in names[:number]]:
        raise TwinError(
            f"column {repeated[0]!r} is in the table twice",
            where=str(path),
            expected="one column of a name",
            fix="Rename or remove one of them",
        )


def matches(column: pd.Series, values: Sequence[Value]) -> pd.Series:
    """Which cells hold one of the values."""
    return column.map(as_text).isin({as_text(value) for value in values})


def _place(task_folder: Path, entry: TableEntry, cohort: Path | None, *, single: bool) -> Path:
    if cohort is None:
        return task_folder / entry.file
    if cohort.is_file():
        if not single:
            raise TwinError(
                "one file cannot stand for several tables",
                where=str(cohort),
                fix="Give the folder that holds all tables of the task",
            )
        return cohort
    if not cohort.is_dir():
        raise TwinError("no such folder or table", where=str(cohort), fix="Check --cohort")
    return cohort / Path(entry.file).name


def _table(path: Path, entry: TableEntry, missing: Sequence[Value]) -> pd.DataFrame:
    table = read_text_table(path, missing)
    if entry.derive is not None:
        try:
            table = DERIVATIONS[entry.derive](table)
        except TwinError as error:
            raise error.at(path.name) from None
    columns = entry.patient_columns
    for name in columns:
        if name not in table.columns:
            raise TwinError(
                f"column {name!r} is missing",
                where=path.name,
                expected="the column of patients that the task names",
                got=", ".join(table.columns),
            )
    if table[columns].isna().any(axis=None):
        row = int(table[columns].isna().any(axis=1).to_numpy().argmax()) + 1
        raise TwinError("a row without a patient", where=f"{path.name}, row {row}")
    ids = table[columns].agg("-".join, axis=1)
    if ids.duplicated().any():
        raise TwinError(
            "a patient is in the table twice",
            where=path.name,
            expected="one row a patient",
            got=f"{ids[ids.duplicated()].iloc[0]!r} more than once",
            fix="Keep one row of each patient",
        )
    return table.assign(**{PATIENT: ids})

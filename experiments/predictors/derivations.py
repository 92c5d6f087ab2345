"""Tables made from others before they are read as a cohort: named, documented, nothing hidden.

Every derivation takes the table as text, as `tables.read_text_table` gives it, and returns one with
further columns or one row a patient. docs/reference/tasks.md lists them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from twin.errors import TwinError
from twin.lesions.series import LIMIT_DIAMETER_MM

GROWTH, GROWTH_MM = 1.2, 5.0
"""Growth that counts as progression in RECIST 1.1: by a fifth and by 5 mm."""


def breast_extent(table: pd.DataFrame) -> pd.DataFrame:
    """Adds `extent_mm`, the longest side of the tumor's bounding box.

    The box is given in voxels (sraw to eraw, scol to ecol, mask_start to mask_end; both ends are
    inside) and spacings in mm.
    """
    rows, columns, slices = (
        numbers(table, last) - numbers(table, first) + 1.0
        for first, last in (("sraw", "eraw"), ("scol", "ecol"), ("mask_start", "mask_end"))
    )
    in_plane, between = numbers(table, "xy_spacing"), numbers(table, "slice_thick")
    sides = np.stack([rows * in_plane, columns * in_plane, slices * between])
    return table.assign(extent_mm=_text(sides.max(axis=0)))


def lesion_trend(table: pd.DataFrame) -> pd.DataFrame:
    """One row a patient: what the first two readings of a lesion say, and the trend of all.

    - Readings of one day are one reading, their mean diameter (5 days have two, all equal).
    - A diameter of 0 is below the limit of measurement: it counts as 5 mm, what RECIST 1.1 enters.
    - The label (`response`: up, down, flux) was made from all readings. Patients with no reading
      after the second are left out: there the label would be known already.
    - `grew_later` ("yes", "no") compares the last diameter with the second: at least a fifth and
      5 mm more, the growth that RECIST 1.1 calls progression.
    - `log_change` is the logarithm of the second over the first diameter, `log_change_per_day` the
      same divided by the days between.
    """
    needed = ("Pt_hashID", "Study_Arm", "T_days", "Lesion_diam", "response")
    _require(table, needed)
    readings = pd.DataFrame(
        {
            "patient": table["Pt_hashID"],
            "day": numbers(table, "T_days"),
            "diameter": numbers(table, "Lesion_diam"),
        }
    ).dropna()
    if (readings["diameter"] < 0).any():
        raise TwinError("negative diameter", where="Lesion_diam", expected="0 mm or more")
    labels = table.groupby("Pt_hashID")[["response", "Study_Arm"]]
    if (changing := labels.nunique().max(axis=1) > 1).any():
        raise TwinError(
            "a patient with two responses or arms",
            where=f"Pt_hashID {changing.index[changing][0]}",
            expected="the same response and Study_Arm in every row of a patient",
        )
    daily = readings.groupby(["patient", "day"], sort=True)["diameter"].mean().reset_index()
    number = daily.groupby("patient").cumcount()
    count = daily.groupby("patient")["day"].size()
    first = daily[number == 0].set_index("patient")
    second = daily[number == 1].set_index("patient")
    last = daily.groupby("patient").last()
    kept = count.index[count >= 3]
    first, second, last = first.loc[kept], second.loc[kept], last.loc[kept]
    diameters = [np.maximum(r["diameter"], LIMIT_DIAMETER_MM) for r in (first, second, last)]
    grew = (diameters[2] >= GROWTH * diameters[1]) & (diameters[2] - diameters[1] >= GROWTH_MM)
    days = second["day"] - first["day"]
    change = np.log(diameters[1]) - np.log(diameters[0])
    return pd.DataFrame(
        {
            "Pt_hashID": kept,
            "diameter_1_mm": _text(diameters[0]),
            "diameter_2_mm": _text(diameters[1]),
            "day_1": _text(first["day"]),
            "days_between": _text(days),
            "log_change": _text(change),
            "log_change_per_day": _text(change / days),
            "Study_Arm": labels.first().loc[kept, "Study_Arm"].to_numpy(),
            "grew_later": np.where(grew, "yes", "no"),
            "response": labels.first().loc[kept, "response"].to_numpy(),
        }
    ).reset_index(drop=True)


def nsclc_recurrence(table: pd.DataFrame) -> pd.DataFrame:
    """Adds `days_to_recurrence`, `lobe` and `pack_years` to the table of NSCLC radiogenomics.

    Day 0 is the CT, when the inputs are known. A recurrence ends the time on its date, otherwise
    the last date on which the patient was known alive does, or the death, whichever is later;
    death without recurrence censors. `lobe` puts the six columns of location into one, several
    joined by "+". `pack_years` of nonsmokers is 0, which the table leaves open.
    """
    _require(table, ("CT Date", "Recurrence", "Date of Recurrence", "Date of Last Known Alive"))
    start, recurred, alive, died = (
        pd.to_datetime(table[name], format="%m/%d/%Y", errors="coerce")
        for name in ("CT Date", "Date of Recurrence", "Date of Last Known Alive", "Date of Death")
    )
    last = pd.concat([alive, died], axis=1).max(axis=1)
    end = recurred.where(table["Recurrence"].str.lower() == "yes", last)
    days = (end - start).dt.days.astype(float)
    prefix = "Tumor Location (choice="
    lobes = [name for name in table.columns if name.startswith(prefix)]
    checked = table[lobes] == "Checked"
    names = [name.removeprefix(prefix).removesuffix(")").removeprefix("L ") for name in lobes]
    lobe = ["+".join(n for n, on in zip(names, row, strict=True) if on) for row in checked.values]
    packs = table["Pack Years"].where(table["Smoking status"] != "Nonsmoker", "0")
    return table.assign(
        days_to_recurrence=_text(days),
        lobe=pd.Series(lobe, index=table.index).replace("", None),
        pack_years=packs,
    )


DERIVATIONS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "breast-extent": breast_extent,
    "lesion-trend": lesion_trend,
    "nsclc-recurrence": nsclc_recurrence,
}
"""Derivations by the name that a task file uses."""


def numbers(table: pd.DataFrame, column: str) -> np.ndarray:
    """(n,) a column of text as numbers, NaN where it is empty.

    Raises:
        TwinError: no such column, or a value that is no finite number.
    """
    _require(table, (column,))
    text = table[column]
    values = pd.to_numeric(text, errors="coerce")
    bad = (values.isna() & text.notna()) | np.isinf(values)
    if bad.any():
        raise TwinError(
            "not a number",
            where=f"column {column!r}, row {table.index.to_numpy(int)[bad.to_numpy()][0] + 1}",
            expected="a finite number or an empty cell",
            got=repr(text[bad].iloc[0]),
            fix="Correct it, list it under missing, or declare the column as category",
        )
    return values.to_numpy(float)


def _text(values: np.ndarray | pd.Series) -> np.ndarray:
    """Numbers back to the text form of a table, exactly; None where there is none."""
    return np.array([None if np.isnan(v) else repr(float(v)) for v in values], dtype=object)


def _require(table: pd.DataFrame, columns: tuple[str, ...]) -> None:
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise TwinError(
            f"column {missing[0]!r} is missing",
            expected=", ".join(columns),
            got=", ".join(map(str, table.columns)),
        )

"""Scans of a cohort as a generator learns them: tumor region, mask, response, clinical columns.

One HDF5 file holds a cohort, whether its patients are real or simulated. `provenance` says what a
look at it costs under a privacy budget: nothing where it rests on public anatomy and published
priors alone, and it is paid for where any hospital's patient went in.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import h5py
import numpy as np
from jaxtyping import Bool, Float, Float32

from twin.errors import TwinError
from twin.imaging.units import UNITS, check_modality

SCHEMA = "oncotwin-cohort/1"
Provenance = Literal["public", "simulated from public", "private", "synthetic"]
_COLUMN_GROUPS = ("columns", "truth")


@dataclass(frozen=True)
class ScanCohort:
    """Patients with T scans each, all on grids of one shape and voxel size.

    Arguments:
        patients: N names, each once.
        images: (N, T, x, y, z) tumor regions in the unit that the modality is kept in.
        masks: (N, T, x, y, z) tumor; never empty at the first scan.
        days: (N, T) days since the first scan.
        response: (N,) True where the tumor responded.
        columns: clinical columns, name -> (N,) numbers.
        truth: what only a simulation knows of its patients, name -> (N,); empty for real ones.
        spacing_mm: voxel size.
        modality: as in `twin.imaging.units`.
        provenance: what the scans rest on.
        source: in words, for the certificate.

    Raises:
        TwinError: shapes that differ, a patient twice, no label, an empty mask or NaN.
    """

    patients: tuple[str, ...]
    images: Float32[np.ndarray, "n t x y z"]
    masks: Bool[np.ndarray, "n t x y z"]
    days: Float[np.ndarray, "n t"]
    response: Bool[np.ndarray, " n"]
    spacing_mm: tuple[float, float, float]
    modality: str
    provenance: Provenance
    source: str
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)
    truth: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check(self)

    def __len__(self) -> int:
        return len(self.patients)

    @property
    def unit(self) -> str:
        """Unit of the images."""
        return next(iter(UNITS[self.modality]))

    @property
    def volumes_ml(self) -> Float[np.ndarray, "n t"]:
        """Volume of each mask, mL."""
        return self.masks.sum(axis=(2, 3, 4)) * float(np.prod(self.spacing_mm)) / 1000.0

    def select(self, rows: np.ndarray) -> ScanCohort:
        """The cohort of some patients, by index or truth value."""
        rows = np.arange(len(self))[rows]
        return ScanCohort(
            tuple(self.patients[row] for row in rows),
            self.images[rows],
            self.masks[rows],
            self.days[rows],
            self.response[rows],
            self.spacing_mm,
            self.modality,
            self.provenance,
            self.source,
            {name: values[rows] for name, values in self.columns.items()},
            {name: values[rows] for name, values in self.truth.items()},
        )


def write_cohort(cohort: ScanCohort, path: str | Path) -> None:
    """Write a cohort as one HDF5 file, complete or not at all.

    Raises:
        TwinError: the file cannot be written.
    """
    path = Path(path)
    part = path.with_name(path.name + ".part")
    try:
        with h5py.File(part, "w") as file:
            file.attrs.update(
                schema=SCHEMA,
                spacing_mm=cohort.spacing_mm,
                modality=cohort.modality,
                provenance=cohort.provenance,
                source=cohort.source,
            )
            for name in ("images", "masks"):
                values = getattr(cohort, name)
                file.create_dataset(
                    name, data=values, chunks=(1, *values.shape[1:]), compression="lzf"
                )
            file["days"], file["response"] = cohort.days, cohort.response
            file["patients"] = list(cohort.patients)
            for group in _COLUMN_GROUPS:
                for name, values in getattr(cohort, group).items():
                    file[f"{group}/{name}"] = values
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise TwinError("cannot write the cohort", where=str(path), got=str(error)) from error


def read_cohort(path: str | Path) -> ScanCohort:
    """Read a cohort file.

    Raises:
        TwinError: the file is missing, damaged, of another schema, or breaks a rule of
            `ScanCohort`.
    """
    path = Path(path)
    try:
        with h5py.File(path, "r") as file:
            schema = file.attrs.get("schema")
            if schema != SCHEMA:
                raise TwinError(
                    "not a cohort of this version",
                    where=str(path),
                    expected=f"schema {SCHEMA}",
                    got=str(schema),
                    fix="Write it with `oncotwin synth cohort` or generative.write_cohort.",
                )
            values: dict[str, Any] = {
                name: np.asarray(file[name]) for name in ("images", "masks", "days", "response")
            }
            for group in _COLUMN_GROUPS:
                columns: Any = file.get(group, {})
                values[group] = {name: np.asarray(data) for name, data in columns.items()}
            names: Any = file["patients"]
            cohort = ScanCohort(
                patients=tuple(names.asstr()[:].tolist()),
                spacing_mm=tuple(np.asarray(file.attrs["spacing_mm"], float).tolist()),
                modality=str(file.attrs["modality"]),
                provenance=str(file.attrs["provenance"]),  # type: ignore[arg-type]
                source=str(file.attrs["source"]),
                **values,
            )
    except TwinError as error:
        raise (error if str(path) in error.where else error.at(str(path))) from None
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise TwinError(
            "cannot be read as a cohort",
            where=str(path),
            expected="a complete HDF5 file with images, masks, days, response and patients",
            got=str(error),
            fix="Write it again with `oncotwin synth cohort` or generative.write_cohort.",
        ) from error
    return cohort


def _check(cohort: ScanCohort) -> None:
    check_modality(cohort.modality, where="modality")
    if cohort.provenance not in get_args(Provenance):
        raise TwinError(
            "provenance is not known",
            where="provenance",
            expected=f"one of {', '.join(get_args(Provenance))}",
            got=cohort.provenance,
        )
    count, shape = len(cohort.patients), cohort.images.shape
    if count == 0:
        raise TwinError("the cohort holds no patient", where="patients")
    expected = {
        "images": (count, *shape[1:]),
        "masks": shape,
        "days": shape[:2],
        "response": shape[:1],
        **{
            f"{group}/{name}": shape[:1]
            for group in _COLUMN_GROUPS
            for name in getattr(cohort, group)
        },
    }
    for name, wanted in expected.items():
        values = _values(cohort, name)
        if values.shape != wanted or (name == "images" and len(shape) != 5):
            raise TwinError(
                "array has another shape than its cohort",
                where=name,
                expected="(patients, scans, x, y, z)" if name == "images" else f"shape {wanted}",
                got=f"shape {values.shape} with {count} patients",
            )
        if name in ("masks", "response") and values.dtype != bool:
            raise TwinError(
                "values are not true or false", where=name, expected="bool", got=str(values.dtype)
            )
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise TwinError(
                "values are not finite",
                where=name,
                expected="finite numbers",
                got=f"{int((~np.isfinite(values)).sum())} of {values.size} are not",
                fix="Leave out the patients concerned, or fill their values before.",
            )
    edges = np.asarray(cohort.spacing_mm, float)
    if edges.shape != (3,) or not (np.isfinite(edges).all() and (edges > 0.0).all()):
        raise TwinError(
            "voxel size is not positive",
            where="spacing_mm",
            expected="three edges above 0 mm",
            got=str(cohort.spacing_mm),
        )
    seen: set[str] = set()
    for name in cohort.patients:
        if name in seen:
            raise TwinError(
                "a patient is there twice",
                where="patients",
                expected="all scans of a patient in one row, since privacy is per patient",
                got=name,
            )
        seen.add(name)
    empty = ~cohort.masks[:, 0].any(axis=(1, 2, 3))
    if empty.any():
        raise TwinError(
            "mask is empty at the first scan",
            where=f"masks of {cohort.patients[int(np.argmax(empty))]}",
            expected="a tumor of at least one voxel",
            got=f"{int(empty.sum())} patients without one",
            fix="Leave them out.",
        )
    if (cohort.days[:, 0] != 0.0).any() or (np.diff(cohort.days, axis=1) <= 0.0).any():
        raise TwinError(
            "days of the scans are not usable",
            where="days",
            expected="0 at the first scan, then increasing",
            got=f"{cohort.days.min():g} to {cohort.days.max():g}",
        )


def _values(cohort: ScanCohort, name: str) -> np.ndarray:
    group, _, column = name.partition("/")
    values = getattr(cohort, group)
    return np.asarray(values[column] if column else values)

"""From the entries of a patient file to a patient: times, treatments, images, cross-checks."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from twin.errors import Problems, TwinError
from twin.grid import Grid
from twin.imaging.image import Image
from twin.imaging.nifti import affine_disagrees, read_mask, read_nifti
from twin.imaging.tensor import check_positive, tensor_on_grid
from twin.imaging.units import check_modality, check_plausible, to_kept_unit
from twin.patient import Patient
from twin.patient_folder.entries import read_organs, read_shifts
from twin.patient_folder.names import FILE, SCAN_FILE
from twin.patient_folder.schema import PatientFile, ScanFile, Timed, VisitEntry
from twin.patient_folder.times import (
    Moment,
    check_one_calendar,
    days_since,
    expand_course,
    origin_of,
    parse_moment,
)
from twin.treatments.schedule import DrugDose, Fraction, Schedule, Surgery
from twin.visit import Visit, check_distinct, check_same_grid

MAX_OUTSIDE = 0.05
"""Largest share of a mask that may lie outside the tissue."""
FRACTION_TOLERANCE = 1e-3


def read_entries(
    entry: PatientFile, folder: Path, problems: Problems, provenance: dict[str, str]
) -> Patient | None:
    """Read every file that a patient file names and put the patient together.

    Args:
        entry: the validated patient file.
        folder: the folder it lies in.
        problems: gets everything that is wrong.
        provenance: gets relative file -> SHA-256, and the decisions on spacing.

    Returns:
        the patient, or None if there is no frame. If there were errors, it lacks what could not
        be read and serves only to say what is there.
    """
    times = _Times(entry, problems)
    treatments = _treatments(entry, times, problems)
    organs, shifts = read_organs(entry, problems), read_shifts(entry, problems)
    files = _Files(folder, entry.spacing_from, problems, provenance)
    tissue = files.mask(entry.tissue, "tissue")
    tissues = _tissues(files, entry.tissues)
    tensor = _tensor(files, entry.tensor, tissue)
    visits = [
        _visit(files, visit, f"visits[{number}]", times.of(visit)[1], tissue)
        for number, visit in enumerate(entry.visits)
    ]
    _check_visits(visits, entry, problems)
    if tissue is None or files.frame is None:
        return None
    # After an error the patient is partial, and what it complains of itself is known already.
    with (Problems() if problems.found else problems).at(FILE):
        return Patient(
            id=entry.id,
            site=entry.site,
            grid=files.frame,
            tissue=tissue,
            tissues=tissues,
            visits=tuple(visits),
            treatments=treatments,
            organs=organs,
            body_surface_m2=entry.body_surface_m2,
            simulated_note=entry.simulated_note,
            tensor=tensor,
            provenance=provenance,
            markers=entry.markers,
            prior_shifts=shifts,
        )
    return None


class _Times:
    """Every time of the patient file, as days since the first visit."""

    def __init__(self, entry: PatientFile, problems: Problems) -> None:
        self._moments: dict[int, Moment] = {}
        given = entry.treatments
        for name, entries in (
            ("visits", entry.visits),
            ("treatments.radiotherapy", given.radiotherapy),
            ("treatments.drugs", given.drugs),
            ("treatments.surgery", given.surgery),
        ):
            for number, timed in enumerate(entries):
                with problems.at():
                    where = f"{FILE}: {name}[{number}]"
                    self._moments[id(timed)] = parse_moment(timed.day, timed.date, where=where)
        self._origin: Moment | None = None
        with problems.at():
            check_one_calendar(list(self._moments.values()))
            visits = [self._moments[id(v)] for v in entry.visits if id(v) in self._moments]
            self._origin = origin_of(visits) if visits else None

    def of(self, timed: Timed) -> tuple[Moment | None, float | None]:
        """The moment of an entry and its day, None for what cannot be known."""
        moment = self._moments.get(id(timed))
        if moment is None or self._origin is None:
            return moment, None
        return moment, days_since(self._origin, moment)


class _DaysOnly:
    """Times of a scan: days since the patient's first visit."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems

    def of(self, timed: Timed) -> tuple[Moment | None, float | None]:
        """The moment of an entry and its day, None for what cannot be known."""
        if timed.day is not None and timed.date is None:
            return Moment("", day=timed.day), timed.day
        self._problems.add(
            TwinError(
                "a scan is timed in days since the patient's first visit",
                where=SCAN_FILE,
                expected="day: (a number)",
                got="a date" if timed.date else "no day",
            )
        )
        return None, None


def read_scan_entries(
    entry: ScanFile,
    folder: Path,
    patient: Patient,
    problems: Problems,
    provenance: dict[str, str],
) -> tuple[Visit, Schedule]:
    """Visit and treatments of a scan on the frame of its patient (see `read_entries`)."""
    times = _DaysOnly(problems)
    files = _Files(folder, None, problems, provenance)
    files.frame = patient.grid
    day = times.of(entry)[1]
    visit = _visit(files, entry, SCAN_FILE, day, patient.tissue)
    return visit, _treatments(entry, times, problems)


def _treatments(
    entry: PatientFile | ScanFile, times: _Times | _DaysOnly, problems: Problems
) -> Schedule:
    fractions: list[Fraction] = []
    drugs: list[DrugDose] = []
    surgeries: list[Surgery] = []
    # An unknown day was reported already; day 0 lets the doses be checked all the same.
    for number, course in enumerate(entry.treatments.radiotherapy):
        moment, day = times.of(course)
        with problems.at(f"{FILE}: treatments.radiotherapy[{number}]"):
            fractions += expand_course(
                moment or Moment("", day=0.0),
                day or 0.0,
                dose_gy=course.dose_gy,
                fractions=course.fractions,
                per_day=course.per_day,
                interval_hours=course.interval_hours,
                weekdays=tuple(course.weekdays) if course.weekdays else None,
                field=course.field,
            )
    for number, dose in enumerate(entry.treatments.drugs):
        with problems.at(f"{FILE}: treatments.drugs[{number}]"):
            drugs.append(DrugDose(times.of(dose)[1] or 0.0, dose.drug, dose.dose_mg))
    for number, surgery in enumerate(entry.treatments.surgery):
        with problems.at(f"{FILE}: treatments.surgery[{number}]"):
            surgeries.append(Surgery(times.of(surgery)[1] or 0.0, surgery.margin_mm))
    return Schedule(tuple(fractions), tuple(drugs), tuple(surgeries))


class _Files:
    """Reads the files of one patient and keeps what happened to them."""

    def __init__(
        self,
        folder: Path,
        spacing_from: str | None,
        problems: Problems,
        provenance: dict[str, str],
    ) -> None:
        self._folder, self._spacing_from = folder, spacing_from
        self._provenance = provenance
        self.problems = problems
        self.frame: Grid | None = None

    def image(self, name: str, where: str, *, modality: str, unit: str) -> Image | None:
        """Read an image on the patient's frame; None after an error, which is kept."""
        with self.problems.at(f"{FILE}: {where}"):
            path = self._path(name)
            image = read_nifti(path, modality=modality, unit=unit, spacing_from=self._spacing_from)
            return self._kept(image, name, path)
        return None

    def mask(self, name: str, where: str) -> np.ndarray | None:
        """Read a mask on the patient's frame; the first one read is the frame."""
        with self.problems.at(f"{FILE}: {where}"):
            path = self._path(name)
            image = read_mask(path, spacing_from=self._spacing_from)
            if where == "tissue":
                self.frame = image.grid
            return self._kept(image, name, path).data > 0.5
        return None

    def _path(self, name: str) -> Path:
        pure = PurePosixPath(name.replace("\\", "/"))
        absolute = pure.is_absolute() or name[1:2] == ":"
        path = self._folder / name
        try:
            # Resolving also catches links that lead out of the folder.
            inside = path.resolve().is_relative_to(self._folder.resolve())
        except (OSError, RuntimeError, ValueError):  # a loop of links, a zero byte
            inside = False
        if inside and not absolute and ".." not in pure.parts:
            return path
        raise TwinError(
            "the path leaves the patient folder",
            expected="a path inside the folder, relative to it",
            got=name,
            fix="Copy the file into the folder",
        )

    def _kept(self, image: Image, name: str, path: Path) -> Image:
        if self.frame is not None:
            check_same_grid(image.grid, self.frame, str(path))
        with path.open("rb") as file:
            self._provenance[name] = hashlib.file_digest(file, "sha256").hexdigest()
        if self._spacing_from is not None and (how := affine_disagrees(path)):
            self._provenance[f"spacing_from {name}"] = f"{self._spacing_from} believed; {how}"
        return image


def _tissues(files: _Files, entries: dict[str, str]) -> dict[str, np.ndarray]:
    tissues: dict[str, np.ndarray] = {}
    before = len(files.problems.found)
    for name, file in entries.items():
        image = files.image(file, f"tissues.{name}", modality="FRACTION", unit="1")
        if image is None:
            continue
        low, high = float(image.data.min()), float(image.data.max())
        if low < -FRACTION_TOLERANCE or high > 1 + FRACTION_TOLERANCE:
            files.problems.add(
                TwinError(
                    "tissue fractions out of range",
                    where=f"{FILE}: tissues.{name}: {file}",
                    expected="0 to 1",
                    got=f"{low:.4g} to {high:.4g}",
                    fix="Divide by 100 if these are percent",
                )
            )
        tissues[name] = image.data
    shapes = {fraction.shape for fraction in tissues.values()}
    if len(tissues) > 1 and len(shapes) == 1:
        highest = float(sum(tissues.values(), np.zeros(shapes.pop(), np.float32)).max())
        if highest > 1 + FRACTION_TOLERANCE and len(files.problems.found) == before:
            files.problems.add(
                TwinError(
                    "the tissue fractions of a voxel sum to more than 1",
                    where=f"{FILE}: tissues",
                    expected="at most 1",
                    got=f"{highest:.4g}",
                    fix="Fractions share the volume of a voxel",
                )
            )
    return tissues


def _tensor(
    files: _Files, entries: Mapping[Any, str], tissue: np.ndarray | None
) -> np.ndarray | None:
    """The diffusion tensor along the axes of the frame; None without one or after an error."""
    if not entries:
        return None
    parts = {
        name: files.image(file, f"tensor.{name}", modality="TENSOR", unit="a.u.")
        for name, file in entries.items()
    }
    components = {name: image.data for name, image in parts.items() if image is not None}
    if tissue is None or files.frame is None or len(components) < len(entries):
        return None
    with files.problems.at(f"{FILE}: tensor"):
        tensor = tensor_on_grid(components, files.frame)
        check_positive(tensor, tissue)
        return tensor
    return None


def _visit(
    files: _Files, entry: VisitEntry, where: str, day: float | None, tissue: np.ndarray | None
) -> Visit:
    images: dict[str, Image] = {}
    for modality, part in entry.images.items():
        place = f"{where}.images.{modality}"
        before = len(files.problems.found)
        with files.problems.at(f"{FILE}: {place}"):
            check_modality(modality, where="")
        if len(files.problems.found) > before:
            continue
        image = files.image(part.file, place, modality=modality, unit=part.unit)
        if image is not None:
            with files.problems.at(f"{FILE}: {place}: {part.file}"):
                images[modality] = to_kept_unit(image, where="")
    masks: dict[str, np.ndarray] = {}
    for label, file in entry.masks.items():
        mask = files.mask(file, f"{where}.masks.{label}")
        if mask is not None:
            masks[label] = mask
            with files.problems.at(f"{FILE}: {where}.masks.{label}: {file}"):
                _check_inside(mask, tissue)
    # A day that cannot be known was reported already; NaN equals no other visit's day.
    return Visit(entry.name, float("nan") if day is None else day, images, masks, entry.simulated)


def _check_inside(mask: np.ndarray, tissue: np.ndarray | None) -> None:
    if tissue is None or tissue.shape != mask.shape:
        return
    outside = np.count_nonzero(mask & ~tissue) / np.count_nonzero(mask)
    if outside > MAX_OUTSIDE:
        raise TwinError(
            "the tumor lies outside the tissue mask",
            expected=f"at most {MAX_OUTSIDE:.0%} of its voxels outside",
            got=f"{outside:.1%}",
            fix="Correct the outline, or the tissue mask (it must include the tumor)",
        )


def _check_visits(visits: list[Visit], entry: PatientFile, problems: Problems) -> None:
    """Distinct times and names, a mask somewhere, plausible values inside the tumor."""
    with problems.at(FILE):
        check_distinct(visits)
    if not any(visit.masks for visit in entry.visits):
        problems.add(
            TwinError(
                "no visit has a mask",
                where=f"{FILE}: visits",
                expected="the outline of the tumor in at least one visit",
                fix="Add masks: {gtv: FILE} to a visit",
            )
        )
    everywhere = [mask for visit in visits for mask in visit.masks.values()]
    for number, visit in enumerate(visits):
        for modality, image in visit.images.items():
            masks = list(visit.masks.values()) or everywhere
            fitting = [mask for mask in masks if mask.shape == image.grid.shape]
            tumor = np.logical_or.reduce(fitting) if fitting else np.zeros(image.grid.shape, bool)
            given = entry.visits[number].images[modality]
            where = f"{FILE}: visits[{number}].images.{modality}: {given.file}"
            with problems.at():
                check_plausible(image, tumor, given_unit=given.unit, where=where)

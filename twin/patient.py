"""A patient: anatomy, visits and the treatments given, all on one grid and one time axis."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from twin.errors import TwinError
from twin.grid import Grid
from twin.imaging.image import Image
from twin.markers import PriorShift
from twin.treatments.schedule import Schedule
from twin.visit import Visit, check_distinct, check_same_grid

__all__ = [
    "SITES",
    "Organ",
    "Patient",
    "PriorShift",
    "Visit",
    "coarsen_patient",
    "crop_to_grid",
    "crop_to_tumor",
]

SITES = ("glioma", "soft_tissue_sarcoma", "breast", "generic")
BODY_SURFACE_RANGE_M2 = (0.3, 3.5)


@dataclass(frozen=True)
class Organ:
    """An organ at risk that gets a fraction of the prescribed tumor dose.

    Args:
        name: the organ.
        alpha_beta_gy: its alpha/beta ratio, Gy.
        sparing: fraction of the prescribed tumor dose that it gets, 0 to 1.
        eqd2_limit_gy: the dose it tolerates, in 2-Gy fractions; None where none is known.
    """

    name: str
    alpha_beta_gy: float
    sparing: float
    eqd2_limit_gy: float | None = None

    def __post_init__(self) -> None:
        where = f"organ {self.name}"
        if not (np.isfinite(self.alpha_beta_gy) and self.alpha_beta_gy > 0):
            _refuse(where, "alpha_beta_gy", "a positive number of Gy", self.alpha_beta_gy)
        if not 0 <= self.sparing <= 1:
            _refuse(where, "sparing", "a fraction of the tumor dose, 0 to 1", self.sparing)
        limit = self.eqd2_limit_gy
        if limit is not None and not (np.isfinite(limit) and limit > 0):
            _refuse(where, "eqd2_limit_gy", "a positive number of Gy, or none", limit)


@dataclass(frozen=True, eq=False, repr=False)
class Patient:
    """One patient, ready for a twin.

    Args:
        id: pseudonym of the patient.
        site: one of SITES.
        grid: the grid of every array of this patient.
        tissue: (x, y, z) bool, where tumor cells can be.
        tissues: tissue name -> (x, y, z) volume fraction, 0 to 1, summing to at most 1.
        visits: sorted by time, at least one.
        treatments: what was actually given, in days since the first visit.
        organs: organs at risk.
        body_surface_m2: body surface, m².
        simulated_note: what of this patient is simulated; printed everywhere.
        provenance: relative file -> SHA-256, and decisions taken while reading.
        tensor: (6, x, y, z) diffusion tensor xx, yy, zz, xy, xz, yz along the axes of the grid, in
            any unit, for models that follow fibers; None where there is none.
        markers: marker -> value, both as written in the patient's file.
        prior_shifts: what markers say about parameters.

    Raises:
        TwinError: if something lies on another grid, visits coincide, values are absurd or a
            prior shift is for a marker that the patient does not have.
    """

    id: str
    site: str
    grid: Grid
    tissue: np.ndarray
    tissues: Mapping[str, np.ndarray]
    visits: tuple[Visit, ...]
    treatments: Schedule = Schedule()
    organs: tuple[Organ, ...] = ()
    body_surface_m2: float = 1.8
    simulated_note: str = ""
    provenance: Mapping[str, str] = field(default_factory=dict)
    tensor: np.ndarray | None = None
    markers: Mapping[str, str] = field(default_factory=dict)
    prior_shifts: tuple[PriorShift, ...] = ()

    def __post_init__(self) -> None:
        if self.site not in SITES:
            _refuse(f"patient {self.id}", "site", f"one of {', '.join(SITES)}", self.site)
        low, high = BODY_SURFACE_RANGE_M2
        if not low <= self.body_surface_m2 <= high:
            _refuse(
                f"patient {self.id}", "body_surface_m2", f"{low} to {high} m²", self.body_surface_m2
            )
        if not self.visits:
            raise TwinError("the patient has no visits", where=f"patient {self.id}")
        visits = tuple(sorted(self.visits, key=lambda visit: visit.time_days))
        object.__setattr__(self, "visits", visits)
        check_distinct(visits)
        _check_shape(self.tissue, self.grid, "tissue")
        for name, fraction in self.tissues.items():
            _check_shape(fraction, self.grid, f"tissues.{name}")
        if self.tensor is not None:
            for component in self.tensor:
                _check_shape(component, self.grid, "tensor")
        for shift in self.prior_shifts:
            shift.applies(self.markers)
        for visit in visits:
            for label, mask in visit.masks.items():
                _check_shape(mask, self.grid, f"visit {visit.name}, mask {label}")
            for modality, image in visit.images.items():
                check_same_grid(image.grid, self.grid, f"visit {visit.name}, {modality}")

    @property
    def applied_shifts(self) -> tuple[PriorShift, ...]:
        """The prior shifts whose marker has the value that they are for."""
        return tuple(shift for shift in self.prior_shifts if shift.applies(self.markers))

    @property
    def tumor(self) -> np.ndarray:
        """Union of all masks of all visits, (x, y, z) bool."""
        union = np.zeros(self.grid.shape, dtype=bool)
        for visit in self.visits:
            for mask in visit.masks.values():
                union |= mask
        return union

    def volume_ml(self, mask: np.ndarray) -> float:
        """Volume of a mask on the patient's grid, mL."""
        return float(np.count_nonzero(mask)) * self.grid.voxel_volume_mm3 / 1000.0

    def __repr__(self) -> str:
        visits = "; ".join(repr(visit) for visit in self.visits)
        return f"Patient({self.id}, {self.site}, {self.grid!r}, {visits})"


def crop_to_tumor(patient: Patient, margin_mm: float) -> Patient:
    """Crop everything to the tumor of all visits plus a margin.

    The box is the bounding box of the union of all masks, widened by the margin where the
    grid allows, and one voxel layer more in which nothing is tissue (padded where tissue reaches
    the end of the grid): the solver needs a closed border. Cropping again with the same margin
    changes nothing.

    Args:
        patient: the patient; at least one visit needs a mask.
        margin_mm: distance kept around the tumor, mm, at least 0.

    Raises:
        TwinError: without any mask, or for a negative margin.
    """
    if not (np.isfinite(margin_mm) and margin_mm >= 0):
        _refuse("crop_to_tumor", "margin_mm", "at least 0 mm", margin_mm)
    tumor = patient.tumor
    if not tumor.any():
        raise TwinError(
            "no visit has a mask, so there is nothing to crop to",
            where=f"patient {patient.id}",
            fix="Add the outline of the tumor to at least one visit",
        )
    start, stop = np.empty(3, int), np.empty(3, int)
    margin = np.ceil(margin_mm / patient.grid.spacing_mm - 1e-9).astype(int)
    filled = patient.tissue | tumor
    for axis, size in enumerate(patient.grid.shape):
        others = tuple({0, 1, 2} - {axis})
        occupied = np.flatnonzero(tumor.any(axis=others))
        needs_layer = filled.any(axis=others)
        first, last = occupied[0] - margin[axis], occupied[-1] + margin[axis]
        # One layer more; beyond the grid only where the grid's own face is not closed.
        start[axis] = first - 1 if first > 0 else -int(needs_layer[0])
        stop[axis] = last + 2 if last < size - 1 else size + int(needs_layer[-1])
    return _with_closed_border(patient, start, stop)


def crop_to_grid(patient: Patient, grid: Grid) -> Patient:
    """Crop everything to a box of the patient's own voxels, as `crop_to_tumor` did for another.

    Raises:
        TwinError: a grid whose voxels are not the patient's, or a mask that leaves the box.
    """
    inverse = np.linalg.inv(patient.grid.affine)
    first = inverse @ np.append(grid.affine[:3, 3], 1.0)
    start = np.rint(first[:3]).astype(int)
    same = np.allclose(inverse[:3, :3] @ grid.affine[:3, :3], np.eye(3), atol=1e-4)
    if not same or np.abs(first[:3] - start).max() > 1e-2:
        raise TwinError(
            "the box is not made of the patient's voxels",
            where=f"patient {patient.id}",
            expected=repr(patient.grid),
            got=repr(grid),
        )
    cut = _with_closed_border(patient, start, start + np.array(grid.shape))
    for visit, smaller in zip(patient.visits, cut.visits, strict=True):
        for label, mask in visit.masks.items():
            lost = np.count_nonzero(mask) - np.count_nonzero(smaller.masks[label])
            if lost:
                raise TwinError(
                    "the tumor has grown beyond the simulated box",
                    where=f"visit {visit.name}, mask {label}",
                    expected=f"an outline within {grid!r}",
                    got=f"{lost} of {np.count_nonzero(mask)} voxels outside",
                    fix="Calibrate again with this visit in the patient's folder: the box follows"
                    " the outlines.",
                )
    return cut


def coarsen_patient(patient: Patient, spacing_mm: float) -> Patient:
    """Resample everything to cubic voxels of another size, conserving means.

    Images and tissue fractions get the volume mean over each new voxel; a mask holds a new
    voxel when at least half of it was inside. The voxel axes keep their directions, and the
    outermost layer is never tissue.

    Args:
        patient: the patient.
        spacing_mm: edge of the new voxels, mm.

    Raises:
        TwinError: if a mask vanishes at this spacing, or the spacing is not positive.
    """
    from twin.imaging.resample import cubic_grid, volume_mean

    if not (np.isfinite(spacing_mm) and spacing_mm > 0):
        _refuse("coarsen_patient", "spacing_mm", "a positive number of mm", spacing_mm)
    old, new = patient.grid, cubic_grid(patient.grid, spacing_mm)

    def masked(mask: np.ndarray, where: str) -> np.ndarray:
        coarse = volume_mean(mask, old, new, outside_counts=True) >= 0.5 - 1e-6
        if mask.any() and not coarse.any():
            raise TwinError(
                f"the mask vanishes at a spacing of {spacing_mm:g} mm",
                where=where,
                got=f"{patient.volume_ml(mask):.3g} mL",
                fix="Choose a finer spacing",
            )
        return coarse

    coarse = _mapped(
        patient,
        new,
        image=lambda data: volume_mean(data, old, new, outside_counts=False),
        fraction=lambda data: volume_mean(data, old, new, outside_counts=True),
        mask=masked,
    )
    if not _border_has_tissue(coarse.tissue):
        return coarse
    return _with_closed_border(coarse, np.full(3, -1), np.array(new.shape) + 1)


def _with_closed_border(patient: Patient, start: np.ndarray, stop: np.ndarray) -> Patient:
    """Cut out a box that may reach beyond the grid and clear the tissue of its outer layer."""
    size = np.array(patient.grid.shape)
    inner_start, inner_stop = np.maximum(start, 0), np.minimum(stop, size)
    before, after = inner_start - start, stop - inner_stop
    box = tuple(slice(a, b) for a, b in zip(inner_start, inner_stop, strict=True))
    pads = list(zip(before.tolist(), after.tolist(), strict=True))
    grid = patient.grid.crop(inner_start.tolist(), inner_stop.tolist())
    grid = grid.pad(before.tolist(), after.tolist())
    border = np.ones(grid.shape, dtype=bool)
    border[1:-1, 1:-1, 1:-1] = False

    def zeroed(data: np.ndarray) -> np.ndarray:
        cut = np.pad(data[box], pads)
        return np.where(border, np.zeros((), cut.dtype), cut)

    return _mapped(
        patient,
        grid,
        image=lambda data: np.pad(data[box], pads, mode="edge"),
        fraction=zeroed,
        mask=lambda mask, where: zeroed(mask),
    )


def _mapped(
    patient: Patient,
    grid: Grid,
    *,
    image: Callable[[np.ndarray], np.ndarray],
    fraction: Callable[[np.ndarray], np.ndarray],
    mask: Callable[[np.ndarray, str], np.ndarray],
) -> Patient:
    """The patient with every array mapped to another grid."""
    visits = tuple(
        replace(
            visit,
            images={
                key: Image(image(old.data), grid, old.modality, old.unit)
                for key, old in visit.images.items()
            },
            masks={
                label: mask(old, f"visit {visit.name}, mask {label}")
                for label, old in visit.masks.items()
            },
        )
        for visit in patient.visits
    )
    return replace(
        patient,
        grid=grid,
        tissue=mask(patient.tissue, "tissue"),
        tissues={
            name: fraction(old).astype(np.float32, copy=False)
            for name, old in patient.tissues.items()
        },
        visits=visits,
        tensor=None
        if patient.tensor is None
        else np.stack([fraction(component) for component in patient.tensor]),
    )


def _border_has_tissue(tissue: np.ndarray) -> bool:
    return bool(np.count_nonzero(tissue) != np.count_nonzero(tissue[1:-1, 1:-1, 1:-1]))


def _check_shape(data: np.ndarray, grid: Grid, where: str) -> None:
    if data.shape != grid.shape:
        raise TwinError(
            "the array does not fit the patient's grid",
            where=where,
            expected=f"shape {grid.shape}",
            got=f"{data.shape}",
        )


def _refuse(where: str, name: str, expected: str, got: object) -> None:
    raise TwinError(f"{name} is out of range", where=where, expected=expected, got=f"{got}")

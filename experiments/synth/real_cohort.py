"""A cohort file from a hospital's folder: cubes around each tumor, with the label of each patient.

All patients come out on one grid. A tumor that the cube cannot hold is an error, never cut. What
is made this way is private, whatever its license: a look at it costs privacy.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.features import LAYOUT, Scan, find_scans
from experiments.predictors.tables import read_text_table
from generative.cohort import ScanCohort
from generative.parallel import Progress
from twin.errors import TwinError
from twin.grid import Grid
from twin.imaging.image import Image
from twin.imaging.resample import resample

PATIENT = "patient"


def read_real_cohort(
    folder: Path,
    labels: Path | None,
    *,
    label: str | None,
    columns: Sequence[str] = (),
    modality: str = "PET",
    side: int = 32,
    region_mm: float = 64.0,
    progress: Progress | None = None,
) -> ScanCohort:
    """Read a folder of patients and a table of labels as a cohort.

    Args:
        folder: PATIENT/MODALITY_image.nii.gz and _mask.nii.gz, or patient folders.
        labels: CSV or Parquet with a column `patient`; None where there is none.
        label: column that is 1 where the tumor responded, else 0; without it no tumor counts as
            having responded.
        columns: clinical columns to keep, numbers.
        modality: which images.
        side: voxels along each edge of the cube around a tumor.
        region_mm: its edge.
        progress: called with patients done and all of them.

    Raises:
        TwinError: a label missing, patients with different numbers of scans, a tumor that the
            cube cannot hold, or anything wrong with an image, mask or table.
    """
    series: dict[str, list[Scan]] = {}
    for scan in find_scans(folder):
        if scan.modality == modality:
            series.setdefault(scan.patient, []).append(scan)
    if not series:
        raise TwinError(
            f"no {modality} with a mask in this folder",
            where=str(folder),
            expected=LAYOUT.format(modality),
            got="none",
        )
    counts = {patient: len(scans) for patient, scans in series.items()}
    if len(set(counts.values())) > 1:
        most, least = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
        raise TwinError(
            "patients have different numbers of scans",
            where=str(folder),
            expected="as many scans of every patient",
            got=f"{counts[most]} of {most}, {counts[least]} of {least}",
            fix="Leave out the patients or scans that do not fit.",
        )
    names = sorted(series)
    response, table = np.zeros(len(names), bool), {}
    if labels is not None and label is not None:
        table = _numbers(labels, names, [label, *columns])
        _check_label(table[label], label, names, labels)
        response = table[label] == 1.0
    cubes = []
    for done, name in enumerate(names):
        try:
            cubes.append(_cubes(series[name], side, region_mm))
        except TwinError as error:
            raise error.at(name) from None
        if progress is not None:
            progress(done + 1, len(names))
    edge = region_mm / side
    return ScanCohort(
        patients=tuple(names),
        images=np.stack([images for images, _ in cubes]),
        masks=np.stack([masks for _, masks in cubes]),
        days=np.array([[scan.day - series[n][0].day for scan in series[n]] for n in names]),
        response=response,
        spacing_mm=(edge, edge, edge),
        modality=modality,
        provenance="private",
        source=f"patients of {folder.name}, {f'label {label}' if label else 'no labels'}",
        columns={name: table[name] for name in columns if name in table},
    )


def _cubes(scans: Sequence[Scan], side: int, region_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """(T, x, y, z) images and masks in a cube around the middle of the first mask; as they are
    where they come on such a cube, so that nothing is blurred twice."""
    loaded = [scan.load() for scan in scans]
    first = loaded[0][1]
    inside = np.argwhere(first.data > 0.5)
    if len(inside) == 0:
        raise TwinError("the mask is empty", where="mask", expected="at least one voxel of 1")
    middle = 0.5 * (inside.min(axis=0) + inside.max(axis=0))
    center_mm = first.grid.affine[:3, :3] @ middle + first.grid.affine[:3, 3]
    edge = region_mm / side
    if all(_is_cube(image, side, edge) and image.grid.same_as(mask.grid) for image, mask in loaded):
        return (
            np.stack([image.data for image, _ in loaded]).astype(np.float32),
            np.stack([mask.data > 0.5 for _, mask in loaded]),
        )
    affine = np.diag([edge, edge, edge, 1.0])
    affine[:3, 3] = center_mm - 0.5 * (side - 1) * edge
    grid = Grid((side, side, side), affine)
    images, masks = [], []
    for image, mask in loaded:
        _check_held(mask, center_mm, region_mm)
        outside = float(image.data.min())
        images.append(resample(image, grid, outside=outside).data)
        masks.append(resample(mask, grid, order=0).data > 0.5)
    return np.stack(images), np.stack(masks)


def _is_cube(image: Image, side: int, edge_mm: float) -> bool:
    grid = image.grid
    return grid.shape == (side,) * 3 and bool(np.allclose(grid.spacing_mm, edge_mm, rtol=1e-3))


def _check_held(mask: Image, center_mm: np.ndarray, region_mm: float) -> None:
    inside = np.argwhere(mask.data > 0.5)
    if len(inside) == 0:
        return
    places_mm = inside @ mask.grid.affine[:3, :3].T + mask.grid.affine[:3, 3]
    reach_mm = float(np.abs(places_mm - center_mm).max() + 0.5 * mask.grid.spacing_mm.max())
    if 2.0 * reach_mm > region_mm:
        raise TwinError(
            "the region cannot hold the tumor",
            where="mask",
            expected=f"at most {region_mm:g} mm across",
            got=f"{2.0 * reach_mm:.0f} mm",
            fix=f"Choose --region-mm {np.ceil(2.0 * reach_mm):g} or more.",
        )


def _numbers(path: Path, patients: Sequence[str], names: Sequence[str]) -> dict[str, np.ndarray]:
    """Columns of the patients, in their order."""
    table = read_text_table(path)
    for name in (PATIENT, *names):
        if name not in table.columns:
            raise TwinError(
                f"no column {name!r}",
                where=str(path),
                expected=f"columns {', '.join((PATIENT, *names))}",
                got=", ".join(table.columns),
            )
    repeated = table[PATIENT][table[PATIENT].duplicated()]
    if len(repeated):
        raise TwinError("a patient is there twice", where=str(path), got=str(repeated.iloc[0]))
    rows = table.set_index(PATIENT)
    found = {name: np.empty(len(patients)) for name in names}
    for index, patient in enumerate(patients):
        for name in names:
            text: Any = rows[name].get(patient)
            try:
                found[name][index] = float(text)
            except (TypeError, ValueError):
                raise TwinError(
                    f"no number for patient {patient}",
                    where=f"{path}: {name}",
                    expected="a number in every row",
                    got="nothing" if text is None else repr(text),
                    fix="Fill it, or leave the patient's folder out.",
                ) from None
    return found


def _check_label(values: np.ndarray, label: str, names: Sequence[str], path: Path) -> None:
    odd = ~np.isin(values, (0.0, 1.0))
    if odd.any():
        index = int(np.argmax(odd))
        raise TwinError(
            f"label of patient {names[index]}",
            where=f"{path}: {label}",
            expected="0 or 1",
            got=f"{values[index]:g}",
        )

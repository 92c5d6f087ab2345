"""What must be right in a NIfTI header: standard, one scalar volume, mm, one spacing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from twin.errors import TwinError

SPACING_SOURCES = ("affine", "pixdim")
SPACING_TOLERANCE = 1e-3
"""Affine and pixdim may differ by this fraction of the spacing (rounding to float32)."""

VOXEL_RANGE_MM = (0.01, 100.0)
"""Edges of a voxel outside of this are a slip of the unit."""
LENGTH_UNITS = {0: "unknown", 1: "meter", 2: "mm", 3: "micron"}
HARMLESS = ("divisible by 16", "qfac", "bitpix")
"""What nibabel says about headers that real files have and that changes nothing."""


def check_header(header_class: Any, content: bytes, path: Path) -> None:
    """Refuse what nibabel would repair without asking, such as a negative voxel size."""
    block = content[: header_class.template_dtype.itemsize]
    said = header_class.diagnose_binaryblock(block).splitlines()
    wrong = [line for line in said if not any(word in line for word in HARMLESS)]
    if wrong:
        raise TwinError(
            "the NIfTI header is damaged",
            where=str(path),
            expected="a header that follows the standard",
            got="; ".join(wrong),
            fix="Export the image again",
        )


def check_kind(nifti: Any, path: Path) -> None:
    """Refuse other than one volume of scalars with lengths in mm."""
    shape = nifti.shape
    if 0 in shape:
        raise TwinError(
            "the image has no voxels", where=str(path), got=f"shape {tuple(int(n) for n in shape)}"
        )
    if len(shape) < 3 or any(n != 1 for n in shape[3:]):
        raise TwinError(
            f"a {len(shape)}-D image",
            where=str(path),
            expected="one 3-D volume",
            got=f"shape {tuple(int(n) for n in shape)}",
            fix="Save each volume in a file of its own",
        )
    kind = nifti.get_data_dtype()
    if kind.fields is not None or kind.kind == "c":
        raise TwinError(
            "the voxels are not scalars",
            where=str(path),
            expected="integer or real numbers",
            got="colors" if kind.fields is not None else "complex numbers",
            fix="Export a magnitude or gray-value image",
        )
    length_unit = LENGTH_UNITS.get(int(nifti.header["xyzt_units"]) % 8, "a unit without a name")
    if length_unit not in ("mm", "unknown"):
        raise TwinError(
            "the header gives lengths in another unit",
            where=str(path),
            expected="mm",
            got=length_unit,
            fix="Convert the affine and pixdim to mm",
        )


def checked_affine(nifti: Any, path: Path, spacing_from: str | None) -> np.ndarray:
    """The (4, 4) affine from stored voxel index to mm, its spacing as the user decided.

    Raises:
        TwinError: for an implausible voxel size, or if affine and pixdim disagree undecided.
    """
    if spacing_from not in (None, *SPACING_SOURCES):
        raise TwinError(
            "spacing_from is unknown", expected='"affine" or "pixdim"', got=f"{spacing_from!r}"
        )
    affine = np.array(nifti.affine, dtype=np.float64)
    if not np.isfinite(affine).all():
        raise TwinError(
            "the affine holds NaN or Inf", where=str(path), fix="Export the image again"
        )
    of_affine = np.linalg.norm(affine[:3, :3], axis=0)
    of_pixdim = np.array(nifti.header.get_zooms()[:3], dtype=np.float64)
    low, high = VOXEL_RANGE_MM
    for name, lengths in (("affine", of_affine), ("pixdim", of_pixdim)):
        if not (lengths.min() >= low and lengths.max() <= high):
            raise TwinError(
                f"implausible voxel size in the {name}",
                where=str(path),
                expected=f"edges of {low:g} to {high:g} mm",
                got=_spacing(lengths),
                fix="Export the image again, with lengths in mm",
            )
    if np.allclose(of_affine, of_pixdim, rtol=SPACING_TOLERANCE, atol=0.0):
        return affine
    if spacing_from is None:
        raise TwinError(
            "affine and pixdim give different voxel sizes",
            where=str(path),
            expected="the same spacing in both",
            got=f"affine {_spacing(of_affine)}, pixdim {_spacing(of_pixdim)}",
            fix='Find out which is right and say so with "spacing_from: affine" '
            'or "spacing_from: pixdim" in the patient file',
        )
    if spacing_from == "pixdim":
        affine[:3, :3] *= of_pixdim / of_affine
    return affine


def _spacing(lengths: np.ndarray) -> str:
    return " x ".join(f"{length:.4g}" for length in lengths) + " mm"

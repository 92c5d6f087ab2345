"""Reading and writing NIfTI files (NIfTI-1 and -2, .nii and .nii.gz), checked at the edge.

The voxel-to-patient transform is the sform, else the qform, as in the NIfTI-1 standard
(https://nifti.nimh.nih.gov/nifti-1). Arrays come back with axes closest to RAS+.
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from twin.errors import TwinError
from twin.grid import Grid
from twin.imaging.header import check_header, check_kind, checked_affine
from twin.imaging.image import MASK, Image, check_finite


def read_nifti(
    path: str | Path, *, modality: str, unit: str, spacing_from: str | None = None
) -> Image:
    """Read one scalar 3-D image.

    Args:
        path: a .nii or .nii.gz file.
        modality: what was measured.
        unit: unit of the values in the file.
        spacing_from: "affine" or "pixdim": which to believe where both disagree.

    Returns:
        the image, axes reoriented to be closest to RAS+ (an oblique affine is kept).

    Raises:
        TwinError: for a missing, truncated or foreign file, another number of dimensions,
            NaN or Inf voxels, or an affine whose spacing differs from pixdim.
    """
    path = Path(path)
    nifti = _load(path)
    check_kind(nifti, path)
    affine = checked_affine(nifti, path, spacing_from)
    data = _data(nifti, path)
    data, affine = _to_ras(data, affine, path)
    check_finite(data, where=str(path))
    return Image(data, Grid(data.shape, affine), modality, unit)


def read_mask(path: str | Path, *, spacing_from: str | None = None) -> Image:
    """Read a mask of zeros and ones.

    Returns:
        an image of modality MASK; `image.data > 0.5` is the boolean mask.

    Raises:
        TwinError: as `read_nifti`, for other values than 0 and 1, and for an empty mask.
    """
    image = read_nifti(path, modality=MASK, unit="1", spacing_from=spacing_from)
    ones = image.data == 1
    other = ~(ones | (image.data == 0))
    if other.any():
        found = np.unique(image.data)
        shown = ", ".join(f"{value:g}" for value in found[:8]) + (", ..." if found.size > 8 else "")
        raise TwinError(
            "the mask holds other labels than 0 and 1",
            where=str(path),
            expected="only 0 and 1",
            got=f"{found.size} values: {shown}",
            fix="Write one file of zeros and ones for each label",
        )
    if not ones.any():
        raise TwinError(
            "the mask is empty",
            where=str(path),
            expected="at least one voxel of 1",
            got=f"{other.size} voxels of 0",
            fix="Outline the structure, or leave this mask out of the patient file",
        )
    return image


def write_nifti(image: Image, path: str | Path, *, step: float | None = None) -> None:
    """Write an image, byte for byte the same each time.

    Masks are stored as uint8 and images as float32.

    Args:
        image: what to write.
        path: a .nii or .nii.gz file; its folder is created.
        step: round the values to multiples of this and store them as int16 (smaller files).

    Raises:
        TwinError: if the values do not fit int16 at this step, or the file cannot be written.
    """
    import nibabel

    path = Path(path)
    data: np.ndarray = image.data
    if image.modality == MASK:
        data = data.astype(np.uint8)
    elif step is not None:
        data = _quantized(data, step, path)
    nifti = nibabel.Nifti1Image(data, image.grid.affine)
    nifti.set_sform(image.grid.affine, code=2)
    nifti.set_qform(image.grid.affine, code=2, strip_shears=True)
    nifti.header.set_xyzt_units("mm")
    nifti.header["descrip"] = f"{image.modality} [{image.unit}]"[:79].encode("ascii", "replace")
    content = bytearray(nifti.to_bytes())
    if step is not None and image.modality != MASK:
        # nibabel has no public way to store integers with a chosen slope.
        content[112:120] = np.array([step, 0.0], "<f4").tobytes()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        packed = gzip.compress(bytes(content), mtime=0) if path.suffix == ".gz" else bytes(content)
        path.write_bytes(packed)
    except OSError as error:
        raise TwinError(
            "the file cannot be written",
            where=str(path),
            got=error.strerror or str(error),
            fix="Check free space and permissions of the folder",
        ) from error


def _load(path: Path) -> Any:
    import nibabel
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError
    from nibabel.wrapstruct import WrapStructError

    if not os.path.exists(path):  # unlike Path.exists, False for names no file can have
        raise TwinError(
            "the file does not exist",
            where=str(path),
            fix="Correct the name in the patient file, or put the file there",
        )
    if not os.path.isfile(path) or not path.name.endswith((".nii", ".nii.gz")):
        raise _not_nifti(path, "a folder" if path.is_dir() else f"a file named {path.name}")
    try:
        # From bytes: nibabel would map the file and fail only later, when it is gone.
        raw = path.read_bytes()
        content = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _truncated(path, str(error)) from error
    except OSError as error:
        raise TwinError(
            "the file cannot be read", where=str(path), got=error.strerror or str(error)
        ) from error
    if path.suffix == ".gz" and content is raw:
        raise _not_nifti(path, f"a file that is not gzip and starts with {raw[:8]!r}")
    sizes = {int.from_bytes(content[:4], "little"), int.from_bytes(content[:4], "big")}
    if not sizes & {348, 540}:
        raise _not_nifti(path, f"a file that starts with {content[:8]!r}")
    kind: Any = nibabel.Nifti2Image if 540 in sizes else nibabel.Nifti1Image
    if len(content) < kind.header_class.template_dtype.itemsize:
        raise _truncated(path, f"{len(content)} bytes")
    check_header(kind.header_class, content, path)
    try:
        nifti = kind.from_bytes(content)
        start, voxel = nifti.dataobj.offset, nifti.get_data_dtype().itemsize
    except (ImageFileError, HeaderDataError, WrapStructError, ValueError, KeyError) as error:
        raise _not_nifti(path, str(error)) from error
    needed = start + math.prod(int(n) for n in nifti.shape) * voxel
    if len(content) < needed:
        raise _truncated(path, f"{len(content)} of {needed} bytes")
    return nifti


def affine_disagrees(path: str | Path) -> str:
    """How affine and pixdim of a file disagree on the spacing, or "" where they agree."""
    path = Path(path)
    nifti = _load(path)
    try:
        checked_affine(nifti, path, None)
    except TwinError as error:
        return error.got
    return ""


def _data(nifti: Any, path: Path) -> np.ndarray:
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            data = np.asarray(nifti.dataobj, dtype=np.float32)
    except (OSError, EOFError, ValueError) as error:
        raise _truncated(path, str(error)) from error
    return data.reshape(data.shape[:3])


def _to_ras(data: np.ndarray, affine: np.ndarray, path: Path) -> tuple[np.ndarray, np.ndarray]:
    from nibabel import orientations

    transform = orientations.io_orientation(affine)
    if np.isnan(transform).any():
        raise TwinError(
            "the affine is singular",
            where=str(path),
            expected="three independent voxel axes",
            got=str(affine[:3, :3].tolist()),
            fix="Export the image again",
        )
    inverse = orientations.inv_ornt_aff(transform, data.shape)
    turned = np.ascontiguousarray(orientations.apply_orientation(data, transform))
    return turned, affine @ inverse


def _quantized(data: np.ndarray, step: float, path: Path) -> np.ndarray:
    counts = np.rint(data.astype(np.float64) / step)
    if not np.abs(counts).max() <= np.iinfo(np.int16).max:
        raise TwinError(
            "the values do not fit int16 at this step",
            where=str(path),
            expected=f"values up to {np.iinfo(np.int16).max * step:g}",
            got=f"{np.abs(data).max():g}",
            fix="Choose a larger step",
        )
    return counts.astype(np.int16)


def _truncated(path: Path, detail: str) -> TwinError:
    return TwinError(
        "the file is truncated or damaged",
        where=str(path),
        expected="a complete NIfTI file",
        got=detail,
        fix="Copy or export it again",
    )


def _not_nifti(path: Path, got: str) -> TwinError:
    return TwinError(
        "not a NIfTI image",
        where=str(path),
        expected="a .nii or .nii.gz file",
        got=got,
        fix="Convert the image to NIfTI (for DICOM, dcm2niix does)",
    )

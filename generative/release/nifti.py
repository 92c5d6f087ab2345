"""NIfTI-1 files whose every header byte follows from shape, voxel size and type of the values.

Whatever a scanner or a person could have written into a header (descrip, aux_file, db_name,
intent_name, extensions, the name and time in gzip) stays empty, and a reader can check that:
the header of a receiver's file is compared byte by byte with one made anew
(https://nifti.nimh.nih.gov/nifti-1; gzip: RFC 1952).
"""

from __future__ import annotations

import gzip
import zlib

import numpy as np

from twin.errors import TwinError

HEADER_BYTES = 352  # 348 of header, then four zeros: no extension follows
_CODES = {np.dtype("<f4"): (16, 32), np.dtype("u1"): (2, 8)}
_MILLIMETERS, _ALIGNED = 2, 2
_GZIP_START = b"\x1f\x8b\x08\x00\x00\x00\x00\x00"  # deflate, no name or comment, time 0
_GZIP_LEVELS, _GZIP_SYSTEMS = (0, 2, 4), (3, 255)


def nifti_bytes(values: np.ndarray, spacing_mm: tuple[float, float, float]) -> bytes:
    """A scan as an uncompressed NIfTI-1 file.

    Args:
        values: (x, y, z) float32 image or bool mask.
        spacing_mm: voxel size.
    """
    values = values.astype("u1" if values.dtype == bool else "<f4", copy=False)
    return _header(values.shape, values.dtype, spacing_mm) + values.tobytes(order="F")


def pack(content: bytes) -> bytes:
    """Compress without a name or a time."""
    return gzip.compress(content, compresslevel=1, mtime=0)


def unpack(packed: bytes, size: int) -> bytes:
    """Decompress a file whose size is known, so that nothing larger is ever unpacked.

    Args:
        packed: content of a .nii.gz file.
        size: bytes that it must hold.

    Raises:
        TwinError: gzip holds a name, a time or a comment, is damaged, or holds another size.
    """
    if (
        packed[:8] != _GZIP_START
        or packed[8:9] not in map(_byte, _GZIP_LEVELS)
        or packed[9:10] not in map(_byte, _GZIP_SYSTEMS)
    ):
        raise TwinError("gzip header is not bare", expected="no name, time, comment or extra field")
    try:
        unpacking = zlib.decompressobj(wbits=31)
        content = unpacking.decompress(packed, size + 1)
    except zlib.error as error:
        raise TwinError("cannot be unpacked", got=str(error)) from error
    if len(content) != size or not unpacking.eof or unpacking.unused_data:
        raise TwinError("holds another number of bytes", expected=f"{size}", got=f"{len(content)}")
    return content


def check_header(content: bytes, wanted: bytes) -> None:
    """Compare the header of a file with what it must be.

    Raises:
        TwinError: naming the fields that differ.
    """
    if content[:HEADER_BYTES] == wanted[:HEADER_BYTES]:
        return
    dtype = _dtype()
    found, right = (np.frombuffer(data[: dtype.itemsize], dtype)[0] for data in (content, wanted))
    names = [name for name in dtype.names or () if found[name].tobytes() != right[name].tobytes()]
    raise TwinError(
        "header holds more than geometry and type",
        expected="every other field empty",
        got=", ".join(names) or "an extension",
    )


def same_values(content: bytes, wanted: bytes) -> bool:
    """True where two files of one header hold the same voxels."""
    return content[HEADER_BYTES:] == wanted[HEADER_BYTES:]


def _header(
    shape: tuple[int, ...], dtype: np.dtype, spacing_mm: tuple[float, float, float]
) -> bytes:
    header = np.zeros((), _dtype())
    header["sizeof_hdr"] = 348
    header["dim"] = (3, *shape, 1, 1, 1, 1)
    header["datatype"], header["bitpix"] = _CODES[dtype]
    header["pixdim"] = (1.0, *spacing_mm, 0.0, 0.0, 0.0, 0.0)
    header["vox_offset"], header["scl_slope"] = HEADER_BYTES, 1.0
    header["xyzt_units"] = _MILLIMETERS
    header["qform_code"] = header["sform_code"] = _ALIGNED
    for axis, name in enumerate(("srow_x", "srow_y", "srow_z")):
        header[name][axis] = spacing_mm[axis]
    header["magic"] = b"n+1"
    return header.tobytes() + bytes(4)


def _dtype() -> np.dtype:
    from nibabel.nifti1 import header_dtype

    return header_dtype.newbyteorder("<")


def _byte(value: int) -> bytes:
    return bytes([value])

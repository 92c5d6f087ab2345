"""Named arrays and their attributes as one HDF5 file image with the same bytes on every run.

An array `name` is the data set of that name ("visits/v1/mean" makes groups); the scalar data set
`header` is JSON with the order of the arrays and the attributes. There are no time stamps. The
image is made in memory, because HDF5 leaves a broken file and state behind on a full disk.
"""

import json
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np

from experiments.json_text import to_json
from twin.errors import TwinError

_HEADER = "header"
_LIBVER = ("earliest", "v110")


def encode_arrays(arrays: Mapping[str, Any], attributes: Mapping[str, Any], *, where: str) -> bytes:
    """The bytes of an HDF5 file; equal inputs give equal bytes.

    Arguments:
        arrays: name -> array of numbers, truth values or texts, any shape.
        attributes: anything JSON can hold.
        where: the file these bytes are for, named in errors.

    Raises `TwinError` naming the field that holds a NaN or something HDF5 cannot hold.
    """
    checked = {name: _checked(name, value, where) for name, value in arrays.items()}
    header = to_json({"arrays": list(checked), "attributes": attributes}, where=where)
    with h5py.File.in_memory(libver=_LIBVER) as file:
        _write(file, _HEADER, np.asarray(header))
        for name, array in checked.items():
            _write(file, name, array)
        file.flush()
        return file.id.get_file_image()


def decode_arrays(content: bytes, *, where: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays (in the order they were given) and attributes of `encode_arrays`' bytes.

    Raises `TwinError` when the bytes are truncated, damaged or were not written by this program.
    """
    try:
        with h5py.File.in_memory(content) as file:
            header = json.loads(_read(file, _HEADER).item())
            return {name: _read(file, name) for name in header["arrays"]}, header["attributes"]
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise TwinError(
            "cannot be read as a file of arrays; it is truncated, damaged or not ours",
            where=where,
            expected="a complete HDF5 file written by oncotwin",
            got=f"{len(content)} bytes, {error}",
            fix="Remove it and repeat the step that writes it.",
        ) from error


def _checked(name: str, value: Any, where: str) -> np.ndarray:
    array = np.asarray(value, order="C")
    if name == _HEADER or not all(name.split("/")):
        raise TwinError(f"'{name}' cannot be the name of an array", where=where, fix="Rename it.")
    if array.dtype.kind not in "biufcU":
        raise TwinError(
            f"field '{name}' cannot be stored",
            where=where,
            expected="numbers, truth values or texts",
            got=f"an array of {array.dtype}",
            fix="Convert it first.",
        )
    if array.dtype.kind in "fc" and (count := int(np.isnan(array).sum())):
        raise TwinError(
            f"field '{name}' holds NaN",
            where=where,
            expected="numbers only",
            got=f"NaN in {count} of {array.size} places",
            fix="The computation before it failed; nothing was written.",
        )
    return array


def _write(file: h5py.File, name: str, array: np.ndarray) -> None:
    if array.dtype.kind == "U":
        texts = np.strings.encode(array, "utf-8")
        dtype = h5py.string_dtype("utf-8", max(texts.dtype.itemsize, 1))
        file.create_dataset(name, data=texts.astype(dtype), dtype=dtype, track_times=False)
    else:
        file.create_dataset(name, data=array, track_times=False)


def _read(file: h5py.File, name: str) -> np.ndarray:
    dataset = file[name]
    if not isinstance(dataset, h5py.Dataset):
        raise KeyError(f"'{name}' is not an array")
    if h5py.check_string_dtype(dataset.dtype) is None:
        return np.asarray(dataset[()])
    return np.strings.decode(np.asarray(dataset[()]).astype(f"S{dataset.dtype.itemsize}"), "utf-8")

"""Plain JSON from Python and NumPy values, strict: no NaN, no infinity, nothing unknown."""

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import numpy as np

from twin.errors import TwinError


def to_json(
    value: Any,
    *,
    where: str,
    indent: int | None = None,
    sort_keys: bool = False,
    empty_nan: bool = False,
) -> str:
    """JSON of dicts, sequences, dataclasses, texts, numbers, paths and NumPy values.

    Raises `TwinError` that names the file (`where`) and the field which holds a NaN, an infinity
    or a type that JSON does not have. With `empty_nan` a figure that is not finite becomes null.
    """
    plain = _plain(value, "", where, empty_nan)
    return json.dumps(
        plain, indent=indent, sort_keys=sort_keys, ensure_ascii=False, allow_nan=False
    )


def from_json(content: bytes, *, where: str, fix: str) -> Any:
    """The value of a JSON text; a truncated or damaged one raises `TwinError` with `fix`."""
    try:
        return json.loads(content.decode("utf-8"))
    except ValueError as error:
        raise TwinError(
            "cannot be read as JSON; it is truncated or damaged",
            where=where,
            expected="a complete JSON text",
            got=f"{len(content)} bytes, {error}",
            fix=fix,
        ) from error


def identity_of(parts: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of what determines a result: posterior, plans, seeds, code version.

    Equal values give equal identities in every process, whatever the order of the keys.
    Raises `TwinError` as `to_json` does.
    """
    text = to_json(parts, where="identity", sort_keys=True)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _plain(value: Any, field: str, where: str, empty_nan: bool) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            if empty_nan:
                return None
            raise _refused(field, where, expected="a finite number", got=str(value))
        return value
    if isinstance(value, PurePath):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {item.name: getattr(value, item.name) for item in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {
            str(key): _plain(entry, f"{field}.{key}" if field else str(key), where, empty_nan)
            for key, entry in value.items()
        }
    if isinstance(value, set | frozenset):
        value = sorted(value)
    if isinstance(value, list | tuple):
        return [
            _plain(entry, f"{field}[{index}]", where, empty_nan)
            for index, entry in enumerate(value)
        ]
    raise _refused(field, where, expected="text, number, list or dict", got=type(value).__name__)


def _refused(field: str, where: str, *, expected: str, got: str) -> TwinError:
    return TwinError(
        f"field '{field}' cannot be stored as JSON",
        where=where,
        expected=expected,
        got=got,
        fix="Correct the value, or leave the field out.",
    )

"""What pydantic says about a patient file, in plain words with the nearest known key."""

from __future__ import annotations

import difflib
import re
from typing import Any, get_args

from twin.errors import TwinError
from twin.imaging.units import UNITS


def translated(detail: Any, root: Any, file: str) -> TwinError:
    """A validation error of pydantic in the words of a TwinError.

    Args:
        detail: one entry of `ValidationError.errors()`.
        root: the model that was validated, for the keys known at each place.
        file: name of the file, for the message.
    """
    *above, last = detail["loc"]
    if last == "[key]":
        above, last = above[:-1], above[-1]
    where = f"{file}: {_dotted([*above, last])}"
    if detail["type"] == "extra_forbidden":
        known = _keys_at(above, root)
        close = difflib.get_close_matches(str(last), known, n=1)
        return TwinError(
            f'unknown key "{last}"',
            where=where,
            expected=f"one of {', '.join(known)}",
            fix=f'Did you mean "{close[0]}"?' if close else "Remove it",
        )
    if detail["type"] == "missing":
        units = UNITS.get(str(above[-1]), {}) if last == "unit" else {}
        return TwinError(
            f'missing key "{last}"',
            where=where,
            expected=" or ".join(f'"{unit}"' for unit in units),
            fix="Add it; nothing is assumed",
        )
    got, expected = detail["input"], re.sub("^[A-Za-z ]*? should ", "", detail["msg"])
    known = get_args(_annotation_at([*above, last], root))
    close = difflib.get_close_matches(str(got), [str(name) for name in known], n=1)
    return TwinError(
        "not a usable value",
        where=where,
        expected=expected.removeprefix("be "),
        got=repr(got)[:80],
        fix=f'Did you mean "{close[0]}"?' if close else "",
    )


def _dotted(path: list[Any]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.lstrip(".")


def _annotation_at(path: list[Any], root: Any) -> Any:
    """The annotation of the place in the patient file that a path leads to."""
    place = root
    for part in path:
        fields = getattr(place, "model_fields", None)
        if fields is not None and isinstance(part, str):
            by_alias = {field.alias or name: field for name, field in fields.items()}
            if part not in by_alias:
                return None
            place = by_alias[part].annotation
        else:
            inner = [kind for kind in get_args(place) if kind is not str] or list(get_args(place))
            place = inner[-1] if inner else None
    return place


def _keys_at(path: list[Any], root: Any) -> list[str]:
    fields = getattr(_annotation_at(path, root), "model_fields", {})
    return [field.alias or name for name, field in fields.items()]

"""Writes a failing example as a script that stands alone and can be pasted into a shell."""

from __future__ import annotations

import inspect
import sys
import textwrap
from dataclasses import fields
from types import CodeType, ModuleType
from typing import Any

import numpy as np

from twin.testing.case import Case, Drug
from twin.testing.property import Property

_FEW = 12
"""A field with at most this many values that differ from the rest is written value by value."""


def script_of(
    wanted: Property, simulator: Any, example: dict[str, Any], tolerance: float, path: str = ""
) -> str:
    """A script that runs the relation of a property on one example and prints what it claims.

    Args:
        wanted: the property.
        simulator: what was tested.
        example: arguments of the relation after the simulator.
        tolerance: what the claims are held against.
        path: "package.module:name" of the simulator, where it is known.
    """
    given = "\n\n".join(_assignment(name, value) for name, value in example.items())
    arguments = ", ".join(["simulator", *(f"{name}={name}" for name in example)])
    parts = [
        f"# {wanted.name} (property {wanted.number}): {wanted.reason}",
        "\n".join(
            [
                "from __future__ import annotations",
                "",
                "import numpy as np",
                "",
                "from twin.testing.case import Case, Drug",
                "from twin.testing.property import listed",
                "from twin.testing.protocol import Subject",
                *_imports(wanted.relation),
                _simulator_line(simulator, path),
                "",
                "simulator = Subject(simulator)",
            ]
        ),
        given,
        _source(wanted.relation),
        f"for claim in listed({wanted.name}({arguments})):\n    print(claim.told({tolerance!r}))",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _simulator_line(simulator: Any, path: str) -> str:
    module, _, name = path.partition(":")
    if not name:
        module, name = _home_of(simulator)
    if not module:
        return "simulator = ...  # put your simulator here"
    if "." in name:
        first, rest = name.split(".", 1)
        return f"from {module} import {first}\nsimulator = {first}.{rest}"
    return f"from {module} import {name} as simulator"


def _home_of(simulator: Any) -> tuple[str, str]:
    """Module and name under which a simulator can be imported, or two empty strings."""
    module = getattr(simulator, "__module__", None) or ""
    held = vars(sys.modules.get(module, object)) if module in sys.modules else {}
    for name, value in held.items():
        if value is simulator and module != "__main__":
            return module, name
    return "", ""


def _source(function: Any) -> str:
    """Source of a relation, from its `def` on."""
    text = textwrap.dedent(inspect.getsource(inspect.unwrap(function)))
    return "def " + text.partition("def ")[2].rstrip() if text.startswith("@") else text.rstrip()


def _imports(function: Any) -> list[str]:
    """Import lines for the names of its module that a relation uses."""
    plain = inspect.unwrap(function)
    names = _names(plain.__code__)
    lines = set()
    for name in names & set(plain.__globals__):
        value = plain.__globals__[name]
        if isinstance(value, ModuleType):
            lines.add(f"import {value.__name__} as {name}")
        elif hasattr(value, "__module__") and hasattr(value, "__name__"):
            lines.add(f"from {value.__module__} import {value.__name__}")
        else:
            lines.add(f"from {plain.__module__} import {name}")
    known = {"import numpy as np", "from twin.testing.case import Case"}
    return sorted(lines - known - {"from twin.testing.case import Drug"})


def _names(code: CodeType) -> set[str]:
    inner = (c for c in code.co_consts if isinstance(c, CodeType))
    return set(code.co_names).union(*(_names(c) for c in inner))


def _assignment(name: str, value: Any) -> str:
    if not isinstance(value, Case):
        return f"{name} = {_literal(value)}"
    before, arguments = [], []
    for field in fields(value):
        content = getattr(value, field.name)
        if isinstance(content, np.ndarray) and content.ndim:
            before.append(_array(f"{name}_{field.name}", content, f"{name}_mask", value.mask))
            arguments.append(f"    {field.name}={name}_{field.name},")
        elif content != field.default or field.name == "times_days":
            arguments.append(f"    {field.name}={_literal(content)},")
    return "\n".join([*before, f"{name} = Case(", *arguments, ")"])


def _array(name: str, array: np.ndarray, mask_name: str, mask: np.ndarray) -> str:
    """Lines that build an array: one value, a value in the mask, few exceptions, or all of it."""
    if array.dtype == bool:
        return _mask(name, array)
    if array.ndim == 5 and (array == array[..., :1, :1, :1]).all():
        tensor = _literal(array[..., 0, 0, 0].tolist())
        return f"{name} = np.array({tensor})[:, :, None, None, None] * np.ones({array.shape[2:]})"
    if array.shape == np.shape(mask) and np.any(mask):
        level = array[tuple(np.argwhere(mask)[0])]
        if np.array_equal(array, np.where(mask, level, 0.0)) and level != 0.0:
            return f"{name} = np.where({mask_name}, {_literal(level)}, 0.0)"
    usual = 0.0 if (array == 0).sum() * 2 >= array.size else array.reshape(-1)[0]
    other = np.argwhere(~(array == usual))
    if len(other) <= _FEW:
        lines = [f"{name} = np.full({array.shape}, {_literal(usual)})"]
        lines += [
            f"{name}[{', '.join(str(int(i)) for i in index)}] = {_literal(array[tuple(index)])}"
            for index in other
        ]
        return "\n".join(lines)
    body = textwrap.fill(
        ", ".join(_literal(v) for v in array.reshape(-1)), 96, break_on_hyphens=False
    )
    indented = textwrap.indent(body, "    ")
    return f"{name} = np.array([\n{indented}\n]).reshape({array.shape})"


def _mask(name: str, mask: np.ndarray) -> str:
    if mask.all() or not mask.any():
        return f"{name} = np.full({mask.shape}, {bool(mask.all())})"
    where = np.argwhere(mask)
    low, high = where.min(axis=0), where.max(axis=0) + 1
    box = np.zeros_like(mask)
    slices = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    box[slices] = True
    missing = np.argwhere(box & ~mask)
    if len(missing) <= _FEW:
        inside = ", ".join(f"{s.start}:{s.stop}" for s in slices)
        lines = [f"{name} = np.zeros({mask.shape}, bool)", f"{name}[{inside}] = True"]
        lines += [f"{name}[{', '.join(str(int(i)) for i in index)}] = False" for index in missing]
        return "\n".join(lines)
    digits = "".join("1" if v else "0" for v in mask.reshape(-1))
    rows = [digits[i : i + 80] for i in range(0, len(digits), 80)]
    text = "\n".join(f"    {row!r}" for row in rows)
    return f"{name} = np.array(list(\n{text}\n)).reshape({mask.shape}) == '1'"


def _literal(value: Any) -> str:
    if isinstance(value, np.generic):
        return _literal(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return f"float({str(value)!r})"
    if isinstance(value, Drug):
        inner = ", ".join(f"{f.name}={_literal(getattr(value, f.name))}" for f in fields(value))
        return f"Drug({inner})"
    if isinstance(value, tuple):
        inner = ", ".join(_literal(v) for v in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, list):
        return f"[{', '.join(_literal(v) for v in value)}]"
    if isinstance(value, np.ndarray):
        return f"np.array({_literal(value.tolist())})"
    return repr(value)

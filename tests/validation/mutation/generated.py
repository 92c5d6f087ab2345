"""Mutants by cosmic-ray: where in a file, by which of its operators, and which are left out.

A place is drawn first and one of the changes that are possible there after it, so that every place
of the code weighs alike. Left out, since they cannot be told apart by construction or only crash:

- what is no code of a run: annotations, docstrings, decorators, `raise` statements and everything
  inside f-strings, `strict=` of `zip`, imports, names and exports;
- arithmetic turned into bit operations and comparisons into `is` (floats have no bits: a crash at
  the first run, which would flatter the score);
- statements that no property ever runs (told by the interpreter, see judge.py); how many there are
  is reported beside the score.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FILES = (
    "solvers/splitting.py",
    *(
        f"operators/{name}.py"
        for name in (
            "fluxes",
            "diffusion",
            "transport",
            "explicit",
            "pairs",
            "stencil",
            "tensors",
            "selling",
            "mixture",
        )
    ),
    *(
        f"treatments/{name}.py"
        for name in (
            "forcing",
            "kinetics",
            "concentration",
            "radiotherapy",
            "schedule",
            "normal_tissue",
        )
    ),
    "models/reaction.py",
    "models/radiation.py",
)
"""What a simulator of the kit runs through, in the package."""
LEFT_OUT = ("Bit", "Shift", "_Is", "RemoveDecorator", "Variable", "ExceptionReplacer")
INSTALL = "cosmic-ray is not installed: it is a development tool, install it with `make setup`"


class Mutant(NamedTuple):
    """One change by the tool."""

    file: str
    line: int
    column: int
    operator: str
    occurrence: int


def drawn(package: Path, reached: dict[str, set[int]], size: int, seed: int) -> list[Mutant]:
    """A sample over files, the same number from each as far as it has as many places.

    Args:
        package: folder of the package.
        reached: file -> lines that the kit runs.
        size: how many.
        seed: of the draw.
    """
    chance = random.Random(seed)
    files = [f for f in FILES if (package / f).exists()]
    queues = {}
    for file in files:
        places: dict[tuple[int, int], list[Mutant]] = {}
        for mutant in possible(package, file, reached.get(file, set())):
            places.setdefault((mutant.line, mutant.column), []).append(mutant)
        order = sorted(places)
        chance.shuffle(order)
        queues[file] = [chance.choice(places[place]) for place in order]
    found: list[Mutant] = []
    while len(found) < size and any(queues.values()):
        for file in files:
            if queues[file] and len(found) < size:
                found.append(queues[file].pop())
    return found


def possible(package: Path, file: str, reached: set[int] | None = None) -> list[Mutant]:
    """Every change of a file that the rules leave; with `reached`, on lines that ran."""
    source = (package / file).read_text(encoding="utf-8")
    tree = ast.parse(source)
    closed = list(_closed(tree))
    run = None if reached is None else _statements(tree, reached)
    parsed = _parsed(source)
    found = []
    for name, operator in _operators().items():
        for occurrence, (line, column) in enumerate(_positions(parsed, operator)):
            shut = any(begin <= (line, column) < end for begin, end in closed)
            if not shut and (run is None or line in run):
                found.append(Mutant(file, line, column, name, occurrence))
    return found


def mutated(source: str, mutant: Mutant) -> str:
    """The text of the file with the change."""
    from cosmic_ray.mutating import mutate_code

    changed = mutate_code(source, _operators()[mutant.operator], mutant.occurrence)
    if changed is None or changed == source:
        raise ValueError(f"nothing to change for {mutant}")
    return changed


def _operators() -> dict:
    try:
        from cosmic_ray.plugins import get_operator, operator_names
    except ImportError:
        raise SystemExit(INSTALL) from None
    return {
        name: get_operator(name)()
        for name in sorted(operator_names())
        if not any(part in name for part in LEFT_OUT) or name.endswith(("Is_IsNot", "IsNot_Is"))
    }


def _parsed(source: str):
    from cosmic_ray.ast import get_ast

    return get_ast(source)


def _positions(parsed, operator) -> Iterator[tuple[int, int]]:
    """Line and column of each occurrence, in the tool's order."""
    from cosmic_ray.ast import Visitor

    places: list[tuple[int, int]] = []

    class Lister(Visitor):
        def visit(self, node):
            places.extend(begin for begin, _ in operator.mutation_positions(node))
            return node

    Lister().walk(parsed)
    yield from places


def _closed(tree: ast.AST) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Ranges (begin, end) without mutants."""
    for node in ast.walk(tree):
        parts: list[ast.AST | None] = []
        if isinstance(node, ast.Raise | ast.JoinedStr | ast.Import | ast.ImportFrom):
            parts.append(node)
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            parts += node.decorator_list
        if isinstance(node, ast.FunctionDef):
            parts.append(node.returns)
        if isinstance(node, ast.arg | ast.AnnAssign):
            parts.append(node.annotation)
        if isinstance(node, ast.keyword) and node.arg == "strict":
            parts.append(node.value)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            parts.append(node)
        for part in parts:
            if part is not None:
                yield _range(part)


def _range(node) -> tuple[tuple[int, int], tuple[int, int]]:
    return (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)


def _statements(tree: ast.AST, reached: set[int]) -> set[int]:
    """Every line of the statements of which a line ran; of compound ones the head."""
    lines: set[int] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.stmt):
            continue
        body = getattr(node, "body", None)
        last = body[0].lineno - 1 if body else node.end_lineno or node.lineno
        span = set(range(node.lineno, max(last, node.lineno) + 1))
        if span & reached:
            lines |= span
    return lines

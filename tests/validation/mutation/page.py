"""docs/validation/mutation.md from the results of a run and what is known of the survivors."""

from __future__ import annotations

import json
from pathlib import Path

from tests.twin.testing.broken_simulators import DEFECTS
from twin.testing.properties import PROPERTIES

TEETH = """
## A defect for every property

Each property fails for at least one. Where a mutant above was stopped by the property, it is named
("package"); for the others it is a defect of the NumPy reference ("reference"), a switch of
`tests/twin/testing/broken_simulators.py` that `tests/twin/testing/test_teeth.py` holds against the
kit. Judging stops at the first property that fails, so that one without a mutant of the package
here may well have failed for it.

| property | defect | in |
|---|---|---|
"""

HEAD = """# How many defects the conformance kit notices

Made by `python -m scripts.mutation_score`. Each mutant is a copy of the package with one change,
judged by the properties of `twin.testing` alone (none of the package's other tests) on the adapter
in `tests/validation/mutation/simulators.py`, until one fails. A mutant on which every run raises
counts as killed only because a property fails by it.

"""
SAMPLES = """
The kit was improved where mutants of a sample survived, and the next sample was drawn after that.
The first one (seed 4) is told after the kit was improved on it, the others as they were when drawn;
the last row is the one that nothing was changed for. Two of the fixed list that changed nothing
were replaced. The last column leaves out mutants that cannot be told from the original; a run may
be stopped early.
"""
RULES = """
## What is counted

Files are those that the judged simulator runs through: other models, and operators that only they
use, are held to the kit but not mutated. The tool is cosmic-ray. A place in the code is drawn, the
same number from every file, then one of the changes possible there. Left out: annotations,
docstrings, decorators, `raise` statements, f-strings, `strict=`, arithmetic turned into bit
operations and comparisons into `is` (they crash at once and would flatter the score), and
statements that no property runs. How much code that is:

| file | places | of them run by the kit |
|---|---:|---:|
"""


def page(results: Path, reasons: dict[str, tuple[str, str]]) -> str:
    """The document.

    Args:
        results: JSON lines of a run.
        reasons: "file:line operator" of a survivor -> (kind, why it survives).
    """
    rows = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
    head = next(row for row in rows if "places" in row)
    found = [row for row in rows if "kind" in row]
    lines = [
        HEAD,
        "| mutants | killed | of | score | of those that differ |\n|---|---:|---:|---:|---:|\n",
    ]
    for kind in dict.fromkeys(row["kind"] for row in found):
        name = "fixed list" if kind == "fixed" else f"drawn by the tool, {kind}"
        some = [row for row in found if row["kind"] == kind]
        killed = sum(row["killed_by"] is not None for row in some)
        different = [r for r in some if r["killed_by"] or _reason(r, reasons)[0] != "equivalent"]
        lines.append(
            f"| {name} | {killed} | {len(some)} | {killed / max(len(some), 1):.3f}"
            f" | {killed / max(len(different), 1):.3f} |\n"
        )
    lines.append(SAMPLES)
    failing = [n for n, outcome in head["baseline"].items() if outcome == "fails"]
    if failing:
        lines.append(f"\nNot used, since the package itself fails them: {', '.join(failing)}.\n")
    absent = [n for n, outcome in head["baseline"].items() if outcome == "not applicable"]
    lines.append(f"\nNot applicable to this simulator: {', '.join(absent) or 'none'}.\n")
    lines.append("\n## Survivors\n\n| where | change | verdict | why |\n|---|---|---|---|\n")
    for row in found:
        if row["killed_by"] is None:
            kind, why = _reason(row, reasons)
            change = f"{row['what']}: `{_short(row['before'])}` → `{_short(row['after'])}`"
            lines.append(f"| {row['file']}:{row['line']} | {change} | {kind} | {why} |\n")
    lines.append(RULES)
    lines += [f"| {file} | {both[1]} | {both[0]} |\n" for file, both in head["places"].items()]
    lines.append("\n## Every mutant\n\n| where | change | killed by |\n|---|---|---|\n")
    for row in sorted(found, key=lambda r: (r["kind"], r["file"], r["line"])):
        change = f"{row['what']}: `{_short(row['after']) or 'line removed'}`"
        lines.append(f"| {row['file']}:{row['line']} | {change} | {row['killed_by'] or '—'} |\n")
    lines += teeth(found)
    return "".join(lines)


def _reason(row: dict, reasons: dict[str, tuple[str, str]]) -> tuple[str, str]:
    if row.get("partly"):
        return "open", "held against the likeliest properties only, not yet against the whole kit"
    return reasons.get(f"{row['file']}:{row['line']} {row['what']}", ("open", "not looked into"))


def _short(text: str) -> str:
    text = text.replace("|", "\\|").replace("`", "")
    return text if len(text) <= 90 else text[:87] + "..."


def teeth(found: list[dict]) -> list[str]:
    """A row for each property: a mutant that it stopped, or a defect of the reference."""
    rows = [TEETH]
    for name in PROPERTIES:
        own = [row for row in found if row["killed_by"] == name]
        if own:
            row = sorted(own, key=lambda r: r["kind"])[0]
            rows.append(f"| {name} | {row['file']}:{row['line']} {row['what']} | package |\n")
            continue
        known = [defect for defect, (_, names) in DEFECTS.items() if name in names]
        rows.append(f"| {name} | {known[0] if known else 'none'} | reference |\n")
    return rows

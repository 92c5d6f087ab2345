"""Runs the conformance kit on simulators and writes who keeps what.

    python -m scripts.conformance_table check SIMULATOR... [--note TEXT]
    python -m scripts.conformance_table page

`check` judges one simulator after another (package.module:name) and keeps the verdicts, with
version and date, in docs/reference/conformance-results.jsonl; it needs no more than the kit, and so
runs in the environment of a peer. `page` writes docs/reference/conformance-results.md from them and
docs/reference/conformance.md from the properties themselves.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
from pathlib import Path
from typing import Any

from scripts.conformance_text import EXTRAS, HEAD, OPENING
from twin.testing import conformance, protocol
from twin.testing.properties import PROPERTIES
from twin.testing.report import FAILS, HOLDS, NOT_APPLICABLE

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"
RESULTS = FOLDER / "conformance-results.jsonl"
SIGNS = {HOLDS: "holds", FAILS: "**fails**", NOT_APPLICABLE: "–"}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    checking = commands.add_parser("check")
    checking.add_argument("simulators", nargs="+", metavar="package.module:name")
    checking.add_argument("--note", default="", help="version or commit, kept with the verdicts")
    commands.add_parser("page")
    chosen = parser.parse_args()
    if chosen.command == "page":
        (FOLDER / "conformance.md").write_text(reference_page())
        (FOLDER / "conformance-results.md").write_text(results_page(read()))
        return
    for path in chosen.simulators:
        keep(verdicts_of(path, chosen.note))


def verdicts_of(path: str, note: str) -> dict[str, Any]:
    """Verdicts of one simulator as plain data."""
    report = conformance.check(path)
    print(f"{path}: {report.summary}")
    for verdict in report.failed:
        print(f"  {verdict.name}: {verdict.detail}")
    return {
        "path": path,
        "simulator": report.simulator,
        "note": note,
        "date": datetime.date.today().isoformat(),
        "python": platform.python_version(),
        "verdicts": {
            v.name: {"outcome": v.outcome, "detail": v.detail, "examples": v.examples}
            for v in report
        },
    }


def read() -> list[dict[str, Any]]:
    """What was kept, one entry a simulator."""
    if not RESULTS.exists():
        return []
    return [json.loads(line) for line in RESULTS.read_text().splitlines()]


def keep(entry: dict[str, Any]) -> None:
    """Put an entry in the place of the simulator's last one."""
    others = [e for e in read() if e["path"] != entry["path"]]
    entries = sorted([*others, entry], key=_order)
    RESULTS.write_text("".join(json.dumps(e, ensure_ascii=False) + "\n" for e in entries))


def reference_page() -> str:
    """The kit's reference: protocol and table of properties."""
    told = (protocol.__doc__ or "").partition("\n")[2].strip()
    rows = [
        "| # | property | why a user is owed it | float64 | float32 | needs |",
        "|---:|---|---|---:|---:|---|",
    ]
    rows += [
        f"| {p.number} | `{p.name}` | {p.reason} | {_number(p.double)} | {_number(p.single)} |"
        f" {', '.join(p.needs)} |"
        for p in PROPERTIES.values()
    ]
    return f"{HEAD}{told}\n\n{EXTRAS}\n" + "\n".join(rows) + "\n"


def results_page(entries: list[dict[str, Any]]) -> str:
    """The table of who keeps what, and what was found."""
    names = [e["simulator"] for e in entries]
    rows = [
        f"| # | property | {' | '.join(names)} |",
        f"|---:|---|{'---|' * len(names)}",
    ]
    for p in PROPERTIES.values():
        found = [e["verdicts"].get(p.name, {}).get("outcome") for e in entries]
        cells = " | ".join(SIGNS.get(outcome, "not asked") for outcome in found)
        rows.append(f"| {p.number} | `{p.name}` | {cells} |")
    head = [
        "| simulator | version or commit | checked on | Python | hold | fail | not applicable |",
        "|---|---|---|---|---:|---:|---:|",
    ]
    head += [_total(e) for e in entries]
    parts = [OPENING, "\n".join(head), "## Property by property", "\n".join(rows)]
    for e in entries:
        parts += [f"## {e['simulator']}", _told(e)]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def _total(entry: dict[str, Any]) -> str:
    outcomes = [v["outcome"] for v in entry["verdicts"].values()]
    cells = [entry["simulator"], entry["note"] or "–", entry["date"], entry["python"]]
    return f"| {' | '.join([*cells, *(str(outcomes.count(o)) for o in SIGNS)])} |"


def _told(entry: dict[str, Any]) -> str:
    """Failures, partial verdicts and reasons of one simulator."""
    lines = []
    for name, verdict in entry["verdicts"].items():
        if verdict["outcome"] == FAILS:
            told = verdict["detail"].removeprefix("FAILS: ")
            lines.append(f"- `{name}` fails: {told.replace('|', '/')}.")
    for outcome, prefix in ((HOLDS, "Holds "), (NOT_APPLICABLE, "Not applicable: ")):
        reasons: dict[str, list[str]] = {}
        for name, verdict in entry["verdicts"].items():
            if verdict["outcome"] == outcome and verdict["detail"]:
                reasons.setdefault(verdict["detail"], []).append(f"`{name}`")
        lines += [f"- {prefix}{reason}: {', '.join(names)}." for reason, names in reasons.items()]
    return "\n".join(lines) or "Everything holds."


def _order(entry: dict[str, Any]) -> tuple[bool, str]:
    return not entry["simulator"].startswith("oncotwin"), entry["path"]


def _number(value: float) -> str:
    return "exact" if value == 0.0 else f"{value:g}"


if __name__ == "__main__":
    main()

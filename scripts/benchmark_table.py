"""The table of docs/benchmarks/README.md from figures that `oncotwin bench` printed.

python -m scripts.benchmark_table docs/benchmarks/main-job.jsonl [--write docs/benchmarks/README.md]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

BEGIN, END = "<!-- figures -->\n", "<!-- end of figures -->\n"
GOALS = {
    "forward_s": "0.1",
    "calibration_s": "4",
    "calibration_error": "0.01",
    "scenarios_1000_s": "60",
    "peak_rss_mb": "2000",
    "peak_rss_mb_10000": "2000",
    "compile_s": "15",
    "cli_help_s": "0.5",
    "mass_drift": "1e-6",
    "step_halving_error": "2e-3",
    "radiomics_pet_s_per_case": "0.39",
    "real_tasks_s": "600",
    "ratio_anisotropic": "2.5",
    "ratio_two_clones": "2.2",
    "ratio_oxygen": "4",
    "ratio_mechanics": "15",
    "filter_update_s": "1",
    "laplace_ratio": "2",
    "nuts_s": "600",
    "lesions_fit_s": "60",
    "lesions_hierarchical_s": "600",
    "virtual_trial_s": "900",
}
"""The most that each figure may be on two idle cores."""


def table(figures: Path) -> str:
    """A Markdown table of a JSON-lines file of figures."""
    rows = [json.loads(line) for line in figures.read_text(encoding="utf-8").splitlines()]
    lines = ["| name | value | unit | at most | case |", "|---|---|---|---|---|"]
    lines += [
        f"| {r['name']} | {r['value']:.3g} | {r['unit']} | {GOALS.get(r['name'], '')}"
        f" | {r['case']} |"
        for r in rows
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the table, or write it between the marks of a document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figures", type=Path)
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    if given.write is None:
        print(table(given.figures), end="")
        return
    head, rest = given.write.read_text(encoding="utf-8").split(BEGIN)
    tail = rest.split(END)[1]
    given.write.write_text(head + BEGIN + table(given.figures) + END + tail, encoding="utf-8")


if __name__ == "__main__":
    main()

"""One group of figures in this process: `python -m experiments.benchmarks GROUP CASE NAME...`."""

from __future__ import annotations

import importlib
import json
import sys

from experiments.benchmarks import GROUPS
from experiments.benchmarks.case import Case

_MODULES = {"memory_10000": "memory", "synth_private": "synth"}


def main(arguments: list[str]) -> None:
    """Print the named figures of a group, one JSON line each."""
    group, text, *names = arguments
    case = Case(**json.loads(text))
    module = importlib.import_module(f"experiments.benchmarks.{_MODULES.get(group, group)}")
    for name, value, unit, details in module.measure(case, names or list(GROUPS[group])):
        if not names or name in names:
            line = {"name": name, "value": float(f"{value:.5g}"), "unit": unit, "case": details}
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])

"""How soon the command line answers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence

from experiments.benchmarks.case import Case
from experiments.benchmarks.timing import Line, seconds, with_ratio

REPEATS = 5


def measure(case: Case, names: Sequence[str]) -> Iterator[Line]:
    """Figures of the group "start"."""

    def run() -> None:
        command = [sys.executable, "-m", "experiments.cli", "--help"]
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
        assert "oncotwin" in answer.stdout

    run()
    details = f"oncotwin --help, median of {REPEATS} fresh processes"
    yield from with_ratio("cli_help_s", seconds(run, REPEATS), case, details)

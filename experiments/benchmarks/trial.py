"""A virtual trial: simulated patients of another simulator, treated by every strategy."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from experiments.benchmarks.case import Case
from experiments.benchmarks.timing import Line
from experiments.engines.local import use_every_core
from twin.cores import available_cores

WORLD = "two-clones"


def measure(case: Case, names: Sequence[str]) -> Iterator[Line]:
    """Figures of the group "trial": the whole command, compilation included."""
    use_every_core()
    from experiments.trial.workflow import run_trial
    from twin.scenarios.trial_strategies import DEFAULT

    strategies = DEFAULT[: case.trial_strategies]
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        (result,) = run_trial(
            Path(folder), worlds=[WORLD], strategies=strategies, patients=case.trial_patients
        )
    details = (
        f"{result.patients} simulated patients of world {WORLD} x {len(result.arms)} strategies"
        f" ({', '.join(arm.name for arm in result.arms)}), {available_cores()} cores, with"
        " compilation, the compilation cache as earlier runs left it"
    )
    yield "virtual_trial_s", time.perf_counter() - begun, "s", details

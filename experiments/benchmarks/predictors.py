"""Every prediction task that ships, with all its controls: seconds for all of them.

Tables that may not ship are read from the folder that DATA names; tasks without their table are
left out, and `case` says so.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from experiments.benchmarks.case import Case
from experiments.benchmarks.timing import Line
from experiments.predictors.task import load_task
from experiments.predictors.training import train
from twin.cores import available_cores

COHORTS = "patients/cohorts"


def measure(case: Case, names: Sequence[str]) -> Iterator[Line]:
    """Figures of the group "predictors": tasks one after another, features of images included."""
    from experiments.benchmarks import ROOT

    told, left_out, total = [], [], 0.0
    for path in sorted((ROOT / COHORTS).glob("*/*.yaml"))[: case.tasks]:
        task = load_task(path)
        folder = _cohort(path.parent, task.tables[0].file, ROOT)
        if folder is None:
            left_out.append(task.name)
            continue
        begun = time.perf_counter()
        train(task, path.parent, cohort=folder, permutations=case.permutations)
        seconds = time.perf_counter() - begun
        total += seconds
        told.append(f"{task.name} {seconds:.0f} s")
    details = f"{len(told)} tasks, {available_cores()} cores; {', '.join(told)}"
    if left_out:
        details += f"; without their table: {', '.join(left_out)}"
    yield "real_tasks_s", total, "s", details


def _cohort(home: Path, table: str, root: Path) -> Path | None:
    """The folder that holds a task's table: its own, or that of the same name in DATA."""
    for folder in (home, root / os.environ.get("DATA", "../shared/data") / home.name):
        if (folder / table).is_file():
            return folder
    return None

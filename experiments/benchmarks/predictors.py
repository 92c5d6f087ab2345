"""Every prediction task of patients/cohorts, trained and evaluated with all of its controls.

Head and neck takes its table from the folder that DATA names, since it may not be shipped; where it
is not there, `case` says that these tasks were left out.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from experiments.benchmarks.case import Case
from experiments.benchmarks.timing import Line
from experiments.cores import available_cores
from experiments.predictors import load_task
from experiments.predictors.training import train

COHORTS = "patients/cohorts"


def measure(case: Case, names: Sequence[str]) -> Iterator[Line]:
    """Figures of the group "predictors": one task after another, images read included."""
    tasks, left_out = _tasks()
    told, total = [], 0.0
    for path, cohort in tasks[: case.tasks]:
        task = load_task(path)
        count = min(case.permutations, task.evaluation.permutations)
        begun = time.perf_counter()
        train(task, path.parent, cohort=cohort, permutations=count)
        seconds = time.perf_counter() - begun
        total += seconds
        told.append(f"{task.name} {seconds:.0f} s")
    details = (
        f"{len(told)} tasks, {case.permutations} permutations each, {available_cores()} cores:"
        f" {', '.join(told)}"
    )
    if left_out:
        details += f"; without {', '.join(left_out)}, of which there is no table"
    yield "real_tasks_s", total, "s", details


def _tasks() -> tuple[list[tuple[Path, Path | None]], list[str]]:
    """Task files with the cohort to read instead of their own, and names of those without one."""
    from experiments.benchmarks import ROOT

    data = ROOT / os.environ.get("DATA", "../shared/data")
    found: list[tuple[Path, Path | None]] = []
    left_out = []
    for path in sorted((ROOT / COHORTS).glob("*/*.yaml")):
        table = load_task(path).tables[0].file
        if (path.parent / table).is_file():
            found.append((path, None))
        elif (data / path.parent.name / table).is_file():
            found.append((path, data / path.parent.name))
        else:
            left_out.append(path.stem)
    return found, left_out

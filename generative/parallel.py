"""The same work for every patient, on every core; results never depend on how many there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from joblib import Parallel, delayed

from twin.cores import available_cores

Progress = Callable[[int, int], None]
WORTH_PROCESSES = 300
"""From this number of patients on, every core gets a process: each takes seconds to start."""


def over_patients[Value, Found](
    function: Callable[[Value], Found], patients: Sequence[Value], progress: Progress | None = None
) -> Iterator[Found]:
    """What `function` gives for each patient, in their order.

    Args:
        function: of one patient; sent to other processes, so whatever it holds should be small.
        patients: what it is called with.
        progress: called with patients done and all of them.
    """
    workers = available_cores() if len(patients) >= WORTH_PROCESSES else 1
    parallel = Parallel(n_jobs=workers, return_as="generator", max_nbytes=None)
    each: Any = parallel(delayed(function)(patient) for patient in patients)
    for done, found in enumerate(each, start=1):
        yield found
        if progress is not None:
            progress(done, len(patients))

"""How many cores there are to use, and the same work for many things on all of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def on_every_core[Value, Found](
    function: Callable[[Value], Found],
    values: Sequence[Value],
    *,
    worth_processes: int,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[Found]:
    """What `function` gives for each value, in their order; the same however many cores there are.

    Args:
        function: of one value; sent to other processes, so whatever it holds should be small.
        values: what it is called with.
        worth_processes: from this number of values on, every core gets a process, which takes
            seconds to start; fewer are done in this one.
        progress: called with values done and all of them.
    """
    from joblib import Parallel, delayed  # most who ask for cores do not need it

    workers = available_cores() if len(values) >= worth_processes else 1
    parallel = Parallel(n_jobs=workers, return_as="generator", max_nbytes=None)
    each: Any = parallel(delayed(function)(value) for value in values)
    for done, found in enumerate(each, start=1):
        if progress is not None:  # before it is given: who takes the last one may not come back
            progress(done, len(values))
        yield found

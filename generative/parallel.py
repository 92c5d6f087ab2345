"""The same work for every patient, on every core."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from twin.cores import on_every_core

Progress = Callable[[int, int], None]
WORTH_PROCESSES = 300
"""From this number of patients on, every core gets a process."""


def over_patients[Value, Found](
    function: Callable[[Value], Found], patients: Sequence[Value], progress: Progress | None = None
) -> Iterator[Found]:
    """What `function` gives for each patient, in their order; see `twin.cores.on_every_core`."""
    return on_every_core(function, patients, worth_processes=WORTH_PROCESSES, progress=progress)

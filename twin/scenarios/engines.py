"""Where shards of a sweep run and where they are kept; implementations live in experiments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import numpy as np

from twin.scenarios.outcomes import Outcomes


class Store(Protocol):
    """Where shards go as they come; see experiments.store for the one on disk."""

    def done(self) -> set[int]:
        """Indices of the shards that are complete."""
        ...

    def write(self, index: int, arrays: dict[str, np.ndarray], attributes: dict[str, Any]) -> Any:
        """Keep a shard."""
        ...

    def read(self, index: int) -> dict[str, np.ndarray]:
        """Arrays of a shard."""
        ...


class Engine(Protocol):
    """Runs the work items of a sweep; see experiments.engines for one that uses every core."""

    def __call__(
        self, work: Callable[[int], Outcomes], items: Iterable[int]
    ) -> Iterator[tuple[int, Outcomes]]:
        """Yield (item, work(item)) in any order."""
        ...


def one_by_one(
    work: Callable[[int], Outcomes], items: Iterable[int]
) -> Iterator[tuple[int, Outcomes]]:
    """The engine that runs one shard after the other."""
    for item in items:
        yield item, work(item)

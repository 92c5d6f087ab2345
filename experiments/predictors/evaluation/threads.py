"""How many threads fits may use: none of their own, since they are many and small."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sklearn
from threadpoolctl import threadpool_limits


@contextmanager
def one_thread() -> Iterator[None]:
    """Libraries without threads of their own and without checks of what we checked: fits here are
    many and small."""
    with (
        threadpool_limits(1),
        sklearn.config_context(assume_finite=True, skip_parameter_validation=True),
    ):
        yield

"""Every core of this machine: one thread and one JAX device a core, a shard each."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import Any

import jax

from twin.cores import available_cores


def use_every_core() -> None:
    """Make one JAX device of each core; entry points only. Too late once JAX is in use: then its
    devices stay as they are.

    A scenario fills one core: its arrays are small enough to stay in the core's cache, and XLA's
    own threads gain nothing on them. Two scenarios at a time on two cores take half the time.
    """
    _give_back_freed_memory()
    if "JAX_NUM_CPU_DEVICES" not in os.environ:
        with suppress(RuntimeError):
            jax.config.update("jax_num_cpu_devices", available_cores())


def _give_back_freed_memory() -> None:
    """Tell glibc to map fields one by one, so that freeing them frees them.

    Otherwise fields of a megabyte that several threads allocate in turn fragment its heaps, and
    memory creeps up with the number of shards (by half from 100 to 10,000 scenarios).
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, 1 << 19)


_M_MMAP_THRESHOLD = -3


def every_core[Item, Result](
    work: Callable[[Item], Result], items: Iterable[Item]
) -> Iterator[tuple[Item, Result]]:
    """The engine that gives each JAX device its next shard as soon as it is free.

    Results come as they finish; what a shard holds does not depend on the device. A shard that
    fails ends the sweep once those under way have finished. An item may be anything that work can
    be done on, such as a patient of a virtual trial.
    """
    devices = jax.local_devices()
    waiting = iter(items)

    def run(item: Item, device: Any) -> Result:
        with jax.default_device(device):
            return work(item)

    with ThreadPoolExecutor(len(devices)) as pool:
        running: dict[Future[Result], tuple[Item, Any]] = {}

        def start(device: Any) -> None:
            item = next(waiting, None)
            if item is not None:
                running[pool.submit(run, item, device)] = (item, device)

        for device in devices:
            start(device)
        while running:
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                item, device = running.pop(future)
                result = future.result()
                start(device)
                yield item, result

"""A process that the store's tests start, kill or starve: python store_process.py MODE FOLDER.

endless     write shards until killed, "ready" on standard output before the first
crash       one folder per system call of two writes, each left by a process killed at that call
limited     save more than the largest file size allowed allows; print the error
forbidden   save into a folder that this user may not write; print the error
"""

import os
import random
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from experiments.runs import Run
from experiments.store import ShardStore
from twin.errors import TwinError

IDENTITY = "plans and posterior of the test"


def shard(index: int) -> dict[str, np.ndarray]:
    """What the "simulation" of a shard gives: it depends on the index alone."""
    steps = np.random.default_rng(index).normal(size=(4, 60)).astype(np.float32)
    return {"viable_ml": np.exp(np.cumsum(steps, axis=1)), "status": np.zeros(4, np.int8)}


def write(store: ShardStore, index: int) -> None:
    store.write(index, shard(index), {"scenarios": 4, "plans": ["standard of care"]})


def endless(folder: Path) -> None:
    with ShardStore(folder, IDENTITY) as store:
        print("ready", flush=True)
        index = 0
        while True:
            if index not in store.done():
                time.sleep(random.uniform(0.0, 0.004))
                write(store, index)
            index += 1


def crash(folder: Path) -> None:
    call = 0
    while True:
        run = folder / f"call-{call:03d}"
        with ShardStore(run, IDENTITY) as store:
            write(store, 0)
        child = os.fork()
        if child == 0:
            _die_at(call)
            with ShardStore(run, IDENTITY) as store:
                write(store, 1)
                write(store, 2)
            os._exit(0)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
            return
        call += 1


def _die_at(call: int) -> None:
    """Kill this process at its system call of that number; a write gets half its bytes out."""
    left = call

    def deadly(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            if left == 0:
                if name == "write":
                    descriptor, content = arguments
                    function(descriptor, content[: len(content) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
            return function(*arguments, **options)

        return called

    for name in ("open", "write", "fsync", "replace", "ftruncate", "close"):
        setattr(os, name, deadly(name, getattr(os, name)))


def limited(folder: Path) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    _print_refusal(folder)


def forbidden(folder: Path) -> None:
    os.chdir(folder)
    if os.geteuid() == 0:
        os.setuid(65534)
    _print_refusal(Path("."))


def _print_refusal(folder: Path) -> None:
    try:
        Run(folder).save_arrays("posterior.h5", {"samples": np.ones(100_000)})
    except TwinError as error:
        print(error)


if __name__ == "__main__":
    {"endless": endless, "crash": crash, "limited": limited, "forbidden": forbidden}[sys.argv[1]](
        Path(sys.argv[2])
    )

"""`kill -9` at random moments of a real sweep, until it has been killed often enough."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import h5py
import numpy as np

from tests.experiments.commands import finish, start

STORES = (".", "finalists")


def sweep_words(run: Path, plans: int = 500) -> tuple[str, ...]:
    """A shard for 25 plans and more for the finalists, each done in a fraction of a second."""
    return ("sweep", str(run), "--count", str(plans), "--draws", "8")


def killed_sweeps(
    calibrated: Path, folder: Path, *, kills: int, seed: int, plans: int = 500
) -> tuple[list[Path], int]:
    """Sweep copies of a run under random kills; then let the last one end.

    A third of the kills come at any moment from the start of the process, before the first shard
    too; the others soon after a shard was finished. Everything on disk is looked at after each.

    Returns:
        the runs, all finished, and the number of kills that left some but not all shards.
    """
    rng, done, amid, runs = random.Random(seed), 0, 0, []
    while done < kills or not runs or not (runs[-1] / "ranking.json").exists():
        if not runs or (runs[-1] / "ranking.json").exists():
            runs.append(folder / f"run-{len(runs)}")
            shutil.copytree(calibrated, runs[-1])
        run = runs[-1]
        child = start(*sweep_words(run, plans))
        if done < kills and _kill(child, run, rng):
            done += 1
            amid += check_files(run)
        else:
            answer = finish(child)
            assert answer.code == 0, answer.err
    return runs, amid


def _kill(child: subprocess.Popen[str], run: Path, rng: random.Random) -> bool:
    """Kill a sweep at a random moment; False where it ended before."""
    if rng.random() < 0.35:
        time.sleep(rng.uniform(0.5, 6.0))
    else:
        before = finished_shards(run)
        while child.poll() is None and finished_shards(run) == before:
            time.sleep(0.002)
        time.sleep(rng.uniform(0.0, 0.4))
    if child.poll() is not None:
        return False
    child.kill()
    child.communicate()
    return child.returncode == -signal.SIGKILL


def finished_shards(run: Path) -> int:
    """Lines in the two ledgers, a torn one included."""
    paths = [run / store / "ledger.jsonl" for store in STORES]
    return sum(path.read_bytes().count(b"\n") for path in paths if path.exists())


def check_files(run: Path) -> bool:
    """Every HDF5 file opens and the ledgers parse up to a torn end; are some shards there?"""
    found = 0
    for store in STORES:
        for path in sorted((run / store / "shards").glob("*.h5")):
            with h5py.File(path) as file:
                file.visititems(lambda _, item: item[...] if isinstance(item, h5py.Dataset) else 0)
            found += 1
        ledger = run / store / "ledger.jsonl"
        if ledger.exists():
            for line in ledger.read_bytes().split(b"\n")[:-1]:
                assert json.loads(line)["scenarios"] > 0
    json.loads((run / "run.json").read_text())
    return found > 0 and not (run / "ranking.json").exists()


def assert_bit_equal(run: Path, reference: Path) -> int:
    """Shards, plans and ranking of two runs hold the same bits; returns the number of shards."""
    for name in ("ranking.json", "plans.json"):
        assert (run / name).read_bytes() == (reference / name).read_bytes(), name
    count = 0
    for store in STORES:
        mine, theirs = (sorted((r / store / "shards").glob("*.h5")) for r in (run, reference))
        assert [path.name for path in mine] == [path.name for path in theirs]
        for a, b in zip(mine, theirs, strict=True):
            left, right = arrays(a), arrays(b)
            assert left.keys() == right.keys()
            for name, values in left.items():
                assert values.dtype == right[name].dtype
                assert values.tobytes() == right[name].tobytes(), f"{a.name}: {name}"
            count += 1
    return count


def arrays(path: Path) -> dict[str, np.ndarray]:
    """Every dataset of an HDF5 file."""
    found: dict[str, np.ndarray] = {}

    def keep(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = np.asarray(item[()])

    with h5py.File(path) as file:
        file.visititems(keep)
    return found

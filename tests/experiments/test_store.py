"""The store of a sweep: resumes bit-equal after kill -9 anywhere, refuses what is not its own."""

import errno
import importlib.util
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from experiments.json_text import identity_of
from experiments.store import ShardStore
from twin.errors import TwinError

PROCESS = Path(__file__).with_name("store_process.py")
ROOT = Path(__file__).parents[2]

_spec = importlib.util.spec_from_file_location("store_process", PROCESS)
assert _spec is not None and _spec.loader is not None
process = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(process)


def start(mode: str, folder: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, str(PROCESS), mode, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def kill(child: subprocess.Popen) -> None:
    child.kill()
    child.communicate()
    assert child.returncode == -signal.SIGKILL


def sweep(folder: Path, count: int) -> tuple[str, ...]:
    """Write what is missing of `count` shards; returns what was found on opening."""
    with ShardStore(folder, process.IDENTITY) as store:
        for index in range(count):
            if index not in store.done():
                process.write(store, index)
        return store.findings


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "shards").iterdir()}


def ledger(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "ledger.jsonl").read_text().splitlines()]


def test_sweep_killed_at_twenty_random_times_resumes_to_the_bytes_of_an_uninterrupted_one(tmp_path):
    run, whole = tmp_path / "killed", tmp_path / "whole"
    done: set[int] = set()
    for _ in range(20):
        child = start("endless", run)
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
        time.sleep(random.uniform(0.0, 0.08))
        kill(child)
        store = ShardStore.for_reading(run)
        assert done <= store.done()
        done = store.done()
        for index in done:
            np.testing.assert_array_equal(store.read(index)["viable_ml"], shard_of(index))
    count = max(done) + 4
    sweep(run, count)
    sweep(whole, count)
    assert len(done) >= 5
    assert files(run) == files(whole)
    assert ledger(run) == ledger(whole)


def shard_of(index: int) -> np.ndarray:
    return process.shard(index)["viable_ml"]


def test_kill_at_every_single_system_call_loses_nothing_that_was_done(tmp_path):
    child = start("crash", tmp_path)
    child.communicate()
    assert child.returncode == 0
    runs = sorted(tmp_path.glob("call-*"))
    sweep(tmp_path / "whole", 3)
    seen = set()
    for run in runs[:-1]:
        assert 0 in ShardStore.for_reading(run).done()
        seen |= {finding.split(" ", 1)[-1].split(",")[0] for finding in sweep(run, 3)}
        assert files(run) == files(tmp_path / "whole")
        assert ledger(run) == ledger(tmp_path / "whole")
    assert len(runs) > 20
    # The kills met a half-written shard, a shard without its line and a torn ledger line.
    assert any(".h5.tmp" in finding for finding in seen)
    assert any("has no line in the ledger" in finding for finding in seen)
    assert any("unfinished last line" in finding for finding in seen)


def test_shard_gives_back_its_arrays_and_attributes(tmp_path):
    arrays = process.shard(0) | {"names": np.array(["naïve", "b"])}
    with ShardStore(tmp_path, "a") as store:
        store.write(0, arrays, {"scenarios": 4, "seed": 7})
        assert store.attributes(0) == {"scenarios": 4, "seed": 7}
        read = store.read(0)
    assert list(read) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array)
        assert read[name].dtype == array.dtype
    assert ShardStore.for_reading(tmp_path).scenarios == 4


def test_torn_last_ledger_line_is_cut_off_and_its_shard_written_again(tmp_path):
    sweep(tmp_path, 3)
    expected = files(tmp_path), ledger(tmp_path)
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(path.read_bytes()[:-17])
    findings = sweep(tmp_path, 3)
    assert any("unfinished last line" in finding for finding in findings)
    assert any("0002.h5 has no line in the ledger" in finding for finding in findings)
    assert (files(tmp_path), ledger(tmp_path)) == expected


@pytest.mark.parametrize("damage", [b'{"shard": 1, "sha\n', b"\0\0\0\0\n", b'{"shard": 1}\n'])
def test_ledger_damaged_before_its_last_line_is_refused(tmp_path, damage):
    sweep(tmp_path, 3)
    path = tmp_path / "ledger.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + damage + lines[2])
    with pytest.raises(TwinError, match=r"ledger\.jsonl: line 2 is damaged.*--restart"):
        ShardStore(tmp_path, process.IDENTITY)


def test_truncated_changed_and_missing_shards_are_reported_and_computed_again(tmp_path):
    sweep(tmp_path, 4)
    expected = files(tmp_path)
    shards = tmp_path / "shards"
    (shards / "0000.h5").write_bytes(expected["0000.h5"][:500])
    (shards / "0001.h5").write_bytes(expected["0000.h5"])
    (shards / "0002.h5").unlink()
    findings = sweep(tmp_path, 4)
    assert findings == (
        "0000.h5 is damaged or changed; it is computed again",
        "0001.h5 is damaged or changed; it is computed again",
        "0002.h5 is missing; it is computed again",
    )
    assert files(tmp_path) == expected


def test_shard_changed_while_the_store_is_open_is_refused_on_reading(tmp_path):
    sweep(tmp_path, 1)
    store = ShardStore.for_reading(tmp_path)
    (tmp_path / "shards" / "0000.h5").write_bytes(b"not HDF5")
    with pytest.raises(TwinError, match=r"0000\.h5: the file has changed since it was written"):
        store.read(0)


def test_unfinished_shard_is_refused_on_reading(tmp_path):
    sweep(tmp_path, 1)
    with pytest.raises(TwinError, match="shard 5 is not finished"):
        ShardStore.for_reading(tmp_path).read(5)


def test_ledger_of_another_identity_is_refused_and_restart_discards_it(tmp_path):
    sweep(tmp_path, 3)
    with pytest.raises(TwinError, match=r"swept with other plans.*new run folder.*--restart"):
        ShardStore(tmp_path, "other plans")
    assert ShardStore.for_reading(tmp_path).done() == {0, 1, 2}
    with ShardStore(tmp_path, "other plans", restart=True) as store:
        assert store.done() == set()
    assert files(tmp_path) == {}


def test_second_writer_is_refused_until_the_first_is_killed(tmp_path):
    child = start("endless", tmp_path)
    assert child.stdout is not None and child.stdout.readline() == "ready\n"
    with pytest.raises(TwinError, match="another process is sweeping into this run"):
        ShardStore(tmp_path, process.IDENTITY)
    kill(child)
    ShardStore(tmp_path, process.IDENTITY).close()


def test_second_writer_in_one_process_is_refused_until_the_first_is_closed(tmp_path):
    with ShardStore(tmp_path, "a"), pytest.raises(TwinError, match="another process is sweeping"):
        ShardStore(tmp_path, "a")
    ShardStore(tmp_path, "a").close()


def test_store_open_for_reading_or_closed_refuses_to_write(tmp_path):
    with ShardStore(tmp_path, process.IDENTITY) as closed:
        pass
    for store in (closed, ShardStore.for_reading(tmp_path)):
        with pytest.raises(TwinError, match="closed or open for reading only"):
            process.write(store, 0)
    assert files(tmp_path) == {}


def test_nan_is_refused_with_the_name_of_its_field_and_leaves_no_shard(tmp_path):
    with ShardStore(tmp_path, "a") as store:
        with pytest.raises(TwinError, match=r"0000\.h5: field 'viable_ml' holds NaN.*1 of 2"):
            store.write(0, {"viable_ml": np.array([1.0, np.nan])}, {})
        assert store.done() == set()
    assert files(tmp_path) == {}


def test_disk_full_while_writing_the_ledger_leaves_it_whole_and_the_sweep_can_go_on(
    tmp_path, monkeypatch
):
    with ShardStore(tmp_path, process.IDENTITY) as store:
        process.write(store, 0)
        before = (tmp_path / "ledger.jsonl").read_bytes()
        real, room = os.write, [10**9]

        def write_until_full(descriptor: int, content: bytes) -> int:
            if room[0] <= 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            written = real(descriptor, content[: room[0]])
            room[0] -= written
            return written

        shard_bytes = len(files(tmp_path)["0000.h5"])
        room[0] = shard_bytes + 20
        monkeypatch.setattr(os, "write", write_until_full)
        with pytest.raises(TwinError, match=r"ledger\.jsonl: the disk is full\. Free some space"):
            process.write(store, 1)
        assert (tmp_path / "ledger.jsonl").read_bytes() == before
        room[0] = shard_bytes - 20
        with pytest.raises(TwinError, match=r"0001\.h5: the disk is full"):
            process.write(store, 1)
        assert not list((tmp_path / "shards").glob("*.tmp"))
        assert store.done() == {0}
        room[0] = 10**9
        process.write(store, 1)
    assert ShardStore.for_reading(tmp_path).done() == {0, 1}


def test_store_below_a_regular_file_is_refused(tmp_path):
    (tmp_path / "scan").write_text("")
    with pytest.raises(TwinError, match="scan.*is a file, not a folder"):
        ShardStore(tmp_path / "scan" / "run", "a")


def test_identity_depends_on_values_and_not_on_the_order_of_keys():
    parts = {"samples": np.arange(4.0), "plans": [{"dose_gy": 2.0}], "seed": 1}
    same = {"seed": 1, "plans": ({"dose_gy": 2.0},), "samples": [0.0, 1.0, 2.0, 3.0]}
    other = parts | {"samples": np.arange(4.0) * (1.0 + 1e-15)}
    assert identity_of(parts) == identity_of(same)
    assert identity_of(parts) != identity_of(other)

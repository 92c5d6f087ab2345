"""Engines: every item once, failures end the work, cores are used as devices."""

import threading
import time

import jax
import pytest

from experiments.engines.local import every_core, use_every_core
from tests.experiments.commands import environment
from twin.cores import available_cores
from twin.errors import TwinError


def test_every_item_comes_back_once_with_its_result():
    results = dict(every_core(lambda item: item * item, range(23)))
    assert results == {item: item * item for item in range(23)}


def test_no_items_are_no_work():
    assert list(every_core(lambda item: item, [])) == []


def test_results_come_as_they_finish_and_few_are_ahead():
    """Memory stays bounded: no more items are under way than there are devices."""
    started: list[int] = []

    def work(item: int) -> int:
        started.append(item)
        return item

    for count, _ in enumerate(every_core(work, range(50)), start=1):
        assert len(started) <= count + len(jax.local_devices())
        time.sleep(0.001)


def test_a_failing_shard_ends_the_sweep_with_its_own_error():
    def work(item: int) -> int:
        if item == 3:
            raise TwinError("shard 3 is bad")
        return item

    seen = []
    with pytest.raises(TwinError, match="shard 3 is bad"):
        for item, _ in every_core(work, range(100)):
            seen.append(item)
    assert len(seen) < 20
    assert not [t for t in threading.enumerate() if t.name.startswith("ThreadPoolExecutor")]


def test_work_runs_on_the_device_it_was_given():
    def work(item: int) -> set:
        return jax.numpy.ones(2).devices()

    used = {device for _, devices in every_core(work, range(8)) for device in devices}
    assert used <= set(jax.local_devices()) and used


def test_cores_are_counted_as_this_process_may_use_them():
    import os

    assert available_cores() == len(os.sched_getaffinity(0))


def test_asking_for_cores_after_jax_has_started_changes_nothing():
    before = jax.devices()
    use_every_core()
    assert jax.devices() == before


@pytest.mark.usefixtures("all_cores")
def test_a_new_process_has_a_device_for_each_core():
    import subprocess
    import sys

    code = (
        "from experiments.engines.local import use_every_core; use_every_core();"
        "import jax; print(len(jax.devices()))"
    )
    variables = {k: v for k, v in environment().items() if k != "JAX_NUM_CPU_DEVICES"}
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=variables, check=True
    )
    assert int(printed.stdout) == available_cores()

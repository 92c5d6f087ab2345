"""What every test shares: JAX on the CPU, checked types, Hypothesis without a clock.

Set before anything imports jax. `HYPOTHESIS_PROFILE=thorough` looks harder than CI does.
"""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

import tests.typechecking  # noqa: F401  (the hook below finds it by name)

ROOT = Path(__file__).resolve().parent.parent

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".cache" / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
# Most programs of tests run for milliseconds, and optimizing them costs more than it saves.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
os.environ.setdefault("MPLBACKEND", "agg")

CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []
if CORES and (worker := os.environ.get("PYTEST_XDIST_WORKER")):
    # Workers divide the cores: otherwise each of them starts a process for every core there is.
    first, workers = int(worker.removeprefix("gw")), int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    os.sched_setaffinity(0, CORES[first::workers] or CORES)

# Tracing makes millions of objects that live on: looking for garbage among them takes 5 % of a run.
gc.set_threshold(20_000, 20, 20)

# Shapes, axes and types of everything in twin are checked at every call a test makes.
install_import_hook("twin", "tests.typechecking.checked")

_SHARED = {
    "deadline": None,  # the first example compiles; a clock would blame the wrong one
    "print_blob": True,
    "suppress_health_check": [HealthCheck.too_slow],
}
settings.register_profile("ci", max_examples=25, derandomize=True, **_SHARED)
settings.register_profile("thorough", max_examples=500, **_SHARED)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture
def all_cores() -> Iterator[None]:
    """Every core of the machine, for a test of what runs on several."""
    if CORES:
        own = os.sched_getaffinity(0)
        os.sched_setaffinity(0, CORES)
    yield
    if CORES:
        os.sched_setaffinity(0, own)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The repository's root folder."""
    return ROOT


@pytest.fixture(scope="module")
def programs_of_users() -> Iterator[None]:
    """Optimized programs: those of NUTS are else so large that the compilation cache crashes."""
    from tests.experiments.commands import optimized

    with optimized():
        yield

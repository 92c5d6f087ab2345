"""Clocks, memory, and the reference kernel that speeds are compared with."""

from __future__ import annotations

import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from experiments.benchmarks.case import TRUTH, Case

Line = tuple[str, float, str, str]
"""Name, value, unit, case."""
REFERENCE_REPEATS = 40


def seconds(work: Callable[[], Any], repeats: int) -> float:
    """Median wall-clock seconds of `work`, which must wait for its own results."""
    return statistics.median(_timed(work) for _ in range(repeats))


def peak_rss_mb() -> float:
    """Largest resident memory of this process so far, MB (1e6 bytes).

    Linux keeps a parent's peak in `getrusage` across exec, so its own high-water mark is read
    where there is one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return _high_water_mb(status)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024.0 / 1e6


def peak_rss_of_all_mb() -> float:
    """Sum of the peaks of this process and of those that it started and that still run, MB.

    Pages that they share count in each; where there is no /proc, only this process counts.
    """
    own = f"/proc/{os.getpid()}/task"
    started = [
        Path(f"/proc/{pid}/status")
        for children in Path(own).glob("*/children")
        for pid in children.read_text().split()
    ]
    return peak_rss_mb() + sum(_high_water_mb(status) for status in started)


def _high_water_mb(status: Path) -> float:
    for line in status.read_text().splitlines():
        if line.startswith("VmHWM:"):
            return float(line.split()[1]) * 1024.0 / 1e6
    return 0.0


def reference_kernel_s(case: Case) -> float:
    """Seconds of one explicit diffusion step and logistic growth over the grid in plain NumPy.

    The least of many, so that it says how fast the machine is, not how busy.
    """
    random = np.random.default_rng(0)
    u = random.random(case.shape, dtype=np.float32)
    diffusivity, growth, dt = TRUTH["diffusivity"], TRUTH["proliferation_rate"], 1.0
    gain = np.float32(np.exp(growth * dt))
    # Buffers are made once: fresh memory would cost more than the arithmetic, or not, by the
    # allocator's mood.
    change, crowding = np.empty_like(u), np.empty_like(u)
    faces = []
    for axis, spacing in enumerate(case.spacing_mm):
        low, high = [slice(None)] * 3, [slice(None)] * 3
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        flux = np.empty_like(u[tuple(high)])
        faces.append((tuple(low), tuple(high), flux, np.float32(dt * diffusivity / spacing**2)))

    def sweep() -> None:
        change.fill(0.0)
        for low, high, flux, factor in faces:
            np.subtract(u[high], u[low], out=flux)
            np.multiply(flux, factor, out=flux)
            change[low] += flux
            change[high] -= flux
        np.add(u, change, out=u)
        np.multiply(u, gain - np.float32(1.0), out=crowding)
        np.add(crowding, np.float32(1.0), out=crowding)
        np.multiply(u, gain, out=u)
        np.divide(u, crowding, out=u)

    sweep()
    return min(_timed(sweep) for _ in range(REFERENCE_REPEATS))


def with_ratio(name: str, value: float, case: Case, details: str) -> Iterator[Line]:
    """A timing, and the same in units of the reference kernel, timed now."""
    yield name, value, "s", details
    yield f"{name}_ratio", value / reference_kernel_s(case), "reference kernels", details


def _timed(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun

"""Commands as a user types them: in this process (fast) or in one of their own (to be killed)."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import jax
import pytest

from experiments.cli import main

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "patients" / "demo"
SPACING_MM = "8"
"""The demo on coarse voxels: the same story in a tenth of the time."""
OPTIMIZED = {"JAX_DISABLE_MOST_OPTIMIZATIONS": "0"}
LONG = {"demo", "sweep", "trial"}
"""Commands that compute for longer than it takes to optimize their programs."""


@dataclass(frozen=True)
class Answer:
    """Exit code and what was printed."""

    code: int
    out: str
    err: str


@contextmanager
def optimized() -> Iterator[None]:
    """Programs as users get them, for what computes longer than optimizing takes (conftest)."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", False)
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in OPTIMIZED.items():
                patch.setenv(name, value)
            yield
    finally:
        jax.config.update("jax_disable_most_optimizations", before)


def oncotwin(*words: object) -> Answer:
    """Run a command in this process."""
    out, err = io.StringIO(), io.StringIO()
    compiled = optimized() if words[0] in LONG else nullcontext()
    with redirect_stdout(out), redirect_stderr(err), compiled:
        try:
            code = main([str(word) for word in words])
        except SystemExit as stop:
            code = int(stop.code or 0)
    return Answer(code, out.getvalue(), err.getvalue())


def environment() -> dict[str, str]:
    """Environment of a child: the same caches, this repository, programs as users get them."""
    return {**os.environ, **OPTIMIZED, "PYTHONPATH": str(ROOT)}


def start(*words: object, largest_file_blocks: int | None = None) -> subprocess.Popen[str]:
    """Start a command in a process of its own, whose files may be limited (blocks of 512 bytes)."""
    command = [sys.executable, "-m", "experiments.cli", *(str(word) for word in words)]
    environ = environment()
    if largest_file_blocks is not None:
        # A cache entry cut short would trouble every later run.
        environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"
        limit = f"trap '' XFSZ; ulimit -f {largest_file_blocks}; exec \"$@\""
        command = ["/bin/sh", "-c", limit, "sh", *command]
    # A shell starts what runs in the background with Ctrl-C ignored, and children inherit that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environ,
            cwd=ROOT,
        )
    finally:
        signal.signal(signal.SIGINT, before)


def finish(child: subprocess.Popen[str]) -> Answer:
    """Wait for a command to end."""
    out, err = child.communicate(timeout=300)
    return Answer(child.returncode, out, err)


def calibrated(folder: Path, patient: Path = DEMO) -> Path:
    """A new run of a patient, with three visits fitted on coarse voxels."""
    answer = oncotwin("calibrate", patient, "-o", folder, "--visits", 3, "--spacing-mm", SPACING_MM)
    assert answer.code == 0, answer.err
    return folder

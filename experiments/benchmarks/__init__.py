"""Speed, memory and accuracy, measured: `run_benchmarks(names)` prints one JSON line a figure.

    {"name": "forward_s", "value": 0.07, "unit": "s", "case": "..."}

Every group of figures runs in a process of its own, so that memory, compilation and the number of
JAX devices of one do not touch another. docs/benchmarks/README.md says what each name means.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from experiments.benchmarks.case import MAIN_JOB, Case
from twin.errors import TwinError

GROUPS: dict[str, tuple[str, ...]] = {
    "solver": (
        "reference_kernel_s",
        "forward_s",
        "forward_s_ratio",
        "jacobian_s",
        "jacobian_s_ratio",
        "mass_drift",
        "step_halving_error",
    ),
    "models": (
        "ratio_anisotropic",
        "ratio_two_clones",
        "ratio_oxygen",
        "ratio_mechanics",
    ),
    "fitting": ("calibration_s", "calibration_s_ratio", "calibration_error"),
    "posteriors": ("laplace_ratio", "nuts_s"),
    "scenarios": ("scenarios_1000_s", "scenarios_1000_s_ratio"),
    "memory": ("peak_rss_mb",),
    "memory_10000": ("peak_rss_mb_10000",),
    "compilation": ("compile_s", "compile_s_ratio"),
    "start": ("cli_help_s", "cli_help_s_ratio"),
    "demo": ("filter_update_s", "scenario_demo_ms"),
    "lesions": ("lesions_fit_s", "lesions_hierarchical_s"),
    "radiomics": ("radiomics_pet_s_per_case", "radiomics_pet_first_s_per_case"),
    "predictors": ("real_tasks_s",),
    "synth": ("cohort_1000_s", "gan_train_s", "gan_train_rss_mb"),
    "synth_private": ("dp_train_s", "sample_1000_s"),
    "trial": ("virtual_trial_s",),
}
"""Figures by the process that measures them."""
COLD = ("compilation", "lesions", "radiomics")
"""Groups that compile anew, whatever an earlier run left."""

NAMES = tuple(name for names in GROUPS.values() for name in names)
ROOT = Path(__file__).resolve().parents[2]


def run_benchmarks(
    names: Sequence[str] | None = None, stream: TextIO | None = None, *, case: Case = MAIN_JOB
) -> None:
    """Measure figures and print each as a JSON line as soon as it is known.

    Args:
        names: which ones, see `NAMES`; all by default.
        stream: where to print; standard output by default.
        case: what is simulated.

    Raises:
        TwinError: an unknown name, or a measurement that failed.
    """
    out = sys.stdout if stream is None else stream
    unknown = [name for name in names or () if name not in NAMES]
    if unknown:
        raise TwinError(
            f"unknown benchmark {unknown[0]!r}",
            where="names",
            expected=", ".join(NAMES),
            got=", ".join(unknown),
        )
    for group, figures in GROUPS.items():
        wanted = [name for name in figures if names is None or name in names]
        for line in _measured(group, wanted, case) if wanted else ():
            print(line, file=out, flush=True)


def _measured(group: str, names: list[str], case: Case) -> Iterator[str]:
    """JSON lines of one group, from a fresh process."""
    with tempfile.TemporaryDirectory() as cache:
        environment = dict(os.environ)
        if group in COLD:
            environment["JAX_COMPILATION_CACHE_DIR"] = cache
        paths = [str(ROOT), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
        arguments = [group, json.dumps(asdict(case)), *names]
        with subprocess.Popen(
            [sys.executable, "-m", "experiments.benchmarks", *arguments],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                yield line.rstrip("\n")
    if process.returncode != 0:
        raise TwinError(
            "the measurement failed",
            where=f"benchmark {', '.join(names)}",
            expected="exit code 0",
            got=str(process.returncode),
            fix="The lines above on standard error say why.",
        )

"""Synthetic scans: a simulated cohort, a private training on it, a sample from the model."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np

from experiments.benchmarks.case import Case
from experiments.benchmarks.timing import Line
from generative.model import ScanProtocol
from generative.moments.engine import train_moments
from generative.privacy.ledger import GuardedCohort, Ledger
from generative.virtual_cohort import simulate_cohort
from generative.worlds import get_world

EPSILON = 8.0


def measure(case: Case, names: Sequence[str]) -> Iterator[Line]:
    """Figures of the group "synth"; times of 1,000 patients, scaled where the case has fewer."""
    count, side = case.virtual_patients, case.virtual_side
    scans = f"3 PET scans of {side}³ voxels"
    begun = time.perf_counter()
    cohort = simulate_cohort(get_world("B"), count, seed=0, side=side)
    simulated = time.perf_counter()
    model = train_moments(
        GuardedCohort(cohort, Ledger(count, EPSILON)),
        ScanProtocol.of(cohort),
        members=case.prior_patients,
        secret=np.random.default_rng(),
    )
    trained = time.perf_counter()
    model.sample(count, seed=0)
    sampled = time.perf_counter()
    each = 1000.0 / count
    lines = {
        "cohort_1000_s": ((simulated - begun) * each, f"1000 patients of {scans}"),
        "dp_train_s": (
            trained - simulated,
            f"moments of {count} patients at epsilon {EPSILON:g}, {scans}, "
            f"{case.prior_patients} simulated in the last round",
        ),
        "sample_1000_s": ((sampled - trained) * each, f"1000 patients of {scans}"),
    }
    for name in names:
        value, what = lines[name]
        yield name, value, "s", what

"""Synthetic scans: a simulated cohort, trainings on it, a sample from the model."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from experiments.benchmarks.case import Case
from experiments.benchmarks.timing import Line, peak_rss_of_all_mb
from generative.cohort import ScanCohort
from generative.model import ScanProtocol
from generative.privacy.ledger import GuardedCohort, Ledger
from generative.steering.model import SteeredModel
from generative.training import train_generator
from generative.virtual_cohort import simulate_cohort
from generative.worlds import get_world
from twin.cores import available_cores

EPSILON = 8.0


def measure(case: Case, names: Sequence[str]) -> Iterator[Line]:
    """Figures of the groups "synth" and "synth_private"; 1,000 patients where it says so, scaled
    where the case has fewer."""
    count, side = case.virtual_patients, case.virtual_side
    scans = f"3 PET scans of {side}³ voxels"
    each = 1000.0 / count
    cohort, cohort_s = _timed(lambda: simulate_cohort(get_world("B"), count, seed=0, side=side))
    epsilon = EPSILON if "dp_train_s" in names else None
    model, train_s = _timed(lambda: _train(cohort, case, epsilon))
    budget = "no budget" if epsilon is None else f"epsilon {epsilon:g}"
    training = (
        f"adversarial engine, {count} patients, {budget}, {scans}, "
        f"{case.prior_patients} simulated in the last round, {available_cores()} cores"
    )
    sample_s = 0.0
    if "sample_1000_s" in names:
        sample_s = _timed(lambda: model.sample(count, seed=0))[1] * each
    patients = f"1000 patients of {scans}, {available_cores()} cores"
    found: dict[str, Line] = {
        "cohort_1000_s": ("cohort_1000_s", cohort_s * each, "s", patients),
        "gan_train_s": ("gan_train_s", train_s, "s", training),
        "gan_train_rss_mb": ("gan_train_rss_mb", peak_rss_of_all_mb(), "MB", training),
        "dp_train_s": ("dp_train_s", train_s, "s", training),
        "sample_1000_s": ("sample_1000_s", sample_s, "s", patients),
    }
    yield from (found[name] for name in names)


def _train(cohort: ScanCohort, case: Case, epsilon: float | None) -> SteeredModel:
    private = GuardedCohort(cohort, Ledger(len(cohort), epsilon))
    protocol = ScanProtocol.of(cohort)
    return train_generator(private, protocol, engine="adversarial", members=case.prior_patients)


def _timed[Made](make: Callable[[], Made]) -> tuple[Made, float]:
    begun = time.perf_counter()
    return make(), time.perf_counter() - begun

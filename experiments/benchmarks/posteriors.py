"""What uncertainty costs: the Laplace posterior beside its point fit, and NUTS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from experiments.benchmarks import patients
from experiments.benchmarks.case import START, Case
from experiments.benchmarks.timing import Line, seconds
from twin.calibration import NUTS, GaussNewton
from twin.calibration.calibrate import point_fit
from twin.calibration.nuts import sample
from twin.calibration.objective import make_problem
from twin.calibration.resampling import REPLICATES, corrected
from twin.calibration.setting import make_setting
from twin.models import FisherKPP
from twin.virtual_patient import with_noise

NOISE_SD = 0.025
"""Of the images, cell fraction: without noise the Laplace posterior comes with the fit."""


def measure(case: Case, names: Sequence[str]) -> Iterator[Line]:
    """Figures of the group "posteriors"."""
    if "laplace_ratio" in names:
        yield _laplace(case)
    if "nuts_s" in names:
        yield _nuts(case.halved, case.nuts_draws)


def _laplace(case: Case) -> Line:
    patient = with_noise(patients.patient(case), noise_sd=NOISE_SD, seed=1)
    setting = make_setting(patient, FisherKPP(), priors=patients.PRIORS)
    problem = make_problem(setting)
    found = point_fit(setting, problem, GaussNewton(), start=START)
    corrected(setting, problem, found)
    repeats = min(case.repeats, 3)
    alone = seconds(lambda: point_fit(setting, problem, GaussNewton(), start=START), repeats)
    added = seconds(lambda: corrected(setting, problem, found), repeats)
    details = (
        f"{case}; {len(patient.visits)} visits with noise of {NOISE_SD:g},"
        f" {len(found.z)} parameters; point fit {alone:.3g} s, {found.iterations} iterations;"
        f" added {added:.3g} s: {REPLICATES} repeated fits for noise in the first image;"
        f" median of {repeats}, after compilation"
    )
    return "laplace_ratio", added / alone, "time of the point fit", details


def _nuts(case: Case, draws: int) -> Line:
    setting = make_setting(patients.patient(case), FisherKPP(), priors=patients.PRIORS)
    problem = make_problem(setting)
    start = point_fit(setting, problem, GaussNewton(), start=START)
    method = NUTS(warmup=min(NUTS().warmup, draws), draws=draws)
    found = []
    time = seconds(lambda: found.append(sample(problem, start, method)), 1)
    checks, steps = found[0].checks, found[0].iterations - start.iterations
    details = (
        f"{case}; {len(start.z)} parameters, {method.chains} chains of {method.warmup} to warm up"
        f" and {draws} draws, compilation included, {steps} steps after warm-up;"
        f" {checks['effective_draws']:.0f} effective draws, R-hat {checks['rhat']:.3f},"
        f" {100.0 * checks['diverged']:.1f} % diverged"
    )
    return "nuts_s", time, "s", details

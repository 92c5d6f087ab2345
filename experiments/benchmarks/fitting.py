"""Calibration of four parameters on five visits, with nothing told but the images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from experiments.benchmarks import patients
from experiments.benchmarks.case import START, TRUTH, Case
from experiments.benchmarks.timing import Line, seconds, with_ratio
from twin.calibration import Posterior, calibrate
from twin.models import FisherKPP


def measure(case: Case, names: Sequence[str]) -> Iterator[Line]:
    """Figures of the group "fitting"."""
    patient = patients.patient(case)

    def run() -> Posterior:
        return calibrate(patient, FisherKPP(), priors=patients.PRIORS, start=START)

    result = run()
    iterations = result.diagnostics["iterations"]
    details = (
        f"{case}; {len(patient.visits)} visits, {len(result.names)} parameters,"
        f" {iterations} iterations, converged: {str(result.converged).lower()}"
    )
    if {"calibration_s", "calibration_s_ratio"} & set(names):
        repeats = min(case.repeats, 3)
        time = seconds(run, repeats)
        note = f"{details}; median of {repeats}, after compilation"
        yield from with_ratio("calibration_s", time, case, note)
    error = max(abs(result.point[name] / TRUTH[name] - 1.0) for name in result.names)
    yield "calibration_error", error, "1", f"{details}; largest relative error of a parameter"

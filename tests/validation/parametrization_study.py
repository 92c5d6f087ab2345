"""What the coordinates of the front change: fits and chains on simulated patients."""

from dataclasses import dataclass, replace

import numpy as np

from tests.validation.model_comparison_study import patient_of
from twin.calibration.calibrate import point_fit
from twin.calibration.gauss_newton import Fit, GaussNewton
from twin.calibration.nuts import NUTS, sample
from twin.calibration.objective import Problem, make_problem
from twin.calibration.parametrization import in_diffusivity_and_rate, parametrized
from twin.calibration.setting import make_setting
from twin.models import FisherKPP

VISITS = 2
CHAINS = NUTS(chains=2, warmup=100, draws=150)
SHOWN = {"density": ("CELL_FRACTION",), "outlines": ()}
"""Images that calibration sees beside the outlines."""


@dataclass(frozen=True)
class Measured:
    """One patient in one parametrization.

    Attributes:
        iterations: evaluations of the Gauss-Newton fit.
        correlation: of the two growth scores at the fit.
        effective_per_1000: smallest effective number of draws in 1,000 gradients after warm-up.
        rhat: of the chains.
        misfit: largest distance between 5, 50 and 95 % of Laplace and of NUTS, scores of D and ρ.
    """

    name: str
    converged: bool
    iterations: int
    correlation: float
    effective_per_1000: float
    rhat: float
    misfit: float


def measured(seed: int, name: str, shown: str = "outlines", *, chains: bool = False) -> Measured:
    """Fit the first two visits of a patient; `shown` says what calibration sees.

    With `chains` also by NUTS; without, its figures are NaN.
    """
    patient = patient_of("fisher-kpp", seed)
    kept = SHOWN[shown]
    visits = [
        replace(v, images={k: image for k, image in v.images.items() if k in kept})
        for v in patient.visits
    ]
    patient = replace(patient, visits=tuple(visits))
    setting = make_setting(patient, FisherKPP(), visits=VISITS)
    problem = parametrized(make_problem(setting), name)
    found = point_fit(setting, problem, GaussNewton())
    sd = np.sqrt(np.diag(found.covariance))
    first = {
        "name": name,
        "converged": found.converged,
        "iterations": found.iterations,
        "correlation": float(found.covariance[0, 1] / sd[0] / sd[1]),
    }
    if not chains:
        return Measured(**first, effective_per_1000=np.nan, rhat=np.nan, misfit=np.nan)
    drawn = sample(problem, found, CHAINS)
    gradients = drawn.iterations - found.iterations
    return Measured(
        **first,
        effective_per_1000=1000.0 * drawn.checks["effective_draws"] / gradients,
        rhat=drawn.checks["rhat"],
        misfit=_apart(problem, found, drawn),
    )


def _apart(problem: Problem, found: Fit, chains: Fit) -> float:
    random = np.random.default_rng(0)
    gaussian = replace(found, draws=random.multivariate_normal(found.z, found.covariance, 4000))
    ends = []
    for result in (gaussian, chains):
        draws = in_diffusivity_and_rate(problem, result).draws
        assert draws is not None
        ends.append(np.quantile(draws[:, :2], [0.05, 0.5, 0.95], axis=0))
    return float(np.abs(ends[0] - ends[1]).max())

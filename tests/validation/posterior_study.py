"""Posteriors of four parameters for data that the fitted model made, and where the truth ranks."""

from dataclasses import dataclass, replace
from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from twin.calibration.calibrate import point_fit
from twin.calibration.ensemble_kalman import EnsembleKalman, invert
from twin.calibration.gauss_newton import Fit, GaussNewton
from twin.calibration.noise import independent_noise
from twin.calibration.nuts import NUTS, sample
from twin.calibration.objective import Problem, make_problem
from twin.calibration.setting import Setting, make_setting
from twin.calibration.simulation_based import rank_of, simulated
from twin.models import FisherKPP
from twin.observation.volume import Volume
from twin.parameters import Fixed, LogNormal
from twin.simulation import trajectory
from twin.treatments.forcing import Forcing
from twin.treatments.schedule import Fraction, Schedule
from twin.virtual_patient import procedural_patient

SPACING_MM, SHAPE = 5.0, (12, 12, 12)
VISIT_DAYS, FORECAST_DAY = (0.0, 20.0, 40.0), 60.0
SCHEDULE = Schedule(tuple(Fraction(20.0 + d, 2.0) for d in range(12) if d % 7 < 5))
NOISE_SD = 0.1
"""Of a voxel, cell fraction; known to the likelihood."""
PRIORS = {
    "diffusivity": LogNormal(0.4, 0.5),
    "proliferation_rate": LogNormal(0.03, 0.4),
    "radiosensitivity_alpha": LogNormal(0.04, 0.5),
    "initial_scale": LogNormal(1.0, 0.1),
    "alpha_beta_ratio": Fixed(10.0),
    "clearance_half_life": Fixed(20.0),
    "infiltration_length": Fixed(3.0),
}
"""Narrower than the shipped ones in growth, so that the tumor stays in the box."""
QUANTITIES = (
    "diffusivity",
    "proliferation_rate",
    "radiosensitivity_alpha",
    "initial_scale",
    "predicted volume",
    "log-likelihood",
)
METHODS = ("nuts", "laplace", "ensemble-kalman", "wrong")
DRAWS = 100
SHORT = NUTS(chains=2, warmup=200, draws=250)
LONG = NUTS(chains=2, warmup=500, draws=1000)
"""For data sets of which the short run has not converged (R-hat, effective draws)."""


@dataclass(frozen=True)
class Ranked:
    """One data set: ranks (6,) and contraction (4,) by method, and how NUTS did.

    `contraction` of the parameters is 1 - posterior deviation of the score.
    """

    ranks: dict[str, np.ndarray]
    contraction: dict[str, np.ndarray]
    checks: dict[str, float]
    long: bool
    fitted: bool


@cache
def case() -> tuple[Setting, Problem, Forcing, tuple[int, ...]]:
    """The patient whose later images are simulated anew, and the course up to the forecast."""
    patient, _ = procedural_patient(
        SHAPE,
        SPACING_MM,
        {"diffusivity": 0.4, "proliferation_rate": 0.03},
        Schedule(),
        VISIT_DAYS,
        tumor_sd_mm=9.0,
        site="glioma",
    )
    patient = replace(
        patient,
        treatments=SCHEDULE,
        visits=tuple(replace(visit, masks={}) for visit in patient.visits),
    )
    setting = make_setting(patient, FisherKPP(), priors=PRIORS)
    forcing, rows = setting.forcing([*VISIT_DAYS, FORECAST_DAY])
    return setting, make_problem(setting), forcing, tuple(int(row) for row in rows)


def ranked(seed: tuple[int, int]) -> Ranked:
    """Truth from the prior, its data, the posteriors, and the ranks of the truth."""
    setting, blank, _, _ = case()
    random = np.random.default_rng(seed)
    truth = random.standard_normal(len(blank.names))
    problem = simulated(blank, truth, NOISE_SD, random)
    noise = {"density": independent_noise(NOISE_SD, np.asarray(problem.density_weight))}
    start = point_fit(setting, problem, GaussNewton(), noise=noise)
    of_nuts, long = _nuts(problem, start, int(random.integers(2**31)))
    kalman = invert(problem, start, EnsembleKalman(seed=int(random.integers(2**31))))
    assert of_nuts.draws is not None and kalman.draws is not None
    every = len(of_nuts.draws) // DRAWS
    thinned = of_nuts.draws[::every]
    drawn = {
        "nuts": thinned,
        "laplace": random.multivariate_normal(start.z, start.covariance, DRAWS),
        "ensemble-kalman": kalman.draws[:DRAWS],
        "wrong": of_nuts.z + 0.5 * (thinned - of_nuts.z),
    }
    at_truth = _quantities(problem, truth[None])[0]
    return Ranked(
        ranks={m: rank_of(at_truth, _quantities(problem, z)) for m, z in drawn.items()},
        contraction={
            "nuts": 1.0 - of_nuts.draws.std(axis=0),
            "laplace": 1.0 - np.sqrt(np.diag(start.covariance)),
            "ensemble-kalman": 1.0 - kalman.draws.std(axis=0),
            "wrong": 1.0 - 0.5 * of_nuts.draws.std(axis=0),
        },
        checks=of_nuts.checks,
        long=long,
        fitted=start.converged,
    )


def _nuts(problem: Problem, start: Fit, seed: int) -> tuple[Fit, bool]:
    found = sample(problem, start, replace(SHORT, seed=seed))
    good = found.checks["rhat"] < 1.05 and found.checks["effective_draws"] >= DRAWS
    return (found, False) if good else (sample(problem, start, replace(LONG, seed=seed)), True)


def _quantities(problem: Problem, z: np.ndarray) -> np.ndarray:
    """(S, 6) what is ranked, at scores (S, 4)."""
    _, _, forcing, rows = case()
    volume, fit_of_data = _judged(problem, forcing, rows, jnp.asarray(z, jnp.float32))
    return np.column_stack([z, np.asarray(volume, float), np.asarray(fit_of_data, float)])


@eqx.filter_jit
def _judged(
    problem: Problem, forcing: Forcing, rows: tuple[int, ...], z: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Volume at the last row, mL, and log-likelihood of the data, up to a constant."""

    def one(scores: jax.Array) -> tuple[jax.Array, jax.Array]:
        values = problem.table.values_at(dict(zip(problem.names, scores, strict=True)))
        states = trajectory(
            problem.model, values, problem.domain, forcing, problem.initial(values)
        ).at(jnp.asarray(rows))
        volume = Volume(problem.domain).predict(states, values)[-1]
        misfit = problem.density_weight * (states.seen[:-1] - problem.density)
        return volume, -0.5 * (misfit**2).sum(-1).sum() / NOISE_SD**2

    return jax.lax.map(one, z)

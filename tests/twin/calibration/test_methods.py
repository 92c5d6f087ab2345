"""NUTS and ensemble Kalman inversion against the posterior on a grid, and what they refuse."""

from dataclasses import replace
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.twin.calibration.cases import TRUE, adc_patient
from twin.calibration import METHODS, NUTS, EnsembleKalman, GaussNewton, calibrate, nuts, objective
from twin.calibration.ensemble_kalman import invert
from twin.calibration.gauss_newton import fit
from twin.calibration.nuts import potential, sample
from twin.calibration.objective import evaluate, make_problem
from twin.calibration.setting import make_setting
from twin.calibration.simulation_based import simulated
from twin.errors import TwinError
from twin.models import FisherKPP
from twin.parameters import Fixed, ParameterTable

pytestmark = pytest.mark.usefixtures("programs_of_users")

FREE = ("diffusivity", "proliferation_rate")
SHORT = NUTS(chains=2, warmup=60, draws=200)


def fixed(*free: str):
    """Priors that leave only these parameters free."""
    table = make_setting(adc_patient(0), FisherKPP(), visits=3).table
    return {
        name: Fixed(TRUE.get(name, float(p.prior.transform(0.0))))
        for name, p in table.items()
        if not p.fixed and name not in free
    }


@cache
def case():
    """A problem of two parameters, its fit, and its posterior on a grid of scores."""
    setting = make_setting(adc_patient(0), FisherKPP(), visits=3, priors=fixed(*FREE))
    problem = make_problem(setting)
    assert problem.names == FREE
    found = fit(lambda z: evaluate(problem, z), np.zeros(2), setting.domain.shape, GaussNewton())
    found = replace(  # less sure than the data, so that the posterior is far from Gaussian
        found, noise={k: replace(n, variance=300.0 * n.variance) for k, n in found.noise.items()}
    )
    variances = {kind: noise.variance for kind, noise in found.noise.items()}
    axes = np.linspace(-3.0, 3.0, 31), np.linspace(-3.0, 3.0, 31)
    points = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)
    grid = jnp.asarray(points, jnp.float32)
    energy = np.asarray(jax.lax.map(lambda z: potential(problem, variances, z), grid), float)
    weight = np.exp(energy.min() - energy)
    return problem, found, points, weight / weight.sum()


def moments(points, weight):
    mean = weight @ points
    return mean, np.sqrt(weight @ (points - mean) ** 2)


def test_nuts_draws_from_the_posterior_on_the_grid():
    problem, start, points, weight = case()
    found = sample(problem, start, NUTS(chains=4, warmup=100, draws=250))
    assert found.draws is not None and found.draws.shape == (1000, 2)
    assert found.checks["rhat"] < 1.05 and found.checks["diverged"] < 0.02
    mean, sd = moments(points, weight)
    error = sd / np.sqrt(found.checks["effective_draws"])
    assert (np.abs(found.z - mean) < 4.0 * error).all()
    np.testing.assert_allclose(found.draws.std(axis=0), sd, rtol=0.15)
    for k in range(2):  # shares below three places, where a Gaussian would be off
        for place in (-1.0, 0.0, 1.0):
            expected = weight[points[:, k] <= place].sum()
            assert (found.draws[:, k] <= place).mean() == pytest.approx(expected, abs=0.08)


def test_an_ensemble_is_near_the_posterior_on_the_grid():
    problem, start, points, weight = case()
    found = invert(problem, start, EnsembleKalman(members=200))
    mean, sd = moments(points, weight)
    assert (np.abs(found.z - mean) < 0.5 * sd).all()
    assert (np.sqrt(np.diag(found.covariance)) / sd < 1.5).all()
    assert (np.sqrt(np.diag(found.covariance)) / sd > 0.6).all()


@pytest.mark.parametrize("method", [SHORT, EnsembleKalman(members=64)])
def test_a_drawn_posterior_serves_as_any_other(method):
    priors = fixed(*FREE, "initial_scale")
    posterior = calibrate(adc_patient(0), FisherKPP(), priors=priors, visits=3, method=method)
    assert posterior.z_draws is not None
    size = len(posterior.z_draws)
    count, drawn = len(posterior.names), posterior.sample_scores(size, 3)
    np.testing.assert_array_equal(np.sort(drawn[:, :count], 0), np.sort(posterior.z_draws, 0))
    assert posterior.image_draws is not None
    np.testing.assert_array_equal(np.sort(drawn[:, count:], 0), np.sort(posterior.image_draws, 0))
    np.testing.assert_array_equal(posterior.sample_scores(5, 1), posterior.sample_scores(5, 1))
    assert posterior.sample_scores(2 * size + 1, 0).shape == (2 * size + 1, drawn.shape[1])
    low, high = posterior.interval("diffusivity")
    values = posterior.sample(size, 0)["diffusivity"]
    assert ((low <= values) & (values <= high)).mean() == pytest.approx(0.9, abs=0.03)
    assert posterior.prior().z_draws is None
    table = FisherKPP().table("glioma", ("temozolomide", "carboplatin"), ("tissue",))
    wider = posterior.extended(posterior.table + ParameterTable([table["sensitivity_carboplatin"]]))
    assert wider.names[-1] == "sensitivity_carboplatin"
    new = wider.sample_scores(size, 3)
    np.testing.assert_array_equal(np.delete(new, count, axis=1), drawn)
    assert abs(new[:, count].mean()) < 5.0 / np.sqrt(size) and new[:, count].std() > 0.7


def test_other_data_and_noise_of_the_same_shape_compile_nothing_anew(monkeypatch):
    """Potential and residuals are called while they are compiled, and never again."""
    problem, start, _, _ = case()
    brief = NUTS(chains=1, warmup=3, draws=8)
    priors = fixed(*FREE)
    sample(problem, start, brief)
    calibrate(adc_patient(0), FisherKPP(), priors=priors, visits=3)
    called = []
    for place, name in ((nuts, "potential"), (objective, "residuals")):
        kept = getattr(place, name)
        monkeypatch.setattr(place, name, lambda *a, f=kept: (called.append(1), f(*a))[1])
    noise = {kind: replace(n, variance=2.0 * n.variance) for kind, n in start.noise.items()}
    other = simulated(problem, np.array([0.3, -0.2]), 0.05, np.random.default_rng(0))
    moved = sample(other, replace(start, z=start.z + 0.1, noise=noise), replace(brief, seed=7))
    posterior = calibrate(adc_patient(1), FisherKPP(), priors=priors, visits=3)
    assert not called
    assert not np.allclose(moved.z, start.z) and posterior.converged


def test_chains_that_do_not_agree_warn():
    short = NUTS(chains=2, warmup=3, draws=8)
    posterior = calibrate(adc_patient(0), FisherKPP(), priors=fixed(*FREE), visits=3, method=short)
    assert not posterior.converged
    assert any("R-hat" in text for text in posterior.diagnostics["warnings"])


def test_what_methods_refuse():
    problem, start, _, _ = case()
    with pytest.raises(TwinError, match="too few members"):
        invert(problem, start, EnsembleKalman(members=8))
    many = replace_names(problem, 11)
    with pytest.raises(TwinError, match="too many parameters for NUTS"):
        sample(many, start, SHORT)
    assert set(METHODS) == {"laplace", "nuts", "ensemble-kalman"}


def replace_names(problem, count):
    from equinox import tree_at  # names are static: a copy holds others

    found = tree_at(lambda p: p.density, problem, problem.density)
    object.__setattr__(found, "names", tuple(f"p{i}" for i in range(count)))
    return found

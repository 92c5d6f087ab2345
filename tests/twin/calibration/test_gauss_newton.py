"""Gauss-Newton on problems whose answer is known."""

import numpy as np
import pytest

from twin.calibration.gauss_newton import Fit, GaussNewton, fit
from twin.calibration.noise import independent_noise
from twin.calibration.objective import Evaluation

SHAPE = (12, 12, 12)
COUNT = int(np.prod(SHAPE))


class Toy:
    """Residual fields r(z) of one visit, with their normal equations; counts its evaluations."""

    def __init__(self, residual, jacobian):
        self.residual, self.jacobian, self.calls = residual, jacobian, 0

    def __call__(self, z: np.ndarray) -> Evaluation:
        self.calls += 1
        r, slope = self.residual(z), self.jacobian(z)
        return Evaluation(
            cost={"density": np.array([r @ r])},
            gradient={"density": (slope.T @ r)[None]},
            curvature={"density": (slope.T @ slope)[None]},
            residual={"density": r[None]},
            weight={"density": np.ones((1, COUNT))},
        )


def _linear(seed: int = 0, noise: float = 0.05) -> tuple[Toy, np.ndarray, np.ndarray, np.ndarray]:
    """Residuals A z - y with A random; the toy, A, y and the scores behind y."""
    random = np.random.default_rng(seed)
    a = random.standard_normal((COUNT, 3))
    truth = np.array([0.7, -1.2, 0.4])
    y = a @ truth + noise * random.standard_normal(COUNT)
    return Toy(lambda z: a @ z - y, lambda z: a), a, y, truth


def _rosenbrock() -> Toy:
    """A field that is noise but for two voxels' worth of the curved valley z1 = z0²."""
    random = np.random.default_rng(1)
    first, second = random.standard_normal((2, COUNT))
    noise = 0.05 * random.standard_normal(COUNT)

    def residual(z):
        return first * (1.0 - z[0]) + 10.0 * second * (z[1] - z[0] ** 2) + noise

    def jacobian(z):
        return np.stack([-first - 20.0 * z[0] * second, 10.0 * second], axis=1)

    return Toy(residual, jacobian)


def test_a_quadratic_is_solved_as_ridge_regression_solves_it():
    toy, a, y, _ = _linear()
    result = fit(toy, np.zeros(3), SHAPE, GaussNewton(tolerance=1e-3))
    v = result.noise["density"].variance
    ridge = np.linalg.solve(a.T @ a / v + np.eye(3), a.T @ y / v)
    # Variances are settled to 5 % in the deviation: the ridge hardly depends on them here.
    assert result.converged
    assert np.abs(result.z - ridge).max() < 1e-4
    assert np.allclose(result.covariance, np.linalg.inv(a.T @ a / v + np.eye(3)), rtol=0.11)


def test_a_quadratic_needs_no_more_than_a_step_for_each_estimate_of_the_noise():
    toy, *_ = _linear()
    result = fit(toy, np.zeros(3), SHAPE, GaussNewton())
    assert result.converged and result.iterations == toy.calls <= 5


def test_intervals_hold_the_truth_as_often_as_they_claim():
    """60 draws, 3 scores, 90 % intervals: 150 to 173 of 180 (binomial, 99.8 %)."""
    held = 0
    for seed in range(60):
        toy, _, _, truth = _linear(seed, noise=1.0)
        result = fit(toy, np.zeros(3), SHAPE, GaussNewton())
        deviation = np.sqrt(np.diag(result.covariance))
        held += int((np.abs(result.z - truth) < 1.645 * deviation).sum())
    assert 150 <= held <= 173, held


@pytest.mark.parametrize("start", [(-1.2, 1.0), (0.0, 0.0), (2.0, -1.0), (-2.0, 2.0)])
def test_a_curved_valley_is_followed_to_its_minimum(start: tuple[float, float]):
    """The Rosenbrock function's minimum (1, 1), from its classic start and others."""
    result = fit(_rosenbrock(), np.array(start), SHAPE, GaussNewton(max_iterations=200))
    assert result.converged
    assert np.abs(result.z - 1.0).max() < 0.02


def test_the_cost_never_rises_between_estimates_of_the_noise():
    result = fit(
        _rosenbrock(), np.array([-1.2, 1.0]), SHAPE, GaussNewton(max_iterations=200, noise_rounds=0)
    )
    assert len(result.history) > 3
    assert np.all(np.diff(result.history) <= 1e-9 * np.abs(result.history[:-1]))


def test_no_step_exceeds_the_limit():
    seen = []
    toy = _rosenbrock()

    def recorded(z):
        seen.append(z)
        return toy(z)

    fit(recorded, np.array([-1.2, 1.0]), SHAPE, GaussNewton(max_iterations=1, max_step=0.3))
    fit(recorded, np.array([-1.2, 1.0]), SHAPE, GaussNewton(max_iterations=2, max_step=0.3))
    assert len(seen) == 3
    assert np.abs(seen[2] - seen[1]).max() <= 0.3 + 1e-12


@pytest.mark.parametrize("most", [1, 2, 3])
def test_too_few_iterations_are_reported_as_not_converged(most: int):
    toy = _rosenbrock()
    result = fit(toy, np.array([-1.2, 1.0]), SHAPE, GaussNewton(max_iterations=most))
    assert isinstance(result, Fit)
    assert not result.converged
    assert toy.calls == result.iterations <= most
    assert result.step_in_sd > 0.5


def test_values_that_are_not_finite_are_stepped_back_from():
    """log(z) is undefined beyond the first full step: damping must find the minimum anyway."""
    random = np.random.default_rng(2)
    direction = random.standard_normal(COUNT)
    noise = 0.02 * random.standard_normal(COUNT)

    def residual(z):
        if z[0] >= 1.0:
            return np.full(COUNT, np.nan)
        return direction * (np.log1p(-z[0]) - np.log(0.1)) + noise

    def jacobian(z):
        return (-direction / max(1.0 - z[0], 1e-3))[:, None]

    toy = Toy(residual, jacobian)
    result = fit(toy, np.array([-0.5]), SHAPE, GaussNewton(max_iterations=100))
    assert result.converged
    assert abs(result.z[0] - 0.9) < 0.01


def test_data_that_says_nothing_leaves_the_prior():
    noise = 0.05 * np.random.default_rng(3).standard_normal(COUNT)
    toy = Toy(lambda z: noise, lambda z: np.zeros((COUNT, 2)))
    result = fit(toy, np.array([1.0, -1.0]), SHAPE, GaussNewton())
    assert result.converged
    assert np.abs(result.z).max() < 1e-12
    assert np.array_equal(result.covariance, np.eye(2))


def test_a_start_without_finite_residuals_is_not_called_converged():
    toy = Toy(lambda z: np.full(COUNT, np.nan), lambda z: np.ones((COUNT, 2)))
    result = fit(toy, np.zeros(2), SHAPE, GaussNewton(max_iterations=5))
    assert not result.converged
    assert np.array_equal(result.z, np.zeros(2))


def test_noise_that_is_known_is_kept_and_gives_the_ridge_of_its_variance():
    toy, a, y, _ = _linear(noise=0.05)
    known = {"density": independent_noise(0.2, np.ones((1, COUNT)))}
    result = fit(toy, np.zeros(3), SHAPE, GaussNewton(tolerance=1e-4), known=known)
    information = a.T @ a / 0.2**2 + np.eye(3)
    np.testing.assert_allclose(result.covariance, np.linalg.inv(information), rtol=1e-6)
    np.testing.assert_allclose(result.z, np.linalg.solve(information, a.T @ y / 0.2**2), atol=1e-4)
    assert result.noise == known and result.converged


def test_a_kind_whose_noise_is_not_among_the_known_does_not_count():
    result = fit(_linear()[0], np.array([0.5, 0.0, 0.0]), SHAPE, GaussNewton(), known={})
    np.testing.assert_allclose(result.covariance, np.eye(3))
    np.testing.assert_allclose(result.z, 0.0, atol=0.05)

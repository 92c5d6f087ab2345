"""The law of a population: found again from patients of it, and never without spread."""

import numpy as np
import pytest

from generative.steering.population import Population, effective_size


def made() -> tuple[np.ndarray, np.ndarray]:
    """Scores of 30,000 patients, a quarter of whom respond, and weights that say who does."""
    random = np.random.default_rng(0)
    responded = random.random(30_000) < 0.25
    scores = random.standard_normal((30_000, 3)) * [0.3, 1.0, 0.5]
    scores[:, 1] += 0.5 * scores[:, 0] + np.where(responded, 1.0, -1.0)
    return scores, np.eye(2)[responded.astype(int)] / 30_000


def test_a_population_is_found_from_its_patients():
    scores, weights = made()
    found = Population.of(scores, weights)
    np.testing.assert_allclose(found.shares, [0.75, 0.25], atol=0.01)
    np.testing.assert_allclose(found.means[:, 1], [-1.0, 1.0], atol=0.03)
    covariance = [[0.09, 0.045, 0.0], [0.045, 1.0225, 0.0], [0.0, 0.0, 0.25]]
    np.testing.assert_allclose(found.covariances[0], covariance, atol=0.03)


def test_drawn_patients_have_the_law_that_they_are_drawn_from():
    found = Population.of(*made())
    drawn = found.draw(40_000, np.random.default_rng(1))
    mean = found.shares @ found.means
    within = np.tensordot(found.shares, found.covariances, 1)
    between = (found.means - mean).T @ (found.shares[:, None] * (found.means - mean))
    np.testing.assert_allclose(drawn.mean(axis=0), mean, atol=0.03)
    np.testing.assert_allclose(np.cov(drawn.T), within + between, atol=0.03)


def test_no_spread_falls_to_zero_and_no_response_is_needed():
    found = Population.of(np.ones((50, 2)), np.array([[0.02, 0.0]] * 50))
    np.testing.assert_allclose(found.shares, [1.0, 0.0])
    np.testing.assert_allclose(found.covariances[0], np.eye(2) / 51, atol=1e-12)
    np.testing.assert_allclose(found.covariances[1], np.eye(2))
    assert np.isfinite(found.draw(10, np.random.default_rng(0))).all()


def test_equal_patients_count_whole():
    assert effective_size(np.full(7, 0.2)) == pytest.approx(7.0)
    assert effective_size(np.array([1.0, 0.0, 0.0])) == pytest.approx(1.0)

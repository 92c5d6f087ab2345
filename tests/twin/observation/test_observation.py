"""What every observation meets: it names its parameters, predicts, and tells a log probability."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from tests.twin.observation.courses import DOMAIN, FIVE_LARGE_FRACTIONS, course
from twin.calibration.noise import estimate_noise
from twin.models.clearance import TwoRateClearance
from twin.observation.adc import ApparentDiffusion
from twin.observation.cbct import ConeBeamCT
from twin.observation.density import Density
from twin.observation.edema import Edema
from twin.observation.observation import Observation, bernoulli_log_prob, gaussian_log_prob
from twin.observation.pet import Pet
from twin.observation.segmentation import Outline
from twin.observation.volume import Volume

EDEMA = Edema(DOMAIN)
OBSERVATIONS = {
    "adc": ApparentDiffusion(),
    "adc with swelling": ApparentDiffusion(EDEMA),
    "outline": Outline("flair"),
    "outline with swelling": Outline("flair", EDEMA),
    "fet": Pet(DOMAIN),
    "fdg": Pet(DOMAIN, "fdg"),
    "volume": Volume(DOMAIN, "flair"),
    "density": Density(),
    "density under swelling": Density(EDEMA),
    "cone-beam CT": ConeBeamCT(50.0),
    "volume with swelling": Volume(DOMAIN, "flair", EDEMA),
}
each = pytest.mark.parametrize("name", sorted(OBSERVATIONS))


@pytest.fixture(scope="module")
def states():
    return course([0.0, 20.0, 60.0], FIVE_LARGE_FRACTIONS, TwoRateClearance())[1]


def medians(observation):
    return {row.name: row.prior.transform(0.0) for row in observation.parameters()}


@each
def test_times_are_predicted_together_as_one_by_one(name, states):
    observation = OBSERVATIONS[name]
    assert isinstance(observation, Observation)
    params = medians(observation)
    together = np.asarray(observation.predict(states, params))
    assert together.shape[0] == 3 and np.isfinite(together).all()
    for time in range(3):
        alone = np.asarray(observation.predict(states.at(time), params))
        np.testing.assert_allclose(together[time], alone, rtol=2e-5, atol=1e-6)


@each
def test_the_prediction_is_the_likeliest_measurement_beside_those_of_other_times(name, states):
    observation = OBSERVATIONS[name]
    params = medians(observation)
    now, later = (observation.predict(states.at(i), params) for i in (0, 2))
    measured = jnp.round(now) if "outline" in name else now
    right = observation.log_prob(now, measured, params)
    wrong = observation.log_prob(later, measured, params)
    assert right.shape == () and np.isfinite(float(right))
    assert float(right) > float(wrong) + 1.0


@each
def test_the_log_probability_has_derivatives_in_every_parameter_of_the_observation(name, states):
    observation = OBSERVATIONS[name]
    params = medians(observation)
    state = states.at(1)
    other = observation.predict(states.at(0), params)
    measured = jnp.round(other) if "outline" in name else other

    def log_prob(values):
        return observation.log_prob(observation.predict(state, values), measured, values)

    slopes = jax.grad(log_prob)(params)
    assert set(slopes) == set(params)
    assert all(np.isfinite(float(v)) and float(v) != 0.0 for v in slopes.values())


def test_gaussian_noise_has_the_density_of_the_normal_distribution():
    random = np.random.default_rng(4)
    predicted, observed = random.random(50), random.random(50)
    found = float(gaussian_log_prob(jnp.asarray(predicted), jnp.asarray(observed), 0.3))
    assert found == pytest.approx(stats.norm.logpdf(observed, predicted, 0.3).sum(), rel=1e-5)


def test_a_mask_has_the_probability_of_its_voxels():
    random = np.random.default_rng(5)
    p, drawn = random.random(50), random.random(50) > 0.5
    found = float(bernoulli_log_prob(jnp.asarray(p), jnp.asarray(drawn, float)))
    assert found == pytest.approx(stats.bernoulli.logpmf(drawn, p).sum(), rel=1e-5)
    sure = bernoulli_log_prob(jnp.asarray([0.0, 1.0]), jnp.asarray([1.0, 0.0]))
    assert np.isfinite(float(sure)) and float(sure) < -20.0


def test_what_was_not_measured_does_not_count_whatever_stands_there():
    predicted = jnp.asarray([0.2, 0.4, 0.6])
    observed = jnp.asarray([0.1, jnp.nan, 0.7])
    weight = jnp.asarray([1.0, 0.0, 1.0])
    kept = jnp.asarray([0, 2])
    found = gaussian_log_prob(predicted, observed, 0.1, weight)
    assert float(found) == pytest.approx(
        float(gaussian_log_prob(predicted[kept], observed[kept], 0.1)), rel=1e-6
    )
    slope = jax.grad(lambda p: gaussian_log_prob(p, observed, 0.1, weight))(predicted)
    assert np.isfinite(slope).all() and slope[1] == 0.0
    masks = bernoulli_log_prob(predicted, observed, weight)
    assert float(masks) == pytest.approx(np.log(0.8) + np.log(0.6), rel=1e-5)


def test_correlated_voxels_know_no_more_than_independent_ones():
    """Blocks of 8 equal voxels: the information of one voxel each, and `estimate_noise` sees it."""
    blocks = np.random.default_rng(6).normal(size=(12, 12, 12))
    residual = np.kron(blocks, np.ones((2, 2, 2))) * 0.1
    shape = residual.shape
    noise = estimate_noise(residual.reshape(1, -1), np.ones((1, residual.size)), shape)
    assert noise is not None
    shared = noise.correlated_voxels

    def log_prob(field, *noise):
        flat = jnp.asarray(field.reshape(-1), jnp.float32)
        return float(gaussian_log_prob(flat, jnp.zeros(flat.size), 0.1, *noise))

    alone, together = log_prob(0.1 * blocks), log_prob(residual, 1.0, shared)
    print(f"{shared:.2f} voxels share one piece; log density {together / alone:.3f} of theirs")
    assert noise.correlated_voxels == pytest.approx(8.0, rel=0.15)
    assert together == pytest.approx(alone, rel=0.15)


@each
def test_in_deviations_an_error_of_one_deviation_is_one(name, states):
    """What a Kalman update compares: squares of differences are those of the log probability."""
    observation = OBSERVATIONS[name]
    params = medians(observation)
    now, later = (observation.predict(states.at(i), params) for i in (0, 2))
    apart = observation.standardized(now, params) - observation.standardized(later, params)
    assert apart.shape == now.shape and np.isfinite(np.asarray(apart)).all()
    if "outline" in name:  # a Bernoulli has no one deviation
        return
    loss = observation.log_prob(now, now, params) - observation.log_prob(later, now, params)
    assert float(0.5 * (apart**2).sum()) == pytest.approx(float(loss), rel=1e-3, abs=0.01)

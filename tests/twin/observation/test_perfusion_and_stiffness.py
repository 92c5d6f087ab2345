"""Perfusion shows vessels, elastography cells; both err in proportion to what they show."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from tests.twin.observation.courses import DOMAIN, FIVE_LARGE_FRACTIONS, GRID, course, single
from tests.twin.tumors import blob, box
from twin.errors import TwinError
from twin.models import Vessels
from twin.observation.observation import Observation
from twin.observation.perfusion import Perfusion, perfusion, vessel_density
from twin.observation.relative_noise import relative_log_prob
from twin.observation.stiffness import Stiffness, shear_modulus_kpa
from twin.patient import SITES

VESSELS = {
    name: float(row.prior.transform(0.0))
    for name, row in Vessels().table("generic", (), DOMAIN.tissues).items()
}


def medians(observation):
    return {row.name: row.prior.transform(0.0) for row in observation.parameters()}


@pytest.fixture(scope="module")
def states():
    changes = VESSELS | {"vessel_density": 20.0, "angiogenesis_rate": 0.2}
    return course([0.0, 30.0], FIVE_LARGE_FRACTIONS, Vessels(), **changes)[1]


@pytest.mark.parametrize("observation", [Perfusion(), Stiffness("glioma")])
def test_both_are_observations_of_several_times_at_once(observation, states):
    assert isinstance(observation, Observation)
    params = medians(observation)
    together = np.asarray(observation.predict(states, params))
    assert together.shape == states.dead.shape and together.min() >= 0.0
    for time in range(2):
        alone = observation.predict(states.at(time), params)
        np.testing.assert_allclose(together[time], alone, rtol=1e-6)
    for row in observation.parameters():
        assert row.unit and row.citation and row.description


def test_perfusion_follows_the_vessels_and_gives_them_back(states):
    flow = Perfusion(normal=32.0, unit="mL/100 mL/min")
    predicted = np.asarray(flow.predict(states, medians(flow)))
    vessels = jnp.asarray(states.fields["vessels"])
    print(f"perfusion on days 0 and 30: {predicted.min(1).round(1)} to {predicted.max(1).round(1)}")
    np.testing.assert_allclose(predicted, 32.0 * vessels, rtol=1e-6)
    assert np.ptp(vessels[1][box(GRID).reshape(-1)]) > 0.05
    np.testing.assert_allclose(vessel_density(perfusion(vessels, 32.0), 32.0), vessels, rtol=1e-6)


def test_a_model_without_vessels_cannot_be_perfused():
    with pytest.raises(TwinError, match="carries no vessels"):
        Perfusion().predict(single(blob(box(GRID))), {"perfusion_normal": jnp.ones(())})
    with pytest.raises(TwinError, match="signal of normal tissue"):
        Perfusion(normal=0.0)


def test_stiffness_is_that_of_tissue_without_cells_and_of_the_tumor_at_capacity():
    np.testing.assert_allclose(
        shear_modulus_kpa(jnp.array([0.0, 0.5, 1.0]), 1.54, 1.32), [1.54, 1.43, 1.32], rtol=1e-6
    )
    stiff = Stiffness("breast")
    params = medians(stiff)
    viable, dead = single(blob(box(GRID))), single(0.5 * blob(box(GRID)), 0.5 * blob(box(GRID)))
    np.testing.assert_allclose(
        stiff.predict(viable, params), stiff.predict(dead, params), rtol=1e-6
    )
    assert float(stiff.predict(viable, params).max()) > 1.5 * 2.95


@pytest.mark.parametrize("site", SITES)
def test_every_site_has_moduli(site):
    tissue, tumor, noise = Stiffness(site).parameters()
    assert tissue.unit == tumor.unit == "kPa" and noise.unit == "1"
    assert tissue.interval(0.9)[0] > 0.1 and tumor.interval(0.9)[1] < 40.0
    with pytest.raises(TwinError, match=f"unknown tumor site.*{site}"):
        Stiffness("elbow")


@pytest.mark.parametrize("correlated", [1.0, 8.0])
def test_noise_is_log_normal_and_correlated_voxels_count_as_fewer(correlated):
    """Against scipy, voxel by voxel, with one voxel that was not measured."""
    random = np.random.default_rng(2)
    predicted = random.uniform(0.5, 3.0, 50)
    observed = predicted * np.exp(0.3 * random.normal(size=50))
    weight = np.ones(50)
    weight[7], observed[7] = 0.0, np.nan
    sd = np.sqrt(np.log1p(0.31**2))
    each = stats.lognorm.logpdf(observed, sd, scale=predicted)
    found = relative_log_prob(
        jnp.asarray(predicted), jnp.asarray(observed), 0.31, jnp.asarray(weight), correlated
    )
    assert float(found) == pytest.approx(np.delete(each, 7).sum() / correlated, rel=1e-4)


def test_the_likelihood_of_a_map_is_largest_at_its_own_scale_and_variation(states):
    """Both have closed forms: the mean and the spread of the logarithms of the ratio."""
    observation = Perfusion()
    random = np.random.default_rng(4)
    state = states.at(1)
    vessels = np.asarray(state.fields["vessels"])
    noise = np.sqrt(np.log1p(0.25**2)) * random.normal(size=vessels.shape)
    observed = jnp.asarray(1.3 * vessels * np.exp(noise), jnp.float32)
    ratio = np.log(np.asarray(observed) / vessels)
    normal, variation = np.exp(ratio.mean()), np.sqrt(np.expm1(ratio.var()))
    print(f"normal signal {normal:.3f} (true 1.3), variation {variation:.3f} (true 0.25)")

    @jax.jit
    def log_prob(at):
        params = {"perfusion_normal": at[0], "perfusion_variation": at[1]}
        return observation.log_prob(observation.predict(state, params), observed, params)

    best = jnp.array([normal, variation], jnp.float32)
    curve = np.asarray(jax.hessian(log_prob)(best))
    steps = np.asarray(jax.grad(log_prob)(best)) / np.diag(curve)
    np.testing.assert_allclose(steps, 0.0, atol=1e-3)
    assert np.all(np.diag(curve) < 0.0)
    assert normal == pytest.approx(1.3, rel=0.02) and variation == pytest.approx(0.25, rel=0.05)

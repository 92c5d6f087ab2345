"""Sobol and Morris indices against functions whose indices are known exactly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.errors import TwinError
from twin.scenarios.indices import REACH, morris_effects, sobol_indices

WEIGHTS = np.array([3.0, -2.0, 1.0, 0.0])
NAMES = ("large", "middle", "small", "idle")
SINGLE = dict.fromkeys(NAMES, 1)


def linear(scores):
    return (scores @ WEIGHTS)[:, None]


def test_shares_of_a_linear_function_are_its_squared_weights():
    found = sobol_indices(linear, SINGLE, samples=1024, seed=0)
    exact = WEIGHTS**2 / (WEIGHTS**2).sum()
    np.testing.assert_allclose(found.first[:, 0], exact, atol=0.01)
    np.testing.assert_allclose(found.total[:, 0], exact, atol=0.01)
    assert found.first[3, 0] == found.total[3, 0] == 0.0
    assert (np.abs(found.first - exact[:, None]) <= found.first_half_width).all()


def test_shares_of_a_product_of_log_normals_are_met():
    """Y = exp(sum a z): S_i = (e^a_i² - 1) / (e^a² - 1), T_i = e^(a² - a_i²) S_i, a² = sum a_i²."""
    spread = np.array([0.6, 0.4, 0.2])
    found = sobol_indices(
        lambda z: np.exp(z @ spread)[:, None],
        {"a": 1, "b": 1, "c": 1},
        samples=4096,
        seed=1,
    )
    whole = (spread**2).sum()
    first = np.expm1(spread**2) / np.expm1(whole)
    np.testing.assert_allclose(found.first[:, 0], first, atol=0.02)
    np.testing.assert_allclose(found.total[:, 0], first * np.exp(whole - spread**2), atol=0.02)


def test_scores_that_act_only_together_have_total_indices_alone():
    found = sobol_indices(lambda z: z[:, :1] * z[:, 1:], {"a": 1, "b": 1}, samples=2048, seed=0)
    np.testing.assert_allclose(found.first, 0.0, atol=0.05)
    np.testing.assert_allclose(found.total, 1.0, atol=0.05)


def test_a_group_explains_what_its_members_explain_together():
    found = sobol_indices(linear, {"both": 2, "small": 1, "idle": 1}, samples=1024, seed=0)
    np.testing.assert_allclose(found.total[:, 0], [13 / 14, 1 / 14, 0.0], atol=0.01)


def test_quantities_that_do_not_vary_have_no_index():
    found = sobol_indices(
        lambda z: np.stack([np.full(len(z), 7.0), z[:, 0]], axis=1), SINGLE, samples=64, seed=0
    )
    assert np.isnan(found.first[:, 0]).all() and np.isnan(found.total[:, 0]).all()
    assert np.isfinite(found.first[:, 1]).all()


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 2**31), st.sampled_from([2, 5, 8]))
def test_effects_of_a_linear_function_are_its_weights_over_the_central_90_percent(seed, walks):
    found = morris_effects(linear, NAMES, trajectories=walks, seed=seed)
    np.testing.assert_allclose(
        found.mean_absolute[:, 0], 2 * REACH * np.abs(WEIGHTS), rtol=1e-9, atol=1e-12
    )
    np.testing.assert_allclose(found.spread, 0.0, atol=1e-9)


def test_effects_that_depend_on_other_scores_spread():
    found = morris_effects(lambda z: z[:, :1] * z[:, 1:], ("a", "b"), trajectories=16, seed=0)
    assert (found.spread > 1.0).all()


def test_the_same_seed_gives_the_same_indices():
    a, b = (sobol_indices(linear, SINGLE, samples=64, seed=0) for _ in range(2))
    np.testing.assert_array_equal(a.first_half_width, b.first_half_width)
    other = sobol_indices(linear, SINGLE, samples=64, seed=1)
    assert (a.responses != other.responses).any()


@pytest.mark.parametrize("samples", [0, 4, 100])
def test_samples_that_are_no_power_of_two_are_refused(samples):
    with pytest.raises(TwinError, match=f"power of 2.*8, 16, 32.*{samples}"):
        sobol_indices(linear, SINGLE, samples=samples, seed=0)


def test_one_factor_and_one_trajectory_are_refused():
    with pytest.raises(TwinError, match="one factor alone"):
        sobol_indices(linear, {"all": 4}, samples=64, seed=0)
    with pytest.raises(TwinError, match="too few trajectories"):
        morris_effects(linear, NAMES, trajectories=1, seed=0)


def test_values_that_are_not_finite_are_counted_and_refused():
    def broken(scores):
        values = linear(scores)
        values[3] = np.nan
        return values

    with pytest.raises(TwinError, match="not finite.*1 of 384 rows"):
        sobol_indices(broken, SINGLE, samples=64, seed=0)

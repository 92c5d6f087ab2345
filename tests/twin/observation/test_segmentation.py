"""The probability that a voxel is drawn as tumor, and the thresholds' priors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.observation.segmentation import WIDTH, drawn_probability, threshold_parameter


@given(st.floats(0.0, 1.0), st.floats(0.05, 0.85))
def test_more_cells_are_drawn_no_less_often(seen: float, threshold: float):
    lower = drawn_probability(jnp.asarray(seen), jnp.asarray(threshold))
    higher = drawn_probability(jnp.asarray(seen + 0.02), jnp.asarray(threshold))
    assert 0.0 <= lower <= higher <= 1.0


def test_the_probability_rises_strictly_around_the_threshold():
    p = drawn_probability(jnp.linspace(0.1, 0.6, 40), jnp.asarray(0.35))
    assert np.all(np.diff(np.asarray(p)) > 0.0)


@pytest.mark.parametrize("threshold", [0.05, 0.35, 0.85])
def test_a_voxel_at_the_threshold_is_drawn_every_other_time(threshold: float):
    c = jnp.asarray(threshold)
    assert float(drawn_probability(c, c)) == 0.5


def test_the_width_is_the_distance_from_half_to_three_quarters():
    """p = 1 / (1 + exp(-1)) one width above the threshold."""
    p = float(drawn_probability(jnp.asarray(0.35 + WIDTH), jnp.asarray(0.35)))
    assert abs(p - 1.0 / (1.0 + np.exp(-1.0))) < 1e-6


def test_a_voxel_far_from_the_threshold_keeps_a_finite_derivative():
    slope = jax.grad(lambda f: drawn_probability(f, jnp.asarray(0.35)))(jnp.asarray(1.0))
    assert np.isfinite(slope) and slope >= 0.0


def test_flair_is_outlined_further_out_than_enhancement():
    flair, enhancing = threshold_parameter("flair"), threshold_parameter("enhancing")
    assert flair.interval(0.9)[1] < enhancing.interval(0.9)[0]


def test_an_unknown_label_gets_a_wide_assumed_threshold():
    parameter = threshold_parameter("necrosis")
    low, high = parameter.interval(0.9)
    assert parameter.name == "visibility_threshold_necrosis"
    assert parameter.provenance == "assumed" and high - low > 0.5

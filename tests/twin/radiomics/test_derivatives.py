"""What is differentiable agrees with differences in double precision."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.radiomics.filters import (
    LaplacianOfGaussian,
    Wavelet,
    apply_separable,
    separable_operators,
)
from twin.radiomics.intensity import intensity_statistics

RELATIVE = 1e-3
VOXELS, LENGTH = 60, 80
STEP = 1e-5


def statistics(values: np.ndarray) -> dict[str, jax.Array]:
    inside = jnp.arange(LENGTH) < VOXELS
    return intensity_statistics(jnp.asarray(values), inside)


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([0.1, 5.0, 200.0]))
def test_derivatives_of_intensity_statistics_agree_with_differences(seed, scale):
    generator = np.random.default_rng(seed)
    # Distinct values: the order of voxels, and so a percentile, must not change within a step.
    values = scale * (generator.permutation(LENGTH) + generator.uniform(0.2, 0.8, LENGTH)) / LENGTH
    direction = generator.normal(size=LENGTH)
    _, tangents = jax.jvp(
        statistics,
        (jnp.asarray(values, jnp.float32),),
        (jnp.asarray(direction, jnp.float32),),
    )
    with jax.enable_x64(True):
        step = STEP * scale
        above, below = (statistics(values + sign * step * direction) for sign in (1, -1))
        differences = {name: (above[name] - below[name]) / (2 * step) for name in above}
    for name, difference in differences.items():
        size = max(abs(float(difference)), _typical(name, scale))
        assert abs(float(tangents[name]) - float(difference)) <= RELATIVE * size, name


def _typical(name: str, scale: float) -> float:
    """Size of a derivative below which only its absolute error counts."""
    if name == "energy":
        return scale
    if name == "var":
        return 0.1 * scale
    return 0.1 / scale if name in ("skew", "kurt", "cov", "qcod") else 0.1


def test_padding_has_no_derivative():
    values = jnp.linspace(1.0, 2.0, LENGTH)
    for name, gradient in jax.jacrev(statistics)(values).items():
        assert np.isfinite(gradient).all(), name
        assert (np.asarray(gradient[VOXELS:]) == 0).all(), name


def test_a_flat_region_has_finite_derivatives():
    for name, gradient in jax.jacrev(statistics)(jnp.full(LENGTH, 3.0)).items():
        assert np.isfinite(gradient).all(), name


@pytest.mark.parametrize("chosen", [LaplacianOfGaussian(3.0), Wavelet("haar")])
def test_derivatives_of_filtered_statistics_agree_with_differences(chosen):
    shape, spacing = (6, 7, 5), np.array([2.0, 2.0, 3.0])
    generator = np.random.default_rng(5)
    box = tuple(slice(0, n) for n in shape)
    operators = separable_operators(list(chosen.terms(spacing).values()), shape, box)
    data, direction = generator.normal(size=(2, *shape))

    def energy(data: jax.Array) -> jax.Array:
        widths = [(0, o.shape[-1] - n) for o, n in zip(operators, shape, strict=True)]
        return (apply_separable(jnp.pad(data, widths), *operators) ** 2).sum()

    as_single = [jnp.asarray(a, jnp.float32) for a in (data, direction)]
    _, tangent = jax.jvp(energy, as_single[:1], as_single[1:])
    with jax.enable_x64(True):
        above, below = (energy(jnp.asarray(data + s * STEP * direction)) for s in (1, -1))
        difference = float(above - below) / (2 * STEP)
    assert abs(float(tangent) - difference) <= RELATIVE * abs(difference)

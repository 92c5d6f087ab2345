"""Mixtures of isotropic and tensor diffusion: linear in the share, with cheap exact derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.twin.operators.tensor_fields import flat, random_case, random_tensors
from tests.twin.tumors import SHAPE
from twin.errors import TwinError
from twin.operators import fluxes
from twin.operators.diffusion import DiffusionOperator, apply, diffuse
from twin.operators.mixture import mix
from twin.operators.stencil import tensor_stencil

SPACING = (1.0, 1.5, 2.0)


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


def parts(seed, neighbors=26, scale=0.4):
    mask, tensors, u = random_case(seed)
    size = flat(np.trace(tensors, axis1=1, axis2=2))
    faces = fluxes.conductances(size, flat(mask), SHAPE, SPACING, scale=scale)
    shapes = random_tensors(mask.size, 5.0, seed)
    tensor, _ = tensor_stencil(
        shapes, np.asarray(flat(mask)), SHAPE, SPACING, neighbors=neighbors, dtype=np.float64
    )
    return faces, tensor, flat(u), flat(mask)


@settings(max_examples=10)
@given(st.integers(0, 2**31), st.floats(0.0, 1.0), st.sampled_from([18, 26, 124]))
def test_a_mixture_is_the_weighted_sum_of_both_operators(seed, share, neighbors):
    faces, tensor, u, mask = parts(seed, neighbors)
    mixed = mix(faces, tensor, share)
    assert isinstance(mixed, DiffusionOperator)
    spread, step = jax.jit(apply), jax.jit(diffuse)
    expected = (1 - share) * spread(u, faces) + share * 0.4 * spread(u, tensor)
    np.testing.assert_allclose(
        spread(u, mixed), expected, atol=1e-13 * float(jnp.abs(expected).max()) + 1e-300
    )
    both = (1 - share) * faces.rate + share * 0.4 * tensor.rate
    assert float(mixed.rate) <= float(both) * (1 + 1e-12)
    rough = jnp.where(u > 0.5, 1.0, 0.0)
    after = step(rough, mixed, 0.999 / jnp.maximum(mixed.rate, 1e-9))
    assert float(after.min()) >= 0.0
    assert float(after.max()) <= 1.0 + 1e-14
    assert float(after.sum()) == pytest.approx(float(rough.sum()), rel=1e-12)


def test_derivatives_are_those_of_the_weighted_sum():
    _, tensor, u, mask = parts(7)
    target = flat(np.random.default_rng(1).random(SHAPE))

    def faces_of(scale, size):
        return fluxes.conductances(size * mask + 0.1, mask, SHAPE, SPACING, scale=scale)

    def mixed(scale, size, share, field):
        operator = mix(faces_of(scale, size), tensor, share)
        return (target * diffuse(field, operator, jnp.asarray(0.05))).sum()

    def plain(scale, size, share, field):
        faces = faces_of(scale, size)

        def step(v):
            spread = (1 - share) * faces.apply_unscaled(v) + share * tensor.apply_unscaled(v)
            return v + 0.05 * scale * spread

        return (target * 0.5 * (field + step(step(field)))).sum()

    mixed, plain = jax.jit(mixed), jax.jit(plain)
    point = (jnp.asarray(0.3), jnp.asarray(1.2), jnp.asarray(0.6), u)
    assert float(mixed(*point)) == pytest.approx(float(plain(*point)), rel=1e-13)
    arguments = (0, 1, 2, 3)
    for found, expected in zip(
        jax.grad(mixed, arguments)(*point), jax.grad(plain, arguments)(*point), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-14)
    jacobian = jax.jacfwd(mixed, (0, 1, 2))(*point)
    np.testing.assert_allclose(jacobian, jax.grad(plain, (0, 1, 2))(*point), rtol=1e-11)


def test_grids_that_differ_are_refused():
    faces, tensor, *_ = parts(1)
    other = fluxes.conductances(jnp.ones(27), jnp.ones(27), (3, 3, 3), SPACING)
    with pytest.raises(TwinError, match="on different grids"):
        mix(other, tensor, 0.5)

"""The masked diffusion operator: conservation, bounds, symmetry and exact modes, in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from tests.twin.tumors import SHAPE, box
from twin.operators.diffusion import diffuse
from twin.operators.fluxes import conductances, divergence

spacings = st.tuples(*[st.floats(0.5, 4.0)] * 3)
seeds = st.integers(0, 2**31)
few = settings(max_examples=12)


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


def operator(diffusivity, mask, spacing):
    return conductances(flat(diffusivity), flat(mask), mask.shape, tuple(map(float, spacing)))


def flat(field):
    return jnp.asarray(np.ascontiguousarray(field), jnp.float64).reshape(-1)


def apply(u, g):
    return np.asarray(divergence(flat(u), g)).reshape(u.shape)


def step(u, g, dt):
    return np.asarray(diffuse(flat(u), g, jnp.asarray(dt, jnp.float64))).reshape(u.shape)


def random_case(seed):
    """A ragged mask, a diffusivity that varies a hundredfold, and a field on it."""
    random = np.random.default_rng(seed)
    mask = box() & (random.random(SHAPE) < random.uniform(0.3, 1.0))
    mask[4, 4, 3] = True
    return mask, np.exp(random.uniform(-3, 2, SHAPE)), random.random(SHAPE) * mask


def by_hand(u, diffusivity, mask, spacing):
    """The same operator, one voxel and one face at a time."""
    result = np.zeros_like(u)
    for voxel in np.argwhere(mask):
        here = tuple(voxel)
        for axis in range(3):
            for side in (-1, 1):
                other = voxel.copy()
                other[axis] += side
                there = tuple(other)
                if mask[there]:
                    d = 2 / (1 / diffusivity[here] + 1 / diffusivity[there])
                    result[here] += d / spacing[axis] ** 2 * (u[there] - u[here])
    return result


@few
@given(seeds, spacings)
def test_it_is_the_sum_of_fluxes_through_open_faces(seed, spacing):
    mask, diffusivity, u = random_case(seed)
    found = apply(u, operator(diffusivity, mask, spacing))
    expected = by_hand(u, diffusivity, mask, spacing)
    np.testing.assert_allclose(found, expected, atol=1e-12 * np.abs(expected).max() + 1e-300)


@few
@given(seeds, spacings)
def test_every_connected_piece_of_tissue_keeps_its_mass(seed, spacing):
    mask, diffusivity, u = random_case(seed)
    g = operator(diffusivity, mask, spacing)
    after = step(u, g, 0.9 / max(float(g.rate), 1e-9))
    pieces, count = ndimage.label(mask)
    index = np.arange(1, count + 1)
    np.testing.assert_allclose(
        ndimage.sum(after, pieces, index), ndimage.sum(u, pieces, index), rtol=1e-12
    )
    assert not after[~mask].any()


@few
@given(seeds, spacings)
def test_a_stable_step_makes_no_new_extrema(seed, spacing):
    mask, diffusivity, u = random_case(seed)
    u = np.where(u > 0.5, 1.0, 0.0) * mask
    g = operator(diffusivity, mask, spacing)
    after = step(u, g, 0.999 / max(float(g.rate), 1e-9))
    assert after.min() >= 0.0
    assert after.max() <= 1.0 + 1e-15


@few
@given(seeds, spacings)
def test_it_is_symmetric_and_dissipates(seed, spacing):
    mask, diffusivity, u = random_case(seed)
    v = np.random.default_rng(seed + 1).standard_normal(SHAPE) * mask
    g = operator(diffusivity, mask, spacing)
    scale = float(g.rate) * (u**2).sum() + 1e-12
    assert abs((v * apply(u, g)).sum() - (u * apply(v, g)).sum()) <= 1e-12 * scale * 10
    assert (u * apply(u, g)).sum() <= 1e-12 * scale


def test_a_step_beyond_the_stated_rate_does_break_the_bounds():
    """The rate is not merely safe: twice the limit makes a single hot voxel negative."""
    u = np.zeros(SHAPE)
    u[4, 4, 3] = 1.0
    g = operator(np.ones(SHAPE), box(), (1.0, 1.0, 1.0))
    assert float(g.rate) == pytest.approx(6.0)
    euler = u + 1.01 / float(g.rate) * apply(u, g)
    assert euler.min() < 0.0


def cosine_mode(shape, spacing, diffusivity, waves):
    """A product of cosines over the inside of a box, and its exact discrete decay rate."""
    mode, decay = np.ones(shape), 0.0
    index = np.indices(shape)
    for axis, (n, h, k) in enumerate(zip(np.array(shape) - 2, spacing, waves, strict=True)):
        mode = mode * np.cos(np.pi * k * (index[axis] - 0.5) / n)
        decay += diffusivity * 4 / h**2 * np.sin(np.pi * k / (2 * n)) ** 2
    return mode * box(shape), decay


@pytest.mark.parametrize("waves", [(1, 0, 0), (0, 2, 0), (0, 0, 1), (1, 2, 3)])
def test_a_cosine_mode_decays_at_its_exact_discrete_rate(waves):
    spacing, diffusivity = (1.0, 1.5, 2.0), 0.3
    mode, decay = cosine_mode(SHAPE, spacing, diffusivity, waves)
    g = operator(np.full(SHAPE, diffusivity), box(), spacing)
    np.testing.assert_allclose(apply(mode, g), -decay * mode, atol=1e-13)
    x = decay * 0.4
    np.testing.assert_allclose(step(mode, g, 0.4), (1 - x + x**2 / 2) * mode, atol=1e-13)


def test_two_tissues_exchange_through_the_harmonic_mean():
    mask = np.zeros(SHAPE, bool)
    mask[3:5, 3, 3] = True
    diffusivity = np.where(np.arange(SHAPE[0])[:, None, None] < 4, 0.1, 0.9) * np.ones(SHAPE)
    u = np.zeros(SHAPE)
    u[3, 3, 3] = 1.0
    flux = apply(u, operator(diffusivity, mask, (2.0, 1.0, 1.0)))
    assert flux[4, 3, 3] == pytest.approx(2 * 0.1 * 0.9 / (0.1 + 0.9) / 2.0**2, rel=1e-12)
    assert flux[3, 3, 3] == pytest.approx(-flux[4, 3, 3], rel=1e-12)


@pytest.mark.parametrize("thickness", [1, 2])
def test_a_thin_sheet_conducts_along_itself(thickness):
    mask = box()
    mask[:, :, 3 + thickness :] = False
    mask[:, :, :3] = False
    mode, decay = cosine_mode(SHAPE, (1.0, 1.0, 1.0), 0.5, (1, 1, 0))
    u = np.where(mask, mode, 0.0)
    np.testing.assert_allclose(
        apply(u, operator(np.full(SHAPE, 0.5), mask, (1.0, 1.0, 1.0))), -decay * u, atol=1e-13
    )


def test_tissue_without_diffusivity_is_a_wall():
    diffusivity = np.ones(SHAPE)
    diffusivity[4] = 0.0
    u = np.where(np.arange(SHAPE[0])[:, None, None] < 4, 1.0, 0.0) * box()
    assert not apply(u, operator(diffusivity, box(), (1.0, 1.0, 1.0))).any()


@few
@given(seeds, spacings, st.permutations((0, 1, 2)))
def test_axes_can_be_permuted_with_the_spacing(seed, spacing, order):
    mask, diffusivity, u = random_case(seed)
    expected = apply(u, operator(diffusivity, mask, spacing)).transpose(order)
    turned = [a.transpose(order) for a in (diffusivity, mask, u)]
    found = apply(turned[2], operator(turned[0], turned[1], [spacing[i] for i in order]))
    np.testing.assert_allclose(found, expected, atol=1e-12 * np.abs(expected).max() + 1e-300)


@few
@given(seeds, spacings, st.integers(0, 2))
def test_an_axis_can_be_reflected(seed, spacing, axis):
    mask, diffusivity, u = random_case(seed)
    expected = np.flip(apply(u, operator(diffusivity, mask, spacing)), axis)
    found = apply(
        np.flip(u, axis), operator(np.flip(diffusivity, axis), np.flip(mask, axis), spacing)
    )
    np.testing.assert_allclose(found, expected, atol=1e-12 * np.abs(expected).max() + 1e-300)


@few
@given(seeds, spacings)
def test_centimeters_give_what_millimeters_give(seed, spacing):
    mask, diffusivity, u = random_case(seed)
    in_mm = apply(u, operator(diffusivity, mask, spacing))
    in_cm = apply(u, operator(diffusivity / 100, mask, [s / 10 for s in spacing]))
    np.testing.assert_allclose(in_cm, in_mm, atol=1e-10 * np.abs(in_mm).max() + 1e-300)


def test_derivatives_are_finite_where_tissue_has_no_diffusivity():
    ratio = np.where(np.arange(SHAPE[0])[:, None, None] < 4, 1.0, 0.0) * np.ones(SHAPE)
    u = flat(np.random.default_rng(0).random(SHAPE) * box())

    def moved(scale):
        return divergence(u, conductances(scale * flat(ratio), flat(box()), SHAPE, (1.0, 1.0, 1.0)))

    value, derivative = jax.jvp(moved, (jnp.asarray(0.2),), (jnp.asarray(1.0),))
    np.testing.assert_allclose(derivative, value / 0.2, rtol=1e-10, atol=1e-15)

"""Tensor diffusion on pairs: that of the fluxes if isotropic, exact on parabolas, conservative."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.twin.operators.tensor_fields import by_hand, fiber, flat, random_case, random_tensors
from tests.twin.tumors import SHAPE, box
from twin.errors import TwinError
from twin.operators import fluxes
from twin.operators.diffusion import DiffusionOperator, apply, diffuse
from twin.operators.stencil import divergence, tensor_stencil
from twin.operators.tensors import decompose

few = settings(max_examples=10)
seeds = st.integers(0, 2**31)
spacings = st.tuples(*[st.floats(0.5, 4.0)] * 3)
reaches = st.sampled_from([18, 26, 124])


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


def stencil(tensors, mask, spacing, neighbors=26):
    return tensor_stencil(
        tensors.reshape(-1, 3, 3),
        mask.reshape(-1).astype(float),
        mask.shape,
        tuple(map(float, spacing)),
        neighbors=neighbors,
        dtype=np.float64,
    )[0]


def applied(u, operator):
    return np.asarray(divergence(flat(u), operator)).reshape(u.shape)


def stepped(u, operator, dt):
    return np.asarray(diffuse(flat(u), operator, jnp.asarray(dt))).reshape(u.shape)


@few
@given(seeds, spacings)
def test_isotropic_tensors_give_the_operator_of_the_fluxes(seed, spacing):
    mask, tensors, u = random_case(seed)
    size = np.trace(tensors, axis1=1, axis2=2) / 3.0
    faces = fluxes.conductances(flat(size), flat(mask), SHAPE, spacing)
    pairs = stencil(size[:, None, None] * np.eye(3), mask, spacing)
    expected = np.asarray(fluxes.divergence(flat(u), faces)).reshape(SHAPE)
    np.testing.assert_allclose(
        applied(u, pairs), expected, atol=1e-14 * np.abs(expected).max() + 1e-300
    )
    assert float(pairs.rate) == pytest.approx(float(faces.rate), rel=1e-14, abs=1e-300)


@few
@given(seeds, spacings, reaches)
def test_it_is_the_sum_over_pairs_inside_the_tissue(seed, spacing, neighbors):
    mask, tensors, u = random_case(seed)
    found = applied(u, stencil(tensors, mask, spacing, neighbors))
    decomposed = decompose(tensors[mask.reshape(-1)], spacing, neighbors)
    expected = by_hand(u, mask, tensors, decomposed)
    np.testing.assert_allclose(found, expected, atol=1e-12 * np.abs(expected).max() + 1e-300)


@few
@given(seeds, spacings, reaches)
def test_parabolas_are_differentiated_exactly_away_from_walls(seed, spacing, neighbors):
    """div(D grad u) is the trace of D times the curvature of u, for any D that was not clipped."""
    random = np.random.default_rng(seed)
    curvature = random.standard_normal((3, 3))
    curvature = curvature + curvature.T
    decomposed = decompose(random_tensors(1, 10.0, seed), spacing, neighbors)
    steps = np.array(decomposed.offsets) * np.array(spacing)
    kept = np.einsum("kn,ki,kj->nij", decomposed.weights, steps, steps)
    x = (np.indices(SHAPE).reshape(3, -1).T - 4.0) * np.array(spacing)
    u = 0.5 * np.einsum("ni,ij,nj->n", x, curvature, x) + x @ random.standard_normal(3)
    tensors = np.broadcast_to(kept, (u.size, 3, 3))
    found = applied(u.reshape(SHAPE), stencil(tensors, box(), spacing, neighbors))
    inner = found[3:-3, 3:-3, 3:-3]
    np.testing.assert_allclose(inner, np.trace(kept[0] @ curvature), atol=1e-9)


@few
@given(seeds, spacings, reaches)
def test_mass_stays_and_a_stable_step_makes_no_new_extrema(seed, spacing, neighbors):
    mask, tensors, u = random_case(seed)
    u = np.where(u > 0.5, 1.0, 0.0) * mask
    operator = stencil(tensors, mask, spacing, neighbors)
    after = stepped(u, operator, 0.999 / max(float(operator.rate), 1e-9))
    assert after.sum() == pytest.approx(u.sum(), rel=1e-12)
    assert after.min() >= 0.0
    assert after.max() <= 1.0 + 1e-14
    assert not after[~mask].any()


@few
@given(seeds, spacings, reaches)
def test_it_is_symmetric_and_dissipates(seed, spacing, neighbors):
    mask, tensors, u = random_case(seed)
    v = np.random.default_rng(seed + 1).standard_normal(SHAPE) * mask
    operator = stencil(tensors, mask, spacing, neighbors)
    scale = float(operator.rate) * (u**2).sum() + 1e-12
    difference = (v * applied(u, operator)).sum() - (u * applied(v, operator)).sum()
    assert abs(difference) <= 1e-11 * scale
    assert (u * applied(u, operator)).sum() <= 1e-12 * scale


@few
@given(seeds, spacings, st.permutations((0, 1, 2)), st.integers(0, 2))
def test_axes_can_be_permuted_and_reflected_with_the_tensor(seed, spacing, order, axis):
    mask, tensors, u = random_case(seed)
    expected = np.flip(applied(u, stencil(tensors, mask, spacing)).transpose(order), axis)
    sign = np.where(np.arange(3) == axis, -1.0, 1.0)
    field = tensors.reshape(*SHAPE, 3, 3).transpose(*order, 3, 4)[..., order, :][..., order]
    turned = np.flip(field * np.outer(sign, sign), axis)
    operator = stencil(turned, np.flip(mask.transpose(order), axis), [spacing[i] for i in order])
    found = applied(np.flip(u.transpose(order), axis), operator)
    np.testing.assert_allclose(found, expected, atol=1e-8 * np.abs(expected).max() + 1e-300)


def test_a_wall_of_voxels_that_share_faces_is_tight():
    """A diagonal staircase: corner neighbors face each other across it, but no pair crosses it."""
    x, y, _ = np.indices(SHAPE)
    mask = box() & ((x - y < 0) | (x - y > 1))
    assert mask.any()
    u = np.where(mask & (x - y < 0), 1.0, 0.0)
    tensors = np.broadcast_to(fiber(np.array([1.0, -1.0, 0.3]), 5.0), (mask.size, 3, 3))
    assert not applied(u, stencil(tensors, mask, (1.0, 1.0, 1.0))).any()


def test_fibers_carry_along_themselves():
    """Variance of a spot grows as twice the tensor: five times more along a diagonal fiber."""
    shape = (23, 23, 5)
    direction = np.array([1.0, 1.0, 0.0])
    tensors = np.broadcast_to(0.3 * fiber(direction, 5.0), (np.prod(shape), 3, 3))
    u = np.zeros(shape)
    u[11, 11, 2] = 1.0
    operator = stencil(tensors, box(shape), (1.0, 1.0, 1.0))
    for _ in range(8):
        u = stepped(u, operator, 0.25)
    x = np.indices(shape)[:2] - 11.0
    along, across = (x[0] + x[1]) / np.sqrt(2), (x[0] - x[1]) / np.sqrt(2)
    plane = 0.3 * fiber(direction, 5.0)
    assert (u * along**2).sum() == pytest.approx(2 * 2.0 * (plane[0, 0] + plane[0, 1]), rel=2e-3)
    assert (u * across**2).sum() == pytest.approx(2 * 2.0 * (plane[0, 0] - plane[0, 1]), rel=2e-3)


def test_derivatives_agree_with_differences_and_with_each_other():
    mask, tensors, u = random_case(5, ratio=4.0)
    operator = stencil(tensors, mask, (1.0, 1.5, 2.0))
    target = flat(np.random.default_rng(1).random(SHAPE))

    def cost(scale, field, weight):
        changed = operator.scaled(scale)
        changed = type(changed)(
            weight * changed.weights, changed.scale, changed.rate, changed.offsets, SHAPE
        )
        return (target * diffuse(field, changed, jnp.asarray(0.01))).sum()

    point = (jnp.asarray(1.3), flat(u), jnp.asarray(0.8))
    direction = (jnp.asarray(0.7), target, jnp.asarray(-0.4))
    forward = jax.jvp(cost, point, direction)[1]
    gradient = jax.grad(cost, argnums=(0, 1, 2))(*point)
    backward = sum(jnp.vdot(a, b) for a, b in zip(gradient, direction, strict=True))
    moved = [
        cost(*[p + s * d for p, d in zip(point, direction, strict=True)]) for s in (1e-5, -1e-5)
    ]
    assert float(forward) == pytest.approx(float(moved[0] - moved[1]) / 2e-5, rel=1e-6)
    assert float(backward) == pytest.approx(float(forward), rel=1e-12)
    batch = jax.vmap(lambda s: jax.jvp(cost, point, (s, target, s))[1])(jnp.arange(3.0))
    single = [jax.jvp(cost, point, (s, target, s))[1] for s in jnp.arange(3.0)]
    np.testing.assert_allclose(batch, jnp.stack(single), rtol=1e-12)


def test_the_generic_operator_is_that_of_the_fluxes():
    mask, tensors, u = random_case(2)
    size = flat(np.trace(tensors, axis1=1, axis2=2))
    faces = fluxes.conductances(size, flat(mask), SHAPE, (1.0, 1.5, 2.0), scale=0.4)
    np.testing.assert_array_equal(apply(flat(u), faces), fluxes.divergence(flat(u), faces))
    pairs = stencil(tensors, mask, (1.0, 1.5, 2.0)).scaled(0.4)
    assert isinstance(faces, DiffusionOperator)
    assert isinstance(pairs, DiffusionOperator)
    np.testing.assert_array_equal(apply(flat(u), pairs), divergence(flat(u), pairs))


@pytest.mark.parametrize(
    ("tensors", "mask", "message"),
    [
        (np.zeros((5, 3, 3)), box(), "tensors and mask do not fit the grid"),
        (np.zeros((box().size, 3, 3)), np.ones(SHAPE), "tissue touches the border"),
        (np.zeros((box().size, 3, 3)), np.zeros(SHAPE), "tissue mask is empty"),
    ],
)
def test_what_does_not_fit_the_grid_is_refused(tensors, mask, message):
    with pytest.raises(TwinError, match=message):
        stencil(tensors, mask, (1.0, 1.0, 1.0))

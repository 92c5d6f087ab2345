"""Long diffusion steps: conservative, positive on any field, as accurate as stated."""

from functools import partial

import equinox.internal as eqxi
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.twin.operators.tensor_fields import flat, random_case, random_tensors
from tests.twin.tumors import SHAPE, blob, box
from twin.operators import fluxes
from twin.operators.diffusion import apply, diffuse
from twin.operators.explicit import diffuse_explicitly, without_deficit
from twin.operators.implicit import diffuse_implicitly
from twin.operators.legendre import (
    _step,
    diffuse_by_legendre,
    legendre_schedule,
    legendre_stages,
    roughness,
)
from twin.operators.pairs import Pairs, limited_sum
from twin.operators.stencil import tensor_stencil
from twin.operators.stiff import EXPLICIT, IMPLICIT, LEGENDRE, cheapest, diffuse_adaptively

few = settings(max_examples=8)
seeds = st.integers(0, 2**31)
sizes = st.sampled_from([0.3, 3.0, 17.0, 150.0, 2000.0])
METHODS = {
    "explicit": jax.jit(diffuse_explicitly),
    "Legendre": jax.jit(diffuse_by_legendre, static_argnums=3),
    "implicit": jax.jit(diffuse_implicitly, static_argnums=3),
    "adaptive": jax.jit(diffuse_adaptively, static_argnums=3),
}
STEPS = {
    "Legendre": diffuse_by_legendre,
    "implicit": diffuse_implicitly,
}
legendre_step = jax.jit(lambda u, operator, dt, s: _step(u, operator, dt, s, jax.lax.fori_loop))
dense = jax.jit(lambda operator, units: jax.vmap(lambda v: apply(v, operator))(units))


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


def isotropic(seed, mask, spread=2.0):
    size = np.exp(np.random.default_rng(seed).uniform(-spread, spread, mask.size))
    return fluxes.conductances(flat(size), flat(mask), SHAPE, (1.0, 1.5, 2.0), scale=0.3)


def anisotropic(seed):
    tensors = random_tensors(box().size, 5.0, seed)
    return tensor_stencil(tensors, box().reshape(-1), SHAPE, (1.0, 1.5, 2.0), dtype=np.float64)[0]


def exact(u, operator, dt):
    """exp(dt L) u by the eigenvectors of the dense matrix."""
    return by_modes(u, operator, lambda values: np.exp(float(dt) * np.minimum(values, 0.0)))


def by_modes(u, operator, function):
    """A function of L, applied to a field on the box."""
    inside = np.flatnonzero(box())
    matrix = np.asarray(dense(operator, jnp.eye(u.size)[inside]))[:, inside]
    values, vectors = np.linalg.eigh(0.5 * (matrix + matrix.T))
    result = np.zeros(u.size)
    result[inside] = vectors @ (function(values) * (vectors.T @ np.asarray(u)[inside]))
    return result


def error(found, expected, u):
    return float(np.linalg.norm(np.asarray(found) - expected) / np.linalg.norm(u))


@pytest.mark.parametrize("method", METHODS)
@few
@given(seed=seeds, size=sizes, rough=st.booleans())
def test_mass_stays_and_nothing_falls_below_zero(method, seed, size, rough):
    mask, _, u = random_case(seed)
    u = np.where(u > 0.9, 1.0, 0.0) * mask if rough else blob(mask)
    operator = isotropic(seed, mask)
    after = np.asarray(METHODS[method](flat(u), operator, size / jnp.maximum(operator.rate, 1e-9)))
    assert after.min() >= 0.0
    assert after.max() <= u.max() * 1.001
    assert after.sum() == pytest.approx(u.sum(), rel=1e-12)
    assert not after[~mask.reshape(-1)].any()


@pytest.mark.parametrize("method", METHODS)
def test_tensor_operators_are_stepped_alike(method):
    u = np.where(np.random.default_rng(1).random(SHAPE) > 0.8, 1.0, 0.0) * box()
    operator = anisotropic(1)
    after = np.asarray(METHODS[method](flat(u), operator, 40.0 / operator.rate))
    assert after.min() >= 0.0
    assert after.sum() == pytest.approx(u.sum(), rel=1e-12)


@pytest.mark.parametrize("size", [1.0, 10.0, 100.0, 3000.0])
@pytest.mark.parametrize("field", ["random", "spot", "smooth"])
def test_errors_are_within_what_is_stated(size, field):
    random = np.random.default_rng(3)
    u = {
        "random": np.where(random.random(SHAPE) > 0.5, 1.0, 0.0) * box(),
        "spot": np.where(np.arange(box().size).reshape(SHAPE) == 4 * 56 + 4 * 7 + 3, 1.0, 0.0),
        "smooth": blob(box(), width=4.0),
    }[field]
    u, operator = flat(u), isotropic(4, box(), spread=1.0)
    dt = size / operator.rate
    expected = exact(u, operator, dt)
    for tolerance in (1e-2, 1e-3):
        found = METHODS["Legendre"](u, operator, dt, tolerance)
        assert error(found, expected, u) <= tolerance
    implicit = METHODS["implicit"](u, operator, dt)
    bound = min(0.036, 0.027 * float(roughness(u, operator, dt)))
    limited = 0.02  # what cutting flows back adds; nothing on fields without voids
    assert error(implicit, expected, u) <= bound + (limited if field == "spot" else 1e-4)


@pytest.mark.parametrize("stages", [3, 5, 7, 15, 61])
def test_a_legendre_step_is_the_polynomial_of_its_paper(stages):
    """R(z) = a + b P_s(1 + w z) with the Legendre polynomial P_s, on every eigenvector at once."""
    u, operator = flat((1.0 + blob(box())) * box()), isotropic(5, box(), spread=0.5)
    dt = 0.9 * (stages**2 + stages - 2) / 4 / operator.rate
    found = legendre_step(u, operator, dt, jnp.asarray(float(stages)))
    b = (stages**2 + stages - 2) / (2 * stages * (stages + 1))

    def factor(values):
        argument = 1.0 + 4.0 / (stages**2 + stages - 2) * float(dt) * values
        return 1 - b + b * np.polynomial.legendre.legval(argument, np.eye(stages + 1)[stages])

    np.testing.assert_allclose(found, by_modes(u, operator, factor), atol=1e-12)


def test_the_stated_bounds_hold_for_every_mode():
    """|R(z) − exp(z)| over z², for Legendre steps and for extrapolated backward Euler."""
    z = -np.exp(np.linspace(np.log(1e-3), np.log(2e5), 20000))
    for stages in (5, 7, 9, 21, 101):
        inside = z[-z <= (stages**2 + stages - 2) / 2]
        b = (stages**2 + stages - 2) / (2 * stages * (stages + 1))
        argument = 1.0 + 4.0 / (stages**2 + stages - 2) * inside
        step = 1 - b + b * np.polynomial.legendre.legval(argument, np.eye(stages + 1)[stages])
        assert (np.abs(step - np.exp(inside)) / inside**2).max() <= 0.055
    step = 2 / (1 - z / 2) ** 2 - 1 / (1 - z)
    assert np.abs(step - np.exp(z)).max() == pytest.approx(0.0361, abs=2e-4)
    assert (np.abs(step - np.exp(z)) / z**2).max() == pytest.approx(0.0272, abs=2e-4)


@few
@given(st.floats(0.01, 1e5), st.floats(1e-6, 1e8), st.sampled_from([1e-2, 1e-3, 1e-4]))
def test_sub_steps_grow_and_add_up_to_the_step(size, rough, tolerance):
    schedule = legendre_schedule(jnp.asarray(size), jnp.asarray(rough), tolerance)
    shares = np.asarray(schedule.share(jnp.arange(int(schedule.count))))
    assert shares.sum() == pytest.approx(1.0, rel=1e-9)
    assert (np.diff(shares) >= 0.0).all()
    assert 1 <= len(shares) <= 512
    first = float(jnp.sqrt(tolerance / 0.055 / rough))
    assert shares[0] <= max(min(first, 1.0), min(0.1 / size, 1.0)) * (1 + 1e-4)


@pytest.mark.parametrize(
    ("size", "stages"), [(0.1, 3), (2.5, 3), (2.6, 5), (7.0, 5), (2575.0, 101)]
)
def test_stages_are_the_fewest_odd_ones_that_are_stable(size, stages):
    assert int(legendre_stages(jnp.asarray(size))) == stages


def test_a_legendre_step_that_would_go_negative_is_made_explicitly():
    u = flat(np.where(np.arange(box().size).reshape(SHAPE) == 255, 1.0, 0.0))
    operator = isotropic(0, box(), spread=0.1)
    dt = 10.0 / operator.rate
    found = legendre_step(u, operator, dt, jnp.asarray(7.0))
    np.testing.assert_array_equal(found, METHODS["explicit"](u, operator, dt))


def test_small_steps_are_those_of_the_solver():
    """Four sub-steps, as the solver takes them today; nothing else is looked at."""
    mask, _, u = random_case(3)
    operator = isotropic(3, mask)
    dt = 2.5 / operator.rate
    expected = flat(u)
    for _ in range(4):
        expected = diffuse(expected, operator, dt / 4)
    found = METHODS["adaptive"](flat(u), operator, dt)
    np.testing.assert_allclose(found, expected, rtol=1e-14, atol=1e-16)
    np.testing.assert_array_equal(found, METHODS["explicit"](flat(u), operator, dt))


def test_each_way_is_taken_where_it_is_cheapest():
    def way(size, rough, tolerance, mean):
        schedule = legendre_schedule(jnp.asarray(size), jnp.asarray(rough), tolerance)
        return int(cheapest(jnp.asarray(size), schedule, mean))

    assert way(3.0, 10.0, 1e-3, jnp.inf) == EXPLICIT
    assert way(10.0, 100.0, 1e-3, jnp.inf) == EXPLICIT
    assert way(10.0, 1e-3, 1e-3, jnp.inf) == LEGENDRE
    assert way(1000.0, 1e6, 1e-3, jnp.inf) == LEGENDRE
    assert way(1000.0, 1e6, 5e-2, 1000.0) == LEGENDRE
    assert way(1000.0, 1e6, 5e-2, 1.0) == IMPLICIT


def test_where_few_voxels_are_fast_the_implicit_step_is_taken_and_holds_its_error():
    size = np.full(SHAPE, 1e-3)
    size[2, 2, 2:5] = 30.0
    operator = fluxes.conductances(flat(size), flat(box()), SHAPE, (1.0, 1.0, 1.0))
    u = flat(np.where(np.random.default_rng(0).random(SHAPE) > 0.5, 1.0, 0.0) * box())
    dt = 3000.0 / operator.rate
    found = METHODS["adaptive"](u, operator, dt, 5e-2)
    implicit = METHODS["implicit"](u, operator, dt, 0.1 * 5e-2)
    np.testing.assert_allclose(found, implicit, rtol=1e-9, atol=1e-12)
    assert error(found, exact(u, operator, dt), u) <= 0.05


@few
@given(seeds)
def test_limited_flows_take_no_more_than_a_voxel_holds(seed):
    mask, _, held = random_case(seed)
    random = np.random.default_rng(seed)
    operator = isotropic(seed, mask)
    potential = flat(random.standard_normal(SHAPE) * 10.0 ** random.uniform(-3, 3) * mask)
    moved = limited_sum(potential, flat(held), operator.pairs)
    after = held.reshape(-1) + np.asarray(moved)
    assert after.min() >= -1e-13 * held.max()
    assert after.sum() == pytest.approx(held.sum(), rel=1e-11)
    gentle = 1e-9 * potential / jnp.maximum(jnp.abs(potential).max(), 1e-30)
    everywhere = flat(held + 1.0)
    np.testing.assert_allclose(
        limited_sum(gentle, everywhere, Pairs(*operator.pairs)),
        operator.apply_unscaled(gentle),
        atol=1e-22 * float(jnp.abs(operator.pairs.weights).max()) * 1e9,
    )


def test_a_deficit_is_taken_from_all_others_in_proportion():
    u = jnp.asarray([0.5, -0.1, 0.3, 0.0])
    np.testing.assert_allclose(without_deficit(u), [0.4375, 0.0, 0.2625, 0.0], rtol=1e-14)
    kept = without_deficit(u, lambda: jnp.ones(4), allowed=0.126)
    np.testing.assert_array_equal(kept, without_deficit(u))
    np.testing.assert_array_equal(without_deficit(u, lambda: jnp.ones(4), 0.124), jnp.ones(4))
    np.testing.assert_array_equal(without_deficit(jnp.abs(u)), jnp.abs(u))


def checkpointed(lower, upper, body, start):
    """A loop like `fori_loop` that can be reversed."""

    def step(carry):
        index, value = carry
        return index + 1, body(index, value)

    return eqxi.while_loop(
        lambda carry: carry[0] < upper,
        step,
        (jnp.asarray(lower), start),
        kind="checkpointed",
        max_steps=64,
    )[1]


@pytest.mark.parametrize("method", ["Legendre", "implicit"])
def test_derivatives_forward_and_reverse_agree_with_differences(method):
    tolerance = {"Legendre": 1e-2, "implicit": 1e-11}[method]
    step = partial(STEPS[method], tolerance=tolerance)
    target = flat(np.random.default_rng(1).random(SHAPE))
    u = flat(0.2 * box() + blob(box(), width=4.0))

    def cost(scale, size, **loop):
        ratio = jnp.where(jnp.arange(u.size) % 3 == 0, size, 1.0)
        operator = fluxes.conductances(ratio, flat(box()), SHAPE, (1.0, 1.5, 2.0), scale)
        return (target * step(u, operator, jnp.asarray(8.0), **loop)).sum()

    at = (jnp.asarray(0.3), jnp.asarray(1.4))
    cost_of = jax.jit(cost)
    forward = jax.jit(jax.jacfwd(cost, (0, 1)))(*at)
    loop = {} if method == "implicit" else {"loop": checkpointed}
    backward = jax.jit(jax.grad(partial(cost, **loop), (0, 1)))(*at)
    step_size = 1e-4
    for index in range(2):
        ends = [
            cost_of(*[a + sign * step_size * (i == index) for i, a in enumerate(at)])
            for sign in (1.0, -1.0)
        ]
        difference = float(ends[0] - ends[1]) / (2 * step_size)
        assert float(forward[index]) == pytest.approx(difference, rel=1e-4)
        assert float(backward[index]) == pytest.approx(float(forward[index]), rel=1e-6)


def test_the_adaptive_step_can_be_differentiated():
    u = flat(0.2 * box() + blob(box(), width=4.0))

    def cost(scale):
        operator = fluxes.conductances(u + 1.0, flat(box()), SHAPE, (1.0, 1.5, 2.0), scale)
        return diffuse_adaptively(u, operator, jnp.asarray(8.0))[255]

    value, slope = jax.jit(lambda at: jax.jvp(cost, (at,), (jnp.ones_like(at),)))(jnp.asarray(0.3))
    other = jax.jit(cost)(jnp.asarray(0.3 + 1e-6))
    assert float(slope) == pytest.approx(float(other - value) / 1e-6, rel=1e-4)

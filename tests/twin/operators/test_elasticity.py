"""Elasticity: symmetric, exact on uniform strain, right around an inclusion, differentiable."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.operators.elasticity import displacement, elasticity, swelling

SHAPE, SPACING = (9, 8, 7), (1.0, 1.5, 2.0)


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


def inside(shape):
    mask = np.zeros(shape)
    mask[1:-1, 1:-1, 1:-1] = 1.0
    return mask


def ragged(seed):
    random = np.random.default_rng(seed)
    mask = inside(SHAPE) * (random.random(SHAPE) < 0.8)
    young = jnp.asarray(random.uniform(1.0, 20.0, SHAPE).ravel())
    return elasticity(young, 0.45, jnp.asarray(mask.ravel()), SHAPE, SPACING), random


@settings(max_examples=10)
@given(seed=st.integers(0, 10**6))
def test_the_operator_is_symmetric_and_positive(seed):
    operator, random = ragged(seed)
    v, w = (jnp.asarray(random.normal(size=operator.faces.shape)) * operator.faces for _ in "vw")
    assert float(jnp.vdot(operator(v), w)) == pytest.approx(float(jnp.vdot(v, operator(w))))
    assert float(jnp.vdot(v, operator(v))) > 0.0
    unit = jnp.zeros_like(v).at[1].set(operator.faces[1] * (np.arange(v.shape[1]) % 97 == 5))
    there = np.flatnonzero(np.asarray(unit[1]))
    np.testing.assert_allclose(operator(unit)[1][there], operator.diagonal()[1][there])


def test_uniform_strain_and_rotation_leave_no_force_inside_and_the_stress_of_hookes_law():
    young, ratio = 3.0, 0.3
    mask = jnp.asarray(np.ones(SHAPE).ravel())
    operator = elasticity(jnp.full(mask.shape, young), ratio, mask, SHAPE, SPACING)
    strain = np.array([[0.02, 0.01, -0.03], [0.01, -0.01, 0.02], [-0.03, 0.02, 0.015]])
    spin = np.array([[0.0, 0.04, 0.01], [-0.04, 0.0, -0.02], [-0.01, 0.02, 0.0]])
    centers = np.indices(SHAPE) * np.array(SPACING)[:, None, None, None]
    w = []
    for axis in range(3):
        at_face = centers.copy()
        at_face[axis] += 0.5 * SPACING[axis]
        w.append(np.einsum("j,jxyz->xyz", (strain + spin)[axis], at_face).ravel())
    w = jnp.stack(w)
    deep = np.s_[:, 2:-2, 2:-2, 2:-2]
    assert np.abs(np.asarray(operator(w)).reshape(3, *SHAPE)[deep]).max() < 1e-12
    shear = young / (2 * (1 + ratio))
    deviator = 2 * shear * (strain - np.trace(strain) / 3 * np.eye(3))
    expected = np.sqrt(1.5 * (deviator**2).sum())
    found = np.asarray(operator.von_mises(w)).reshape(SHAPE)[2:-2, 2:-2, 2:-2]
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def ball(count, radius, soft, stiff):
    """Displacement along x through the middle of a swollen ball, and the closed form there.

    w = A r inside and A R³ / r² outside; traction at R gives A = p / (3 λ + 2 μ + 4 μ_outside).
    """
    shape, h, ratio, pressure = (count,) * 3, 1.0, 0.45, 2.0
    middle = (count - 1) / 2
    distance = np.sqrt(((np.indices(shape) - middle) ** 2).sum(axis=0))
    share = np.clip(radius - distance + 0.5, 0.0, 1.0)
    young = jnp.asarray((soft + (stiff - soft) * share).ravel())
    operator = elasticity(young, ratio, jnp.asarray(inside(shape).ravel()), shape, (h,) * 3)
    w = displacement(operator, swelling(jnp.asarray(pressure * share.ravel()), operator))
    along = np.asarray(w[0]).reshape(shape)[:, int(middle), int(middle)]
    r = np.arange(count) + 0.5 - middle
    shear_in, shear_out = stiff / (2 * (1 + ratio)), soft / (2 * (1 + ratio))
    lame_in = stiff * ratio / ((1 + ratio) * (1 - 2 * ratio))
    slope = pressure / (3 * lame_in + 2 * shear_in + 4 * shear_out)
    exact = np.where(np.abs(r) < radius, slope * r, slope * radius**3 * np.sign(r) / r**2)
    return r, along, exact, slope * radius


@pytest.mark.parametrize("soft, stiff", [(2.0, 2.0), (2.0, 20.0)])
def test_a_swollen_ball_moves_its_surroundings_as_the_closed_form_says(soft, stiff):
    """The border is blended over a voxel: what that errs where stiffness jumps is told apart."""
    r, found, exact, largest = ball(49, 6.0, soft, stiff)
    error = np.abs(found - exact) / largest
    inner, border, outer = (
        error[(np.abs(r) >= low) & (np.abs(r) < high)].max()
        for low, high in ((0.0, 4.0), (4.0, 9.0), (9.0, 15.0))
    )
    print(
        f"swollen ball of 6 voxels, {stiff:g} kPa in {soft:g} kPa: largest error inside"
        f" {inner:.3f}, at its border {border:.3f}, around it {outer:.3f}"
    )
    assert inner < 0.02 and outer < 0.05
    assert border < 0.2


def test_nearly_incompressible_tissue_does_not_lock():
    """Shear alone must cost shear energy alone, however large the bulk modulus."""
    mask = jnp.asarray(inside(SHAPE).ravel())
    force = jnp.zeros((3, mask.size)).at[0].set(np.sin(np.indices(SHAPE)[1].ravel() * 0.9))
    soft, hard = (
        displacement(elasticity(jnp.full(mask.shape, 3.0), nu, mask, SHAPE, SPACING), force)
        for nu in (0.45, 0.4999)
    )
    assert float(jnp.abs(hard).max()) > 0.4 * float(jnp.abs(soft).max())


def test_derivatives_are_those_of_the_solution_both_ways():
    mask = jnp.asarray(inside(SHAPE).ravel())
    cells = jnp.asarray(np.random.default_rng(0).random(mask.size)) * mask

    def stress(params):
        young = 2.0 + params[0] * cells
        operator = elasticity(young, params[1], mask, SHAPE, SPACING)
        force = swelling(params[2] * cells, operator)
        loose = displacement(operator, force, tolerance=1e-9)
        return operator.von_mises(loose).sum()

    at = jnp.array([10.0, 0.4, 1.5])
    forward = jax.jit(jax.jacfwd(stress))(at)
    reverse = jax.jit(jax.grad(stress))(at)
    function = jax.jit(stress)
    steps = 1e-4 * jnp.eye(3)
    differences = jnp.stack([(function(at + s) - function(at - s)) / 2e-4 for s in steps])
    np.testing.assert_allclose(forward, differences, rtol=1e-5)
    np.testing.assert_allclose(reverse, forward, rtol=1e-5)


def test_a_good_guess_changes_the_work_and_not_the_answer():
    operator, random = ragged(3)
    force = jnp.asarray(random.normal(size=operator.faces.shape))
    cold = displacement(operator, force, tolerance=1e-8)
    warm = displacement(operator, force, guess_mm=1.02 * cold, tolerance=1e-8)
    np.testing.assert_allclose(warm, cold, atol=1e-6 * float(jnp.abs(cold).max()))


def test_forces_of_round_off_move_nothing_and_leave_no_nan():
    """Products of an iteration underflow in float32 for forces of 1e-20 to 1e-14 kPa/mm."""
    shape = (9, 9, 9)
    with jax.enable_x64(False):
        mask = jnp.asarray(inside(shape).ravel(), jnp.float32)
        operator = elasticity(2.0 * mask, 0.45, mask, shape, (1.0, 1.0, 1.0))
        solve = jax.jit(lambda force, guess: displacement(operator, force, guess_mm=guess))
        random = np.random.default_rng(0)
        for power in range(-20, -12):
            spot = np.zeros((3, mask.size))
            spot[0, 364] = 10.0**power
            for last in (0.0, 1e-9 * random.standard_normal(spot.shape)):
                guess = jnp.asarray(last + np.zeros_like(spot), jnp.float32)
                found = np.asarray(solve(jnp.asarray(spot, jnp.float32), guess))
                assert np.abs(found).max() <= 1e-7

"""Gaussian fields: the covariance is the one stated, on any grid, and what is left out is told."""

import jax.numpy as jnp
import numpy as np
import pytest

from twin.errors import TwinError
from twin.models.field import GaussianField

BOX = ((3.0, 6.0, 0.0), (33.0, 30.0, 24.0))
SHAPE, SPACING = (12, 12, 8), (3.0, 3.0, 3.0)


def places(shape, spacing):
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    return (index + 0.5) * spacing


def inside(shape, spacing):
    at = places(shape, spacing)
    return ((at > BOX[0]) & (at < BOX[1])).all(axis=-1)


def test_covariance_is_the_squared_exponential_that_the_docstring_states():
    field = GaussianField(12.0, 0.5, 200, *BOX)
    within = inside(SHAPE, SPACING)
    basis = field.basis(SHAPE, SPACING)[:, within]
    at = places(SHAPE, SPACING)[within]
    apart = ((at[:, None] - at) ** 2).sum(axis=-1)
    expected = 0.25 * np.exp(-0.5 * apart / 12.0**2)
    assert field.held_share > 0.9999
    np.testing.assert_allclose(basis.T @ basis, expected, atol=2e-3 * 0.25)


def test_held_share_is_the_mean_variance_over_the_box():
    field = GaussianField(9.0, 0.5, 7, *BOX)
    variance = (field.basis(SHAPE, SPACING) ** 2).sum(axis=0)[inside(SHAPE, SPACING)].mean()
    assert 0.3 < field.held_share < 0.8
    assert variance / 0.25 == pytest.approx(field.held_share, abs=0.03)
    more = GaussianField(9.0, 0.5, 14, *BOX)
    assert more.held_share > field.held_share
    np.testing.assert_array_equal(more.basis(SHAPE, SPACING)[:7], field.basis(SHAPE, SPACING))


def test_a_finer_grid_sees_the_same_field():
    field = GaussianField(12.0, 0.5, 15, *BOX)
    scores = jnp.asarray(np.random.default_rng(1).normal(size=15), jnp.float32)
    coarse = np.asarray(field(scores, SHAPE, SPACING)).reshape(SHAPE)
    np.testing.assert_allclose(
        coarse, np.tensordot(scores, field.basis(SHAPE, SPACING), axes=1), atol=1e-5
    )
    finer = tuple(3 * n for n in SHAPE)
    fine = np.asarray(field(scores, finer, (1.0, 1.0, 1.0))).reshape(finer)
    np.testing.assert_allclose(fine[1::3, 1::3, 1::3], coarse, atol=1e-5)


def test_the_field_fades_outside_its_box():
    basis = GaussianField(5.0, 0.5, 30, (30.0, 30.0, 30.0), (45.0, 45.0, 45.0)).basis(
        (40, 25, 25), (3.0, 3.0, 3.0)
    )
    sd = np.sqrt((basis**2).sum(axis=0))
    assert sd[11:14, 11:14, 11:14].min() > 0.35 and sd[25:].max() < 1e-6


@pytest.mark.parametrize(
    "changes, word",
    [
        ({"length_mm": 0.0}, "length_mm"),
        ({"sd": float("nan")}, "sd"),
        ({"modes": 0}, "modes"),
        ({"high_mm": (3.0, 30.0, 24.0)}, "box"),
        ({"length_mm": 0.1}, "box"),
    ],
)
def test_what_makes_no_field_is_refused_by_name(changes, word):
    whole = {"length_mm": 9.0, "sd": 0.5, "modes": 9, "low_mm": BOX[0], "high_mm": BOX[1]}
    with pytest.raises(TwinError, match=word):
        GaussianField(**(whole | changes))


def test_modes_that_hold_nothing_do_nothing():
    field = GaussianField(500.0, 0.5, 40, *BOX)
    basis = field.basis(SHAPE, SPACING)
    assert basis.shape == (40, *SHAPE) and not basis[-1].any()
    np.testing.assert_allclose(basis[0], basis[0, 0, 0, 0], rtol=1e-2)
    values = field(jnp.ones(40), SHAPE, SPACING)
    np.testing.assert_allclose(values, basis.sum(axis=0).reshape(-1), atol=1e-5)

"""Diffusion beside an obstacle: face by face, conservative, within the room that is left."""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.twin.models.adaptive import laplacian
from tests.twin.tumors import SHAPE, SPACING, blob, box, notched
from twin.operators.diffusion import apply, diffuse
from twin.operators.fluxes import conductances
from twin.operators.obstacle import obstructed


def plain(tissue, scale=0.15):
    mask = jnp.asarray(tissue, jnp.float64).reshape(-1)
    return conductances(mask, mask, SHAPE, SPACING, scale)


def test_cells_step_into_a_voxel_in_proportion_to_its_room():
    """Against a matrix of hops from voxel to voxel."""
    tissue, random = notched(3), np.random.default_rng(3)
    cells, obstacle = random.random((2, tissue.size)) * tissue.reshape(-1)
    hops = 0.15 * laplacian(tissue, SPACING)
    np.fill_diagonal(hops, 0.0)
    into = (1.0 - obstacle)[:, None] * hops
    expected = into @ cells - into.sum(axis=0) * cells
    with jax.enable_x64(True):
        found = apply(jnp.asarray(cells), obstructed(plain(tissue), jnp.asarray(obstacle)))
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-14)


def test_without_an_obstacle_it_is_plain_diffusion():
    with jax.enable_x64(True):
        operator = plain(box())
        cells = jnp.asarray(blob(box()).reshape(-1))
        alone = apply(cells, obstructed(operator, jnp.zeros_like(cells)))
        np.testing.assert_array_equal(alone, apply(cells, operator))


@settings(max_examples=10)
@given(seed=st.integers(0, 10**6), share=st.floats(0.01, 1.0))
def test_the_largest_stable_step_conserves_and_keeps_cells_in_their_room(seed, share):
    """Cells that fill all room beside a rough obstacle in some voxels, and none in others."""
    tissue, random = notched(seed), np.random.default_rng(seed)
    obstacle = random.choice([0.0, 0.3, 1.0], tissue.size) * tissue.reshape(-1)
    cells = random.choice([0.0, 1.0], tissue.size) * (1.0 - obstacle) * tissue.reshape(-1)
    with jax.enable_x64(True):
        operator = obstructed(plain(tissue), jnp.asarray(obstacle))
        stepped = np.asarray(diffuse(jnp.asarray(cells), operator, share / operator.rate))
    assert abs(stepped.sum() - cells.sum()) <= 1e-12 * max(cells.sum(), 1.0)
    assert stepped.min() >= 0.0
    assert np.max(stepped + obstacle) <= 1.0 + 1e-14
    assert not stepped[~tissue.reshape(-1)].any()

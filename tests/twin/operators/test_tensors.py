"""Decomposed tensors: exact, non-negative, near, and clipped no more than needed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from tests.twin.operators.tensor_fields import fiber, random_tensors
from twin.errors import TwinError
from twin.operators.selling import NEIGHBORS
from twin.operators.tensors import decompose

few = settings(max_examples=15)
seeds = st.integers(0, 2**31)
spacings = st.tuples(*[st.floats(0.5, 3.0)] * 3)


def rebuilt(decomposition, spacing):
    """The tensors that the weights stand for, in mm²."""
    steps = np.array(decomposition.offsets) * np.array(spacing)
    return np.einsum("kn,ki,kj->nij", decomposition.weights, steps, steps)


def blended(tensors, share):
    mean = np.trace(tensors, axis1=1, axis2=2)[:, None, None] / 3.0
    part = np.asarray(share)[:, None, None]
    return (1.0 - part) * tensors + part * mean * np.eye(3)


@few
@given(seeds, spacings, st.sampled_from(NEIGHBORS), st.floats(1.0, 1e5))
def test_weights_make_the_blended_tensor_and_are_not_negative(seed, spacing, neighbors, ratio):
    tensors = random_tensors(40, ratio, seed)
    found = decompose(tensors, spacing, neighbors)
    expected = blended(tensors, found.clipping.blended)
    np.testing.assert_allclose(rebuilt(found, spacing), expected, atol=1e-8 * 3)
    assert found.weights.min() >= 0.0
    assert ((found.weights > 0.0).sum(axis=0) <= 6).all()
    assert np.abs(found.offsets).max() <= (2 if neighbors == 124 else 1)
    np.testing.assert_allclose(np.trace(expected, axis1=1, axis2=2), 3.0, rtol=1e-12)


@few
@given(seeds)
def test_what_the_neighborhood_holds_is_not_touched(seed):
    """The ratio of 3.7 that 18 neighbors keep of fibers, they keep of other tensors too."""
    tensors = random_tensors(200, 3.7, seed)
    for neighbors in NEIGHBORS:
        found = decompose(tensors, (1.0, 1.0, 1.0), neighbors)
        assert found.clipping.share_clipped == 0.0
        np.testing.assert_allclose(rebuilt(found, (1.0, 1.0, 1.0)), tensors, atol=1e-13)
    assert str(found.clipping) == "anisotropy kept in every voxel"


@pytest.mark.parametrize("neighbors", [18, 26])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (1.5, 1.5, 3.0)])
def test_the_blended_share_is_the_least_by_linear_programming(neighbors, spacing):
    """Whether any non-negative weights on the neighborhood make a tensor is a linear program."""
    cells = np.indices((3, 3, 3)).reshape(3, -1).T - 1
    reach = np.abs(cells).sum(axis=1)
    cells = cells[(reach > 0) & (reach <= (2 if neighbors == 18 else 3))]
    steps = cells * np.array(spacing)
    rows, columns = np.triu_indices(3)
    atoms = (steps[:, :, None] * steps[:, None, :])[:, rows, columns].T

    def possible(tensor):
        return linprog(np.zeros(len(cells)), A_eq=atoms, b_eq=tensor[rows, columns]).success

    tensors = random_tensors(12, 40.0, seed=3)
    share = decompose(tensors, spacing, neighbors).clipping.blended
    assert (share > 0.0).any()
    for tensor, part in zip(tensors, share, strict=True):
        assert possible(blended(tensor[None], [part + 1e-6])[0])
        assert part == 0.0 or not possible(blended(tensor[None], [part - 5e-5])[0])


@pytest.mark.parametrize(
    ("neighbors", "spacing", "least"),
    [
        (18, (1.0, 1.0, 1.0), 2 + np.sqrt(3)),
        (26, (1.0, 1.0, 1.0), 3 + np.sqrt(8)),
        (18, (1.5, 1.5, 3.0), 2.0),
        (26, (1.5, 1.5, 3.0), (3 + np.sqrt(5)) / 2),
    ],
)
def test_every_fiber_keeps_the_ratio_that_is_documented(neighbors, spacing, least):
    """The bounds are sharp: some of 3,000 directions come within 2 % of them."""
    directions = np.random.default_rng(0).standard_normal((3000, 3))
    kept = decompose(fiber(directions, 1e4), spacing, neighbors).clipping.kept
    assert kept.min() >= least - 1e-3
    assert kept.min() == pytest.approx(least, rel=0.02)


def test_isotropic_tensors_use_the_axes_alone():
    found = decompose(np.array([2.0, 0.5])[:, None, None] * np.eye(3), (1.0, 2.0, 4.0))
    assert found.offsets == ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    np.testing.assert_allclose(found.weights[:, 0], [2.0, 0.5, 0.125], rtol=1e-14)
    np.testing.assert_allclose(found.weights[:, 1], [0.5, 0.125, 0.03125], rtol=1e-14)


@few
@given(seeds)
def test_weights_depend_continuously_on_the_tensor(seed):
    tensors = random_tensors(100, 30.0, seed)
    nearby = tensors + 1e-6 * random_tensors(100, 2.0, seed + 1)
    both = decompose(np.concatenate([tensors, nearby]), (1.0, 1.0, 1.0), 124)
    clipped = both.clipping.blended.reshape(2, -1).any(axis=0)
    change = np.abs(np.diff(both.weights.reshape(-1, 2, 100), axis=1))[:, 0, ~clipped]
    assert change.max() <= 1e-4


def test_tensors_without_width_are_clipped_and_none_at_all_is_nothing():
    line = np.outer([1.0, np.sqrt(2.0), np.pi], [1.0, np.sqrt(2.0), np.pi])
    found = decompose(np.stack([line, np.zeros((3, 3))]), (1.0, 1.0, 1.0))
    assert found.clipping.kept[0] == pytest.approx(6.9, rel=0.2)
    assert found.clipping.wanted[0] > 1e6
    assert not found.weights[:, 1].any()
    assert "clipped in 50.0 % of voxels" in str(found.clipping)


@pytest.mark.parametrize(
    ("tensors", "neighbors", "message"),
    [
        (np.eye(3), 26, r"wrong shape \(expected shape \(n, 3, 3\), got shape \(3, 3\)"),
        (np.full((2, 3, 3), np.nan), 26, "2 voxels with NaN or Inf"),
        (np.diag([1.0, 1.0, -0.1])[None], 26, "negative eigenvalues .* 1 of 1 voxels"),
        (np.triu(np.ones((3, 3)))[None], 26, "not symmetric"),
        (np.eye(3)[None], 6, r"neighbors: unknown neighborhood \(expected 18, 26 or 124, got 6"),
    ],
)
def test_what_is_no_tensor_is_refused(tensors, neighbors, message):
    with pytest.raises(TwinError, match=message):
        decompose(tensors, (1.0, 1.0, 1.0), neighbors)

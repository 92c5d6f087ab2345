"""The update of an ensemble against the exact answer for linear, Gaussian cases."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.grid import Grid
from twin.monitoring.kalman import local_mixtures, mixture, products, relaxed, taper

GRID = Grid.from_spacing((9, 5, 5), 4.0)


def _ensemble(size, count, seed):
    """Members with exactly mean 0 and covariance C, and C."""
    random = np.random.default_rng(seed)
    members = random.standard_normal((size, count)) @ random.standard_normal((count, count))
    members -= members.mean(axis=0)
    return members, members.T @ members / (size - 1)


@given(st.integers(0, 10_000), st.integers(1, 4))
def test_mean_and_covariance_are_those_of_the_kalman_filter(seed, count):
    members, covariance = _ensemble(40, count, seed)
    random = np.random.default_rng(seed + 1)
    operator = random.standard_normal((3, count))
    observed = random.standard_normal(3)
    moved = mixture(*products(members @ operator.T, observed)) @ members
    gain = covariance @ operator.T @ np.linalg.inv(operator @ covariance @ operator.T + np.eye(3))
    np.testing.assert_allclose(moved.mean(axis=0), gain @ observed, atol=1e-8)
    np.testing.assert_allclose(
        np.cov(moved.T), (np.eye(count) - gain @ operator) @ covariance, atol=1e-8
    )


@given(st.integers(0, 10_000))
def test_one_update_is_two_that_see_half_of_the_information_each(seed):
    members, _ = _ensemble(30, 3, seed)
    operator = np.random.default_rng(seed).standard_normal((2, 3))
    observed = np.array([1.0, -0.5])
    once = mixture(*products(members @ operator.T, observed)) @ members
    half = np.sqrt(0.5)
    twice = members
    for _ in range(2):
        twice = mixture(*products(half * twice @ operator.T, half * observed)) @ twice
    np.testing.assert_allclose(twice.mean(axis=0), once.mean(axis=0), atol=1e-8)
    np.testing.assert_allclose(np.cov(twice.T), np.cov(once.T), atol=1e-8)


def test_rows_of_a_mixture_sum_to_one_and_nothing_seen_changes_nothing():
    members, _ = _ensemble(20, 2, 0)
    matrix = mixture(*products(members, np.array([2.0, 1.0])))
    np.testing.assert_allclose(matrix.sum(axis=1), 1.0, atol=1e-12)
    blind = mixture(np.zeros((20, 20)), np.zeros(20))
    np.testing.assert_allclose(blind, np.eye(20), atol=1e-12)


def test_the_taper_is_a_correlation_that_ends_at_two():
    distance = np.linspace(0.0, 3.0, 301)
    values = taper(distance)
    assert values[0] == 1.0 and np.all(values[distance >= 2.0] == 0.0)
    assert np.all(np.diff(values) <= 1e-15)
    assert values[100] == pytest.approx(5.0 / 24.0)  # both branches meet at 1
    matrix = taper(np.abs(distance[:200, None] - distance[None, :200]))
    assert np.linalg.eigvalsh(matrix).min() > -1e-10


@pytest.mark.parametrize("radius_mm", [5.0, 12.0, 1000.0])
def test_shares_of_the_anchors_sum_to_one_in_every_voxel_of_tissue(radius_mm):
    tissue = np.ones(GRID.shape, bool)
    predicted = np.random.default_rng(0).standard_normal((20, 3))
    total = np.zeros(tissue.size)
    for matrix, voxels, share in local_mixtures(
        predicted, np.zeros(3), np.array([0, 50, -1]), GRID, tissue, radius_mm
    ):
        np.testing.assert_allclose(matrix.sum(axis=1), 1.0, atol=1e-10)
        total[voxels] += share
    np.testing.assert_allclose(total, 1.0, atol=1e-12)


def test_what_is_seen_far_away_moves_nothing_and_a_number_moves_everything():
    tissue = np.ones(GRID.shape, bool)
    random = np.random.default_rng(1)
    field = random.standard_normal((30, tissue.size))
    corner = tissue.size - 1

    def moved(place):
        result = np.zeros_like(field)
        predicted = field[:, [corner]]
        for matrix, voxels, share in local_mixtures(
            predicted, np.array([3.0]), np.array([place]), GRID, tissue, 6.0
        ):
            result[:, voxels] += (matrix @ field[:, voxels]) * share
        return result

    near = moved(corner)
    np.testing.assert_allclose(near[:, 0], field[:, 0], atol=1e-12)
    assert near[:, corner].mean() > field[:, corner].mean() + 1.0
    everywhere = moved(-1)
    assert np.abs(everywhere[:, 0] - field[:, 0]).max() > 1e-3


@given(st.floats(0.0, 1.0))
def test_relaxation_gives_back_a_share_of_the_spread_and_keeps_the_mean(share):
    before, _ = _ensemble(25, 2, 3)
    after = 0.4 * before + 1.0
    result = relaxed(before, after, share)
    np.testing.assert_allclose(result.mean(axis=0), after.mean(axis=0), atol=1e-12)
    wanted = (1.0 - share) * after.std(axis=0) + share * before.std(axis=0)
    np.testing.assert_allclose(result.std(axis=0), wanted, rtol=1e-9)

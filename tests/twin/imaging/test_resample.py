"""Resampling keeps values at their place in the patient, and means when it coarsens."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.errors import TwinError
from twin.grid import Grid
from twin.imaging import Image, resample
from twin.imaging.resample import cubic_grid, volume_mean

GRID = Grid.from_spacing((12, 10, 8), (1.0, 1.5, 2.0))


def coordinates(grid: Grid) -> np.ndarray:
    """(x, y, z, 3) positions of the voxel centers, mm."""
    index = np.moveaxis(np.indices(grid.shape), 0, -1)
    return index @ grid.affine[:3, :3].T + grid.affine[:3, 3]


def linear(grid: Grid) -> np.ndarray:
    return coordinates(grid) @ [0.3, -0.7, 1.1] + 2.0


def test_a_linear_image_is_the_same_function_on_an_oblique_grid():
    angle = np.deg2rad(25)
    affine = np.eye(4)
    affine[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    affine[:3, 3] = [4.0, 4.0, 3.0]
    oblique = Grid((4, 4, 5), affine)
    moved = resample(Image(linear(GRID), GRID, "CT", "HU"), oblique)
    np.testing.assert_allclose(moved.data, linear(oblique), atol=1e-4)


def test_the_same_grid_gives_the_same_voxels():
    image = Image(np.random.default_rng(1).normal(size=GRID.shape), GRID, "CT", "HU")
    np.testing.assert_array_equal(resample(image, GRID).data, image.data)


def test_coarsening_does_not_alias_a_checkerboard():
    checkerboard = np.indices(GRID.shape).sum(axis=0) % 2
    coarse = Grid(
        (6, 5, 4), np.array([[2, 0, 0, 0.5], [0, 3, 0, 0.75], [0, 0, 4, 1.0], [0, 0, 0, 1]])
    )
    image = resample(Image(checkerboard, GRID, "CT", "HU"), coarse)
    np.testing.assert_allclose(image.data, 0.5, atol=1e-6)


def test_beyond_the_image_lies_the_outside_value():
    image = Image(np.ones(GRID.shape), GRID, "CT", "HU")
    wider = GRID.pad((2, 0, 0), (0, 0, 3))
    moved = resample(image, wider, outside=-1000.0)
    assert (moved.data[:2] == -1000.0).all() and (moved.data[..., -3:] == -1000.0).all()
    assert (moved.data[2:, :, :-3] == 1.0).all()


def test_a_mask_stays_a_mask_and_keeps_its_volume_when_refined():
    mask = np.zeros(GRID.shape)
    mask[3:7, 2:6, 2:5] = 1
    fine = cubic_grid(GRID, 0.5)
    moved = resample(Image(mask, GRID, "MASK", "1"), fine, order=0)
    assert set(np.unique(moved.data)) == {0.0, 1.0}
    volume = moved.data.sum() * fine.voxel_volume_mm3
    assert volume == pytest.approx(mask.sum() * GRID.voxel_volume_mm3)


def test_only_linear_and_nearest_are_offered():
    with pytest.raises(TwinError, match="expected 0 or 1, got 3"):
        resample(Image(np.ones(GRID.shape), GRID, "CT", "HU"), GRID, order=3)


@given(spacing=st.floats(0.4, 9.0), seed=st.integers(0, 1000))
def test_volume_means_conserve_the_amount(spacing, seed):
    amount = np.random.default_rng(seed).random(GRID.shape)
    cubic = cubic_grid(GRID, spacing)
    coarse = volume_mean(amount, GRID, cubic, outside_counts=True)
    before = amount.sum() * GRID.voxel_volume_mm3
    after = coarse.sum(dtype=float) * cubic.voxel_volume_mm3
    assert after == pytest.approx(before, rel=1e-5)


@given(spacing=st.floats(0.4, 9.0))
def test_a_constant_image_stays_constant(spacing):
    cubic = cubic_grid(GRID, spacing)
    coarse = volume_mean(np.full(GRID.shape, 7.0), GRID, cubic, outside_counts=False)
    np.testing.assert_allclose(coarse, 7.0, rtol=1e-6)


def test_the_cubic_grid_shares_the_first_corner():
    cubic = cubic_grid(GRID, 3.0)
    corner = np.array([-0.5, -0.5, -0.5, 1.0])
    np.testing.assert_allclose(cubic.affine @ corner, GRID.affine @ corner)
    assert cubic.shape == (4, 5, 6)

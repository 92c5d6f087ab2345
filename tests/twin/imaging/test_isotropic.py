"""Voxels of another size lie where the IBSI says and hold what an independent method gives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import RegularGridInterpolator

from twin.errors import TwinError
from twin.grid import Grid
from twin.imaging import Image
from twin.imaging.isotropic import centered_grid, interpolate, interpolate_around

AFFINE = np.array([[0, -1.5, 0, 10], [2.0, 0, 0, -20], [0, 0, 3.0, 5], [0, 0, 0, 1]])
GRID = Grid((20, 18, 14), AFFINE)
NOISE = np.random.default_rng(6).normal(100.0, 30.0, GRID.shape)
TUMOR = np.zeros(GRID.shape)
TUMOR[6:12, 5:11, 4:9] = 1


def image(values: np.ndarray, modality: str = "PET", unit: str = "SUV") -> Image:
    return Image(values, GRID, modality, unit)


def mask(region: np.ndarray = TUMOR) -> Image:
    return Image(region, GRID, "MASK", "1")


def center(grid: Grid) -> np.ndarray:
    return grid.affine[:3, 3] + grid.affine[:3, :3] @ (0.5 * (np.array(grid.shape) - 1))


def places(grid: Grid) -> np.ndarray:
    """(x, y, z, 3) of the voxel centers, mm."""
    return np.moveaxis(np.indices(grid.shape), 0, -1) @ grid.affine[:3, :3].T + grid.affine[:3, 3]


@given(spacing_mm=st.tuples(*[st.floats(0.5, 7.0)] * 3))
def test_the_new_grid_covers_the_old_one_around_the_same_center(spacing_mm):
    new = centered_grid(GRID, spacing_mm)
    np.testing.assert_allclose(new.spacing_mm, spacing_mm)
    np.testing.assert_allclose(center(new), center(GRID), atol=1e-9)
    old_mm, new_mm = (grid.spacing_mm * grid.shape for grid in (GRID, new))
    assert (new_mm >= old_mm * (1 - 1e-4)).all() and (new_mm < old_mm + spacing_mm).all()


def test_counts_and_first_center_by_hand():
    # 10 voxels of 3 mm are 30 mm: 15 of 2 mm, the first center (9 - 14 * 2 / 3) / 2 voxels in.
    grid = Grid.from_spacing((10, 10, 10), 3.0)
    new = centered_grid(grid, 2.0)
    assert new.shape == (15, 15, 15)
    np.testing.assert_allclose(new.affine[:3, 3], 3.0 * (9 - 28 / 3) / 2)
    # 7 voxels of 3 mm are 21 mm: 11 of 2 mm, one half voxel over on either side.
    assert centered_grid(Grid.from_spacing((7, 7, 7), 3.0), 2.0).shape == (11, 11, 11)


def test_the_same_spacing_is_the_same_image():
    for order in (1, 3):
        same = interpolate(image(NOISE), GRID.spacing_mm.tolist(), order=order)
        assert same.grid.same_as(GRID)
        np.testing.assert_allclose(same.data, NOISE, rtol=1e-5)


@pytest.mark.parametrize(("order", "power", "atol"), [(1, 1, 1e-3), (3, 1, 0.02), (3, 2, 0.5)])
def test_polynomials_pass_away_from_the_border(order, power, atol):
    def values(grid: Grid) -> np.ndarray:
        return (places(grid) @ [0.3, -0.7, 1.1] + 20.0) ** power

    new = interpolate(image(values(GRID)), 1.3, order=order)
    middle = tuple(slice(n // 3, -(n // 3)) for n in new.grid.shape)
    np.testing.assert_allclose(new.data[middle], values(new.grid)[middle], atol=atol)


def test_linear_interpolation_agrees_with_an_independent_one():
    new = interpolate(image(NOISE), 2.2)
    axes = [np.arange(n) for n in GRID.shape]
    index = (places(new.grid) - AFFINE[:3, 3]) @ np.linalg.inv(AFFINE[:3, :3]).T
    index = np.clip(index, 0, np.array(GRID.shape) - 1)
    np.testing.assert_allclose(new.data, RegularGridInterpolator(axes, NOISE)(index), rtol=1e-5)


def test_ct_is_whole_hounsfield_units_and_pet_is_not():
    ct = interpolate(image(NOISE, "CT", "HU"), 2.2)
    np.testing.assert_array_equal(ct.data, np.rint(ct.data))
    np.testing.assert_array_equal(ct.data, np.rint(interpolate(image(NOISE), 2.2).data))
    assert np.abs(interpolate(image(NOISE), 2.2).data % 1.0 - 0.5).min() < 0.1


def test_half_of_a_voxel_is_enough_for_a_mask():
    grid = Grid.from_spacing((8, 8, 8), 2.0)
    half = np.zeros(grid.shape)
    half[:4] = 1
    # 17 of 1 mm would need 17 mm; 16 of 1 mm lie a quarter voxel off the old centers.
    new = interpolate(Image(half, grid, "MASK", "1"), (1.0, 2.0, 2.0))
    np.testing.assert_array_equal(new.data[:, 0, 0], [1] * 8 + [0] * 8)
    # 5 voxels of 3.2 mm: the middle one lies on the very border, at 0.5.
    new = interpolate(Image(half, grid, "MASK", "1"), (3.2, 2.0, 2.0))
    np.testing.assert_array_equal(new.data[:, 0, 0], [1, 1, 1, 0, 0])


@given(spacing_mm=st.sampled_from([1.0, 1.7, 2.4]))
def test_masks_keep_their_volume(spacing_mm):
    new = interpolate(mask(), spacing_mm)
    assert set(np.unique(new.data)) == {0.0, 1.0}
    old_mm3 = TUMOR.sum() * GRID.voxel_volume_mm3
    assert new.data.sum() * new.grid.voxel_volume_mm3 == pytest.approx(old_mm3, rel=0.12)


@given(
    spacing_mm=st.sampled_from([1.0, 2.4, 4.0]),
    margin_mm=st.sampled_from([0.0, 3.0, 200.0]),
    order=st.sampled_from([1, 3]),
)
def test_around_the_mask_are_the_same_voxels_as_everywhere(spacing_mm, margin_mm, order):
    whole, whole_mask = (interpolate(i, spacing_mm, order=order) for i in (image(NOISE), mask()))
    near, near_mask = interpolate_around(
        image(NOISE), mask(), spacing_mm, margin_mm=margin_mm, order=order
    )
    offset = np.linalg.inv(whole.grid.affine) @ near.grid.affine[:, 3]
    start = np.rint(offset[:3]).astype(int)
    np.testing.assert_allclose(offset[:3], start, atol=1e-6)
    crop = tuple(slice(a, a + n) for a, n in zip(start, near.grid.shape, strict=True))
    np.testing.assert_allclose(near.data, whole.data[crop], rtol=1e-5)
    np.testing.assert_array_equal(near_mask.data, whole_mask.data[crop])
    assert near_mask.data.sum() == whole_mask.data.sum()
    assert near.grid.same_as(near_mask.grid)
    reach = np.argwhere(near_mask.data > 0.5)
    beyond = np.array(near.grid.shape) - 1 - reach.max(axis=0)
    room = np.minimum(reach.min(axis=0), beyond) * spacing_mm
    cut = np.array(near.grid.shape) == whole.grid.shape
    assert ((room >= margin_mm) | cut).all()


def test_what_cannot_be_interpolated_is_refused():
    for spacing_mm in (0.0, -1.0, (1.0, 2.0), float("nan")):
        with pytest.raises(TwinError, match="not a voxel size"):
            interpolate(image(NOISE), spacing_mm)
    with pytest.raises(TwinError, match="too many voxels"):
        centered_grid(GRID, 1e-4)
    with pytest.raises(TwinError, match="order of interpolation .*got 0"):
        interpolate(image(NOISE), 2.0, order=0)
    speck = np.zeros(GRID.shape)
    speck[3, 3, 3] = 1
    with pytest.raises(TwinError, match="the mask is lost in larger voxels"):
        interpolate(mask(speck), 11.0)
    with pytest.raises(TwinError, match="the mask is empty"):
        interpolate_around(image(NOISE), mask(np.zeros(GRID.shape)), 2.0, margin_mm=1.0)
    elsewhere = Image(TUMOR, Grid.from_spacing(GRID.shape, 1.0), "MASK", "1")
    with pytest.raises(TwinError, match="different grids"):
        interpolate_around(image(NOISE), elsewhere, 2.0, margin_mm=1.0)
    with pytest.raises(TwinError, match="margin cannot be negative"):
        interpolate_around(image(NOISE), mask(), 2.0, margin_mm=-1.0)

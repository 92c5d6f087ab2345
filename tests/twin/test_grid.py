"""Grids keep every voxel at its place in the patient."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.errors import TwinError
from twin.grid import Grid

counts = st.integers(1, 6)
lengths = st.floats(0.2, 8.0)


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    """Oblique grids of any handedness."""
    angles = [draw(st.floats(-0.6, 0.6)) for _ in range(2)]
    spacing = np.array([draw(lengths) for _ in range(3)])
    cos, sin = np.cos(angles), np.sin(angles)
    about_z = np.array([[cos[0], -sin[0], 0], [sin[0], cos[0], 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, cos[1], -sin[1]], [0, sin[1], cos[1]]])
    affine = np.eye(4)
    affine[:3, :3] = about_z @ about_x * spacing
    affine[:3, 3] = [draw(st.floats(-200, 200)) for _ in range(3)]
    return Grid((draw(counts), draw(counts), draw(counts)), affine)


@given(grids())
def test_voxel_volume_is_the_product_of_the_spacing(grid):
    assert grid.voxel_volume_mm3 == pytest.approx(np.prod(grid.spacing_mm), rel=1e-9)


@given(grids(), st.tuples(counts, counts, counts), st.tuples(counts, counts, counts))
def test_padding_and_cropping_back_is_the_same_grid(grid, before, after):
    padded = grid.pad(before, after)
    stop = [b + n for b, n in zip(before, grid.shape, strict=True)]
    assert padded.crop(before, stop).same_as(grid, tolerance_mm=1e-9)


@given(grids(), st.data())
def test_a_voxel_of_a_crop_stays_where_it_was(grid, data):
    start = [data.draw(st.integers(0, n - 1)) for n in grid.shape]
    crop = grid.crop(start, grid.shape)
    there = grid.affine @ [*start, 1]
    np.testing.assert_allclose(crop.affine @ [0, 0, 0, 1], there, atol=1e-9)


def test_a_shift_of_a_tenth_of_a_millimeter_makes_another_grid():
    grid = Grid.from_spacing((4, 5, 6), (1.0, 2.0, 3.0))
    affine = grid.affine.copy()
    affine[1, 3] += 0.1
    assert not grid.same_as(Grid(grid.shape, affine))
    assert grid.same_as(Grid(grid.shape, affine), tolerance_mm=0.2)


def test_a_small_rotation_is_judged_at_the_far_corner():
    grid = Grid.from_spacing((401, 2, 2), 1.0)
    affine = grid.affine.copy()
    affine[1, 0] = 1e-4  # 0.04 mm at the far end
    assert not grid.same_as(Grid(grid.shape, affine), tolerance_mm=0.03)


def test_the_affine_cannot_be_changed_afterwards():
    source = np.eye(4)
    grid = Grid((2, 2, 2), source)
    source[0, 0] = 5.0
    assert grid.spacing_mm[0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        grid.affine[0, 0] = 2.0


@pytest.mark.parametrize(
    ("shape", "affine", "message"),
    [
        ((0, 2, 2), np.eye(4), "3 positive counts"),
        ((2, 2, 2), np.diag([1.0, 1.0, 0.0, 1.0]), "singular"),
        ((2, 2, 2), np.diag([1.0, np.nan, 1.0, 1.0]), "finite 4 x 4"),
        ((2, 2, 2), np.ones((4, 4)), "singular"),
    ],
)
def test_an_impossible_grid_is_refused(shape, affine, message):
    with pytest.raises(TwinError, match=message):
        Grid(shape, affine)


def test_a_crop_outside_the_grid_is_refused():
    with pytest.raises(TwinError, match=r"0 <= start < stop <= \(2, 2, 2\)"):
        Grid.from_spacing((2, 2, 2), 1.0).crop((0, 0, 0), (2, 2, 3))


def test_a_grid_prints_its_shape_spacing_and_origin():
    grid = Grid.from_spacing((2, 3, 4), (1.0, 1.0, 2.5))
    assert repr(grid) == "Grid(2x3x4 voxels of 1 x 1 x 2.5 mm, origin 0, 0, 0 mm)"

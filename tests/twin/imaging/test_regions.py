"""Rings, rims and habitats: volumes of bodies that are known, and what cannot be is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.errors import TwinError
from twin.grid import Grid
from twin.imaging import Image
from twin.imaging.regions import habitats, peritumoral_ring, tumor_core, tumor_rim

SPACINGS = ((1.0, 1.0, 1.0), (1.0, 1.5, 2.0), (4.0, 4.0, 3.3), (1.0, 1.0, 5.0))
GRID = Grid.from_spacing((16, 14, 12), (1.0, 1.5, 2.0))


def ball(spacing_mm: tuple[float, ...], radius_mm: float, extent_mm: float = 76.0) -> Image:
    shape = [int(extent_mm / edge) for edge in spacing_mm]
    grid = Grid.from_spacing(shape, spacing_mm)
    # Off the voxel centers, so that no symmetry flatters the count.
    center = 0.5 * grid.spacing_mm * (np.array(shape) - 1) + [0.31, -0.17, 0.23]
    index = np.moveaxis(np.indices(grid.shape), 0, -1)
    inside = np.linalg.norm(index * grid.spacing_mm - center, axis=-1) <= radius_mm
    return Image(inside, grid, "MASK", "1")


def volume_mm3(mask: Image) -> float:
    return float(mask.data.sum()) * mask.grid.voxel_volume_mm3


def shell_mm3(inner_mm: float, outer_mm: float) -> float:
    return 4.0 / 3.0 * np.pi * (outer_mm**3 - inner_mm**3)


def box(start: int = 5, stop: int = 9, grid: Grid = GRID) -> Image:
    data = np.zeros(grid.shape)
    data[start:stop, start:stop, start:stop] = 1
    return Image(data, grid, "MASK", "1")


@pytest.mark.parametrize("spacing_mm", SPACINGS)
@pytest.mark.parametrize(("width_mm", "gap_mm"), [(5.0, 0.0), (10.0, 0.0), (8.0, 4.0)])
def test_the_ring_of_a_ball_has_the_volume_of_a_shell(spacing_mm, width_mm, gap_mm):
    ring = peritumoral_ring(ball(spacing_mm, 20.0), width_mm=width_mm, gap_mm=gap_mm)
    expected = shell_mm3(20.0 + gap_mm, 20.0 + gap_mm + width_mm)
    assert volume_mm3(ring) == pytest.approx(expected, rel=0.12)


@pytest.mark.parametrize("spacing_mm", SPACINGS)
def test_the_rim_of_a_ball_has_the_volume_of_a_shell(spacing_mm):
    rim = tumor_rim(ball(spacing_mm, 20.0), width_mm=8.0)
    assert volume_mm3(rim) == pytest.approx(shell_mm3(12.0, 20.0), rel=0.05)


@given(width_mm=st.floats(2.0, 12.0), gap_mm=st.floats(0.0, 4.0))
def test_ring_and_tumor_are_apart_and_wider_rings_hold_narrower_ones(width_mm, gap_mm):
    tumor = box()
    ring = peritumoral_ring(tumor, width_mm=width_mm, gap_mm=gap_mm)
    wider = peritumoral_ring(tumor, width_mm=width_mm + 3.0, gap_mm=gap_mm)
    assert not (ring.data * tumor.data).any()
    assert (wider.data >= ring.data).all()
    whole = peritumoral_ring(tumor, width_mm=width_mm + gap_mm)
    assert (whole.data >= ring.data).all()


@given(axis=st.sampled_from([0, 1, 2]), width_mm=st.floats(2.0, 9.0))
def test_rings_do_not_depend_on_the_order_of_the_axes(axis, width_mm):
    tumor = box()
    order = np.roll(np.arange(3), axis)
    turned = Grid.from_spacing([GRID.shape[a] for a in order], GRID.spacing_mm[order].tolist())
    other = Image(tumor.data.transpose(order), turned, "MASK", "1")
    ring = peritumoral_ring(tumor, width_mm=width_mm).data
    np.testing.assert_array_equal(
        peritumoral_ring(other, width_mm=width_mm).data, ring.transpose(order)
    )


def test_the_ring_stays_in_the_body():
    body = np.zeros(GRID.shape)
    body[:, :, 5:] = 1
    everywhere = peritumoral_ring(box(), width_mm=4.0)
    within = peritumoral_ring(box(), width_mm=4.0, body=Image(body, GRID, "MASK", "1"))
    np.testing.assert_array_equal(within.data, everywhere.data * body)
    assert within.data.sum() < everywhere.data.sum()


@given(rim_mm=st.floats(0.8, 3.0))
def test_rim_and_core_part_the_tumor(rim_mm):
    tumor = box(2, 12)
    rim, core = tumor_rim(tumor, width_mm=rim_mm), tumor_core(tumor, rim_mm=rim_mm)
    np.testing.assert_array_equal(rim.data + core.data, tumor.data)


def test_where_the_image_cuts_a_tumor_there_is_no_rim():
    tumor = np.zeros(GRID.shape)
    tumor[:, :, 6:] = 1
    rim = tumor_rim(Image(tumor, GRID, "MASK", "1"), width_mm=3.0)
    assert (rim.data[:, :, 6] == 1).all() and (rim.data[:, :, 9:] == 0).all()


def test_regions_that_do_not_exist_are_refused():
    empty, full = (Image(np.full(GRID.shape, v), GRID, "MASK", "1") for v in (0.0, 1.0))
    elsewhere = box(grid=Grid.from_spacing(GRID.shape, 1.0))
    with pytest.raises(TwinError, match="the mask is empty"):
        peritumoral_ring(empty, width_mm=5.0)
    with pytest.raises(TwinError, match="nothing around the tumor"):
        peritumoral_ring(full, width_mm=5.0)
    with pytest.raises(TwinError, match="no surface in the image"):
        tumor_rim(full, width_mm=5.0)
    with pytest.raises(TwinError, match="no voxel lies in the ring .*got voxels of 1 x 1.5 x 2 mm"):
        peritumoral_ring(box(), width_mm=0.1)
    with pytest.raises(TwinError, match="no voxel lies in the ring"):
        peritumoral_ring(box(), width_mm=5.0, body=box())
    with pytest.raises(TwinError, match="no voxel lies in the core"):
        tumor_core(box(), rim_mm=50.0)
    with pytest.raises(TwinError, match="body: not on the grid of the mask"):
        peritumoral_ring(box(), width_mm=5.0, body=elsewhere)
    with pytest.raises(TwinError, match="width must be above 0"):
        peritumoral_ring(box(), width_mm=0.0)
    with pytest.raises(TwinError, match="gap cannot be negative"):
        peritumoral_ring(box(), width_mm=1.0, gap_mm=-1.0)


def planted(seed: int = 0) -> tuple[Image, Image, Image]:
    """PET and ADC of a tumor in three parts, and the parts: 1 is darkest in PET."""
    parts = box(2, 11).data.copy()
    parts[5:8] *= 3
    parts[8:11] *= 2
    noise = np.random.default_rng(seed).normal(size=(2, *GRID.shape))
    pet = np.array([0.6, 2.0, 5.0, 9.0])[parts.astype(int)] + 0.2 * noise[0]
    adc = np.array([1.0, 0.8, 2.2, 0.9])[parts.astype(int)] + 0.02 * noise[1]
    return (
        Image(pet, GRID, "PET", "SUV"),
        Image(adc, GRID, "ADC", "1e-3 mm2/s"),
        Image(parts, GRID, "HABITATS", "1"),
    )


@pytest.mark.parametrize("seed", [0, 1])
def test_habitats_find_planted_parts_ordered_by_the_first_image(seed):
    pet, adc, parts = planted()
    found = habitats([pet, adc], box(2, 11), 3, seed=seed)
    np.testing.assert_array_equal(found.data, parts.data)
    again = habitats([pet, adc], box(2, 11), 3, seed=seed)
    np.testing.assert_array_equal(found.data, again.data)


@given(factor=st.floats(0.1, 100.0))
def test_habitats_do_not_depend_on_units(factor):
    pet, adc, parts = planted()
    scaled = Image(adc.data * np.float32(factor), GRID, "ADC", "1e-3 mm2/s")
    np.testing.assert_array_equal(habitats([pet, scaled], box(2, 11), 3).data, parts.data)


def test_habitats_that_cannot_be_told_apart_are_refused():
    pet, adc, _ = planted()
    flat = Image(np.full(GRID.shape, 0.9), GRID, "ADC", "1e-3 mm2/s")
    tumor = box(2, 11)
    with pytest.raises(TwinError, match="^ADC: an image does not vary"):
        habitats([pet, flat], tumor, 3)
    for count in (1, 10_000):
        with pytest.raises(TwinError, match=f"cannot be told apart .*got {count}"):
            habitats([pet], tumor, count)
    with pytest.raises(TwinError, match="need an image"):
        habitats([], tumor, 3)
    with pytest.raises(TwinError, match="the mask is empty"):
        habitats([pet], Image(np.zeros(GRID.shape), GRID, "MASK", "1"), 3)
    with pytest.raises(TwinError, match="^ADC: not on the grid of the mask"):
        habitats(
            [pet, box(grid=Grid.from_spacing(GRID.shape, 1.0)), adc][:1]
            + [Image(adc.data, Grid.from_spacing(GRID.shape, 1.0), "ADC", "1e-3 mm2/s")],
            tumor,
            3,
        )

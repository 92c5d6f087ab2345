"""Images and masks that radiomics is tried on."""

import numpy as np
from hypothesis import strategies as st

from twin.grid import Grid
from twin.imaging.image import MASK, Image

SHAPES = ((6, 5, 4), (7, 7, 5))


def image(data: np.ndarray, spacing_mm=(2.0, 2.0, 3.0), unit: str = "SUV") -> Image:
    return Image(data, _grid(data, spacing_mm), "PET", unit)


def mask(inside: np.ndarray, spacing_mm=(2.0, 2.0, 3.0)) -> Image:
    return Image(inside, _grid(inside, spacing_mm), MASK, "1")


@st.composite
def regions(draw, least: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Gray levels 1 to 5 and a mask of at least some voxels, with holes and loose parts."""
    shape = draw(st.sampled_from(SHAPES))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    share = draw(st.sampled_from([0.3, 0.6, 0.9]))
    inside = generator.random(shape) < share
    inside.ravel()[generator.choice(inside.size, least, replace=False)] = True
    levels = generator.integers(1, 6, shape)
    levels.ravel()[np.flatnonzero(inside)[0]] = 5
    levels.ravel()[np.flatnonzero(inside)[1]] = 1
    return levels, inside


def ball(radius_mm: float, spacing_mm=(1.0, 1.0, 1.0), margin_mm: float = 4.0) -> np.ndarray:
    """The mask of a ball in the middle of its box."""
    spacing = np.asarray(spacing_mm)
    half = np.ceil((radius_mm + margin_mm) / spacing).astype(int)
    axes = np.ogrid[tuple(slice(-h, h + 1) for h in half)]
    return sum((a * s) ** 2 for a, s in zip(axes, spacing, strict=True)) <= radius_mm**2


def blob(grid: Grid, center_mm: np.ndarray, width_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """A smooth uptake with two foci, and the ellipsoid it fills, sampled on a grid."""
    index = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1)
    place = index @ grid.affine[:3, :3].T + grid.affine[:3, 3] - center_mm
    scaled = place / (width_mm * np.array([1.0, 1.2, 1.5]))
    inside = (scaled**2).sum(axis=-1) <= 1
    focus = place - np.array([0.4, 0.3, -0.5]) * width_mm
    data = 2 + 6 * np.exp(-(scaled**2).sum(axis=-1))
    data += 4 * np.exp(-(focus**2).sum(axis=-1) / (0.3 * width_mm**2))
    return data, inside


def _grid(array: np.ndarray, spacing_mm) -> Grid:
    return Grid.from_spacing(array.shape, [float(s) for s in spacing_mm])

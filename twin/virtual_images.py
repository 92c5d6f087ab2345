"""How a virtual tumor is seen: block averages, correlated noise, outlines."""

from functools import cache

import numpy as np
from scipy import ndimage

from twin.errors import TwinError
from twin.grid import Grid

FWHM_PER_SD = float(2.0 * np.sqrt(2.0 * np.log(2.0)))


def smooth_noise(grid: Grid, fwhm_mm: float, random: np.random.Generator) -> np.ndarray:
    """Gaussian noise of unit variance and mean 0, smoothed to `fwhm_mm`; (x, y, z) on `grid`."""
    sigma = fwhm_mm / FWHM_PER_SD / grid.spacing_mm
    field = ndimage.gaussian_filter(random.standard_normal(grid.shape), sigma, mode="wrap")
    sides = zip(grid.shape, sigma.tolist(), strict=True)
    return field / np.prod([_kept_spread(side, width) for side, width in sides])


@cache
def _kept_spread(side: int, sigma: float) -> float:
    """What smoothing along one axis leaves of the spread of white noise."""
    impulse = np.zeros(side)
    impulse[side // 2] = 1.0
    kernel = ndimage.gaussian_filter1d(impulse, sigma, mode="wrap")
    return float(np.sqrt((kernel**2).sum()))


def block_mean(field: np.ndarray, factor: int) -> np.ndarray:
    """Mean over blocks of `factor`³ voxels: from a fine grid to the coarse one it refines.

    Raises:
        TwinError: if the shape is not a multiple of the factor.
    """
    if any(n % factor for n in field.shape):
        raise TwinError(
            "the blocks do not fill the grid",
            where="block_mean",
            expected=f"sides that are multiples of {factor}",
            got=str(field.shape),
        )
    nx, ny, nz = (n // factor for n in field.shape)
    return field.reshape(nx, factor, ny, factor, nz, factor).mean(axis=(1, 3, 5))


def drawn_outline(
    seen: np.ndarray,
    grid: Grid,
    *,
    tissue: np.ndarray,
    threshold: float,
    wobble: float,
    fwhm_mm: float,
    random: np.random.Generator,
) -> np.ndarray:
    """Outline as a reader would draw it: where the cells seen exceed a wavering threshold.

    The threshold is multiplied by `exp(wobble * smooth noise)`; only the largest connected piece
    is kept and its holes are filled, as readers do.
    """
    wavering = threshold * np.exp(wobble * smooth_noise(grid, fwhm_mm, random))
    visible = (seen > wavering) & tissue
    if not visible.any():
        return visible
    return np.asarray(ndimage.binary_fill_holes(largest_piece(visible))) & tissue


def largest_piece(mask: np.ndarray) -> np.ndarray:
    """Largest connected piece (through faces) of a mask that is not empty."""
    labels = np.empty(mask.shape, np.int32)
    ndimage.label(mask, output=labels)
    return labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))

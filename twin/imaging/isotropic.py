"""Interpolation to a chosen voxel size for radiomics, by the IBSI's conventions.

    n' = ceil(n s / s'),   x₀ = (n − 1 − (n' − 1) s' / s) / 2

n voxels of edge s become n' of edge s'; x₀ is the first new center, in old voxels: old and new grid
share their center. Masks are interpolated linearly and hold where at least 0.5; CT is rounded to
whole HU; nothing is blurred before. Zwanenburg et al. 2016, arXiv 1612.07003, section 2.4. Images
that twins are fitted to go through `twin.imaging.resample` instead.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from twin.errors import TwinError
from twin.grid import Grid
from twin.imaging.image import MASK, Image

LINEAR, CUBIC = 1, 3
MOST_VOXELS = 2**30


def centered_grid(grid: Grid, spacing_mm: float | Sequence[float]) -> Grid:
    """The grid of another voxel size that covers a grid and shares its center and axes.

    Raises:
        TwinError: a spacing that is not above 0, or so small that no machine holds the voxels.
    """
    spacing = _checked_spacing(spacing_mm)
    ratio = spacing / grid.spacing_mm
    # Round-off in the affine must not add a voxel where the extent is a whole number of voxels.
    counts = np.maximum(np.ceil(np.array(grid.shape) / ratio - 1e-4), 1)
    if counts.prod() > MOST_VOXELS:
        raise TwinError(
            "too many voxels",
            where="spacing_mm",
            expected=f"at most {MOST_VOXELS}",
            got=f"{counts.prod():.3g} of {spacing} mm",
            fix="Choose larger voxels",
        )
    first = 0.5 * (np.array(grid.shape) - 1 - (counts - 1) * ratio)
    affine = grid.affine.copy()
    affine[:3, :3] = grid.affine[:3, :3] * ratio
    affine[:3, 3] += grid.affine[:3, :3] @ first
    nx, ny, nz = (int(n) for n in counts)
    return Grid((nx, ny, nz), affine)


def interpolate(image: Image, spacing_mm: float | Sequence[float], *, order: int = LINEAR) -> Image:
    """An image or mask in voxels of another size.

    Args:
        image: what to interpolate. Beyond the outermost centers their values go on.
        spacing_mm: edge or edges of the new voxels.
        order: 1 linear, 3 cubic spline; masks are always interpolated linearly.

    Returns:
        the image on `centered_grid(image.grid, spacing_mm)`.

    Raises:
        TwinError: another order, a bad spacing, a mask that is lost in larger voxels.
    """
    return _sampled(image, centered_grid(image.grid, spacing_mm), order)


def interpolate_around(
    image: Image,
    mask: Image,
    spacing_mm: float | Sequence[float],
    *,
    margin_mm: float,
    order: int = LINEAR,
) -> tuple[Image, Image]:
    """Image and mask in voxels of another size, only up to a margin around the mask.

    The same voxels as of `interpolate`, and faster, since those far from the tumor are left out.

    Args:
        image: on the mask's grid.
        mask: the tumor.
        spacing_mm: edge or edges of the new voxels.
        margin_mm: how far around the mask voxels are kept.
        order: 1 linear, 3 cubic spline.

    Returns:
        image and mask on one crop of `centered_grid(image.grid, spacing_mm)`.

    Raises:
        TwinError: as `interpolate`; an empty mask, image and mask on different grids.
    """
    if not image.grid.same_as(mask.grid):
        raise TwinError(
            "image and mask lie on different grids",
            where="mask",
            expected=f"{image.grid}",
            got=f"{mask.grid}",
            fix="Resample one to the grid of the other",
        )
    if not 0.0 <= margin_mm < np.inf:
        raise TwinError("the margin cannot be negative", where="margin_mm", got=f"{margin_mm}")
    inside = np.argwhere(mask.data > 0.5)
    if len(inside) == 0:
        raise TwinError("the mask is empty", where="mask", expected="at least one voxel of 1")
    whole = centered_grid(image.grid, spacing_mm)
    scale, first = _steps(image.grid, whole)
    margin = 1.0 + margin_mm / image.grid.spacing_mm
    low = np.floor((inside.min(axis=0) - margin - first) / scale)
    high = np.ceil((inside.max(axis=0) + margin - first) / scale) + 1
    start = np.clip(low, 0, np.array(whole.shape) - 1).astype(int)
    stop = np.clip(high, start + 1, whole.shape).astype(int)
    box = whole.crop(start.tolist(), stop.tolist())
    return _sampled(image, box, order), _sampled(mask, box, order)


def _steps(old: Grid, new: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Edge and first center of new voxels with the same axes, in old voxels."""
    to_old = np.linalg.inv(old.affine) @ new.affine
    return np.diagonal(to_old)[:3], to_old[:3, 3]


def _sampled(image: Image, grid: Grid, order: int) -> Image:
    from scipy.ndimage import affine_transform

    if order not in (LINEAR, CUBIC):
        raise TwinError(
            "order of interpolation",
            where="order",
            expected="1 (linear) or 3 (cubic spline)",
            got=f"{order}",
        )
    is_mask = image.modality == MASK
    scale, first = _steps(image.grid, grid)
    # One number per axis instead of a matrix takes scipy's faster way.
    values = affine_transform(
        image.data.astype(np.float64),
        scale,
        first,  # pyright: ignore[reportArgumentType]  (inferred from its default, 0.0)
        grid.shape,
        order=LINEAR if is_mask else order,
        mode="nearest",
    )
    if is_mask:
        # 0.5 is met exactly in the middle between two voxels, where round-off must not decide.
        values = values >= 0.5 - 1e-9
        if not values.any() and (image.data > 0.5).any():
            raise TwinError(
                "the mask is lost in larger voxels",
                where="mask",
                expected="at least one voxel that is half inside",
                got=f"voxels of {grid.spacing_mm.round(3).tolist()} mm",
                fix="Choose smaller voxels",
            )
    elif image.modality == "CT":
        values = np.rint(values)
    return Image(values, grid, image.modality, image.unit)


def _checked_spacing(spacing_mm: float | Sequence[float]) -> np.ndarray:
    spacing = np.asarray(spacing_mm, dtype=float)
    if (
        spacing.shape not in ((), (3,))
        or not (spacing > 0.0).all()
        or not np.isfinite(spacing).all()
    ):
        raise TwinError(
            "not a voxel size",
            where="spacing_mm",
            expected="one number or three, above 0",
            got=f"{spacing_mm}",
        )
    return np.broadcast_to(spacing, (3,))

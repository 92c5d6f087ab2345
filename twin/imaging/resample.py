"""Moving images between grids: in world space, or along shared axes with conserved means."""

from __future__ import annotations

import itertools

import numpy as np

from twin.errors import TwinError
from twin.grid import Grid
from twin.imaging.image import MASK, Image


def resample(image: Image, grid: Grid, order: int = 1, *, outside: float = 0.0) -> Image:
    """Sample an image at the voxels of another grid, in patient space.

    Where the new voxels are larger than the old ones, each gets the mean over its own volume
    (a box of sample points no farther apart than the old voxels), so that nothing aliases. A
    mask with order 0 holds a new voxel where at least half of its sample points are inside.

    Args:
        image: what to sample.
        grid: where to.
        order: 1 linear, 0 nearest (masks, labels).
        outside: value beyond the old voxels.

    Raises:
        TwinError: for another order.
    """
    from scipy.ndimage import affine_transform

    if order not in (0, 1):
        raise TwinError("order of interpolation", expected="0 or 1", got=str(order))
    to_old = np.linalg.inv(image.grid.affine) @ grid.affine
    # A new voxel's edges, measured in old voxels, along whichever old axis they reach farthest.
    reach = np.abs(to_old[:3, :3]).max(axis=0)
    labels = order == 0 and image.modality != MASK
    points = np.ones(3, int) if labels else np.maximum(np.ceil(reach - 1e-3), 1).astype(int)
    total = np.zeros(grid.shape, dtype=np.float64)
    source = image.data.astype(np.float64)
    for point in itertools.product(*(range(n) for n in points)):
        within = (np.array(point) + 0.5) / points - 0.5
        offset = to_old[:3, 3] + to_old[:3, :3] @ within
        values = affine_transform(
            source,
            to_old[:3, :3],
            offset,  # pyright: ignore[reportArgumentType]  (inferred from its default, 0.0)
            grid.shape,
            order=order,
            mode="nearest",
        )
        total += np.where(_inside(to_old, offset, image.grid, grid), values, outside)
    mean = total / points.prod()
    if order == 0 and image.modality == MASK:
        mean = mean >= 0.5
    return Image(mean, grid, image.modality, image.unit)


def cubic_grid(grid: Grid, spacing_mm: float) -> Grid:
    """The grid of cubic voxels with the same axes and first corner that covers another grid."""
    extent = grid.spacing_mm * grid.shape
    nx, ny, nz = (max(int(n), 1) for n in np.ceil(extent / spacing_mm - 1e-6))
    directions = grid.affine[:3, :3] / grid.spacing_mm
    corner = grid.affine[:3, 3] - 0.5 * grid.affine[:3, :3].sum(axis=1)
    affine = np.eye(4)
    affine[:3, :3] = directions * spacing_mm
    affine[:3, 3] = corner + 0.5 * affine[:3, :3].sum(axis=1)
    return Grid((nx, ny, nz), affine)


def volume_mean(data: np.ndarray, old: Grid, new: Grid, *, outside_counts: bool) -> np.ndarray:
    """Exact mean over each new voxel of values that are constant in each old voxel.

    Args:
        data: (x, y, z) values on `old`.
        old: where they are.
        new: a grid from `cubic_grid(old, ...)`: same axes, same first corner.
        outside_counts: whether space beyond `old` counts as zero (amounts, masks), so that
            the sum of value times volume is conserved, or is left out of the mean (images).

    Returns:
        (x, y, z) float32 on `new`.
    """
    mean = data.astype(np.float64)
    for axis in range(3):
        overlap = _overlap(
            old.shape[axis], old.spacing_mm[axis], new.shape[axis], new.spacing_mm[axis]
        )
        covered = new.spacing_mm[axis] if outside_counts else overlap.sum(axis=1, keepdims=True)
        mean = np.moveaxis(np.tensordot(overlap / covered, mean, axes=(1, axis)), 0, axis)
    return np.ascontiguousarray(mean, dtype=np.float32)


def _overlap(old_count: int, old_mm: float, new_count: int, new_mm: float) -> np.ndarray:
    """Length shared by each new and each old voxel along one axis, (new, old), mm."""
    old_edges, new_edges = np.arange(old_count + 1) * old_mm, np.arange(new_count + 1) * new_mm
    low = np.maximum(new_edges[:-1, None], old_edges[None, :-1])
    high = np.minimum(new_edges[1:, None], old_edges[None, 1:])
    return np.maximum(high - low, 0.0)


def _inside(to_old: np.ndarray, offset: np.ndarray, old: Grid, new: Grid) -> np.ndarray:
    """Which new voxel centers, moved by an offset, lie within the old voxels."""
    index = np.ogrid[: new.shape[0], : new.shape[1], : new.shape[2]]
    inside = np.ones(new.shape, dtype=bool)
    for axis in range(3):
        place = sum(to_old[axis, k] * index[k] for k in range(3)) + offset[axis]
        inside &= (place >= -0.5 - 1e-6) & (place <= old.shape[axis] - 0.5 + 1e-6)
    return inside

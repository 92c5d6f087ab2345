"""Parts of a tumor and its surroundings: ring, rim and core by distance, habitats by intensity.

Distances are Euclidean, in mm, from a voxel's center to the surface of the mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from twin.errors import TwinError
from twin.imaging.image import MASK, Image

SURFACE = 0.25
"""Voxels from the nearest center across the border to the surface: 0.5 where a flat surface runs
along the voxels, near 0 where it runs across. With 0.25 the ring of a ball has the volume it should
(`test_regions.py`); the bare distance between centers lacks 5 to 45 % of it."""


def peritumoral_ring(
    mask: Image, *, width_mm: float, gap_mm: float = 0.0, body: Image | None = None
) -> Image:
    """Voxels around a tumor, from `gap_mm` to `gap_mm + width_mm` off its surface.

    Args:
        mask: the tumor.
        width_mm: thickness of the ring.
        gap_mm: distance left out, for instance for an uncertain border.
        body: mask that the ring stays in; without, the whole image.

    Returns:
        a mask; where the image ends the ring does as well.

    Raises:
        TwinError: an empty mask or one that fills the image, another grid, no voxel in the ring.
    """
    tumor = _filled(mask)
    _check_width(width_mm)
    if not 0.0 <= gap_mm < np.inf:
        raise TwinError("the gap cannot be negative", where="gap_mm", got=f"{gap_mm}")
    if tumor.all():
        raise TwinError(
            "there is nothing around the tumor",
            where="mask",
            expected="voxels of 0",
            got=f"{tumor.size} voxels of 1",
            fix="Use an image that was cropped less",
        )
    distance = _distance(~tumor, mask.grid.spacing_mm)
    ring = ~tumor & (distance > gap_mm) & (distance <= gap_mm + width_mm)
    if body is not None:
        _check_grid(mask, body, "body")
        ring &= body.data > 0.5
    return _region(ring, mask, "ring")


def tumor_rim(mask: Image, *, width_mm: float) -> Image:
    """Tumor up to `width_mm` below its surface; what the image's border cuts is no surface.

    Raises:
        TwinError: an empty mask or one that fills the image, no voxel in the rim.
    """
    tumor = _filled(mask)
    _check_width(width_mm)
    if tumor.all():
        raise TwinError("the tumor has no surface in the image", where="mask")
    return _region(tumor & (_distance(tumor, mask.grid.spacing_mm) <= width_mm), mask, "rim")


def tumor_core(mask: Image, *, rim_mm: float) -> Image:
    """Tumor without its rim.

    Raises:
        TwinError: as `tumor_rim`, and a tumor that is all rim.
    """
    rim = tumor_rim(mask, width_mm=rim_mm)
    return _region((mask.data > 0.5) & (rim.data < 0.5), mask, "core")


def habitats(images: Sequence[Image], mask: Image, count: int, *, seed: int = 0) -> Image:
    """Regions of alike voxels in a tumor, by k-means of the images' standardized values.

    Args:
        images: one or several, on the mask's grid.
        mask: the tumor.
        count: how many habitats.
        seed: of k-means; the same seed gives the same habitats.

    Returns:
        an image of 0 outside and 1 to `count` within, ordered by the mean of the first image. The
        order is that of this tumor: a habitat of the same number may differ between patients.

    Raises:
        TwinError: an empty mask, another grid, no images, one value only in the tumor, fewer than
            two habitats or more than there are different voxels.
    """
    from sklearn.cluster import KMeans

    tumor = _filled(mask)
    if not images:
        raise TwinError("habitats need an image", where="images", got="none")
    for image in images:
        _check_grid(mask, image, image.modality)
    values = np.stack([image.data[tumor].astype(np.float64) for image in images], axis=1)
    spread = values.std(axis=0)
    flat = spread <= 1e-6 * np.abs(values).max(axis=0)
    if flat.any():
        raise TwinError(
            "an image does not vary in the tumor",
            where=", ".join(i.modality for i, is_flat in zip(images, flat, strict=True) if is_flat),
            expected="several values",
            got=f"{len(values)} voxels of one value",
            fix="Leave this image out",
        )
    different = len(np.unique(values, axis=0))
    if not 2 <= count <= different:
        raise TwinError(
            "this many habitats cannot be told apart",
            where="count",
            expected=f"2 to {different}, the number of different voxels in the tumor",
            got=f"{count}",
        )
    scaled = (values - values.mean(axis=0)) / spread
    model = KMeans(count, n_init=10, random_state=seed)  # pyright: ignore[reportArgumentType]
    found = model.fit_predict(scaled)
    means = [values[found == label, 0].mean() for label in range(count)]
    labels = np.zeros(mask.grid.shape, dtype=np.float32)
    labels[tumor] = 1 + np.argsort(np.argsort(means))[found]
    return Image(labels, mask.grid, "HABITATS", "1")


def _distance(where: np.ndarray, spacing_mm: np.ndarray) -> np.ndarray:
    """(x, y, z) mm from the voxel centers in `where` to the surface, which bounds the others."""
    from scipy.ndimage import distance_transform_edt

    nearest: Any = distance_transform_edt(
        where, sampling=spacing_mm, return_distances=False, return_indices=True
    )
    steps = np.indices(where.shape) - nearest
    in_voxels = np.sqrt((steps**2).sum(axis=0))
    in_mm = np.sqrt(((steps * spacing_mm.reshape(3, 1, 1, 1)) ** 2).sum(axis=0))
    return in_mm * (1.0 - SURFACE / np.maximum(in_voxels, 1.0))


def _filled(mask: Image) -> np.ndarray:
    tumor = mask.data > 0.5
    if not tumor.any():
        raise TwinError(
            "the mask is empty",
            where="mask",
            expected="at least one voxel of 1",
            got=f"{tumor.size} voxels of 0",
        )
    return tumor


def _region(found: np.ndarray, mask: Image, name: str) -> Image:
    if not found.any():
        spacing = " x ".join(f"{edge:.3g}" for edge in mask.grid.spacing_mm)
        raise TwinError(
            f"no voxel lies in the {name}",
            where="mask",
            expected="at least one voxel center",
            got=f"voxels of {spacing} mm",
            fix="Choose other widths",
        )
    return Image(found, mask.grid, MASK, "1")


def _check_width(width_mm: float) -> None:
    if not 0.0 < width_mm < np.inf:
        raise TwinError("a width must be above 0", where="width_mm", got=f"{width_mm}")


def _check_grid(mask: Image, other: Image, where: str) -> None:
    if not mask.grid.same_as(other.grid):
        raise TwinError(
            "not on the grid of the mask",
            where=where,
            expected=f"{mask.grid}",
            got=f"{other.grid}",
            fix="Resample it to the mask's grid",
        )

"""Automatic segmentation of a lesion in PET, and its agreement with a drawn mask.

    Dice = 2 |A ∩ B| / (|A| + |B|)

Dice 1945, doi 10.2307/1932409.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from twin.errors import TwinError
from twin.imaging.image import MASK, Image
from twin.imaging.pet_methods import AdaptiveThreshold, Method
from twin.imaging.uptake import BODY_SUV, Uptake

BORDER_MM = 30.0
"""Regions closer to the image's border count less (see `Uptake.border_mm`)."""
LOWEST_SUV = -1.0
"""Reconstruction may undershoot a little; values below this are not SUV."""


def segment_pet(
    image: Image,
    *,
    method: Method | None = None,
    click: Sequence[int] | None = None,
    border_mm: float = BORDER_MM,
) -> Image:
    """One lesion in a PET image, without holes.

    Args:
        image: PET in SUV, cropped to the region of the lesion: without a click, the largest uptake
            counts as the lesion, which in an image of the whole body is the brain.
        method: one of `twin.imaging.pet_methods`; without, `AdaptiveThreshold()`.
        click: index (i, j, k) of a voxel in the lesion.
        border_mm: without a click, voxels closer than this to the image's border count less.

    Returns:
        the mask, on the image's grid; never empty.

    Raises:
        TwinError: another unit than SUV, negative SUV, nothing that stands out from tissue, a click
            outside the grid, in air or far from any uptake.
    """
    from scipy.ndimage import binary_fill_holes

    _check_suv(image)
    if not 0.0 <= border_mm < np.inf:
        raise TwinError("the border cannot be negative", where="border_mm", got=f"{border_mm}")
    inside = None if click is None else _checked_click(click, image)
    spacing_mm = image.grid.spacing_mm
    found = (method or AdaptiveThreshold())(Uptake(image.data, spacing_mm, border_mm, inside))
    return Image(np.asarray(binary_fill_holes(found)), image.grid, MASK, "1")


def dice(a: Image, b: Image) -> float:
    """Overlap of two masks: 0 for none, 1 for the same.

    Raises:
        TwinError: masks on different grids, or an empty one.
    """
    if not a.grid.same_as(b.grid):
        raise TwinError(
            "masks on different grids",
            where="dice",
            expected=f"{a.grid}",
            got=f"{b.grid}",
            fix="Resample one to the grid of the other",
        )
    of_a, of_b = a.data > 0.5, b.data > 0.5
    if not (of_a.any() and of_b.any()):
        raise TwinError(
            "the overlap with an empty mask is undefined",
            where="dice",
            expected="at least one voxel of 1 in both",
            got=f"{int(of_a.sum())} and {int(of_b.sum())} voxels",
        )
    return 2.0 * float((of_a & of_b).sum()) / float(of_a.sum() + of_b.sum())


def _check_suv(image: Image) -> None:
    if image.modality != "PET" or image.unit != "SUV":
        raise TwinError(
            "not a PET image in SUV",
            where=image.modality,
            expected='modality PET in "SUV"',
            got=f'{image.modality} in "{image.unit}"',
            fix="Convert activity with twin.imaging.intensity.to_suv",
        )
    if image.data.min() < LOWEST_SUV:
        raise TwinError(
            "negative SUV",
            where="PET",
            expected=f"values from {LOWEST_SUV:g} on",
            got=f"a minimum of {image.data.min():.3g}",
            fix="Check slope and intercept of the export",
        )


def _checked_click(click: Sequence[int], image: Image) -> tuple[int, int, int]:
    index = tuple(int(i) for i in click)
    shape = image.grid.shape
    whole = len(index) == 3 and all(i == c for i, c in zip(index, click, strict=True))
    if not (whole and all(0 <= i < n for i, n in zip(index, shape, strict=True))):
        raise TwinError(
            "the click lies outside the image",
            where="click",
            expected=f"three whole indices from 0 to below {shape}",
            got=f"{tuple(click)}",
        )
    i, j, k = index
    if image.data[i, j, k] <= BODY_SUV:
        raise TwinError(
            "the click lies in air",
            where="click",
            expected=f"a voxel of the body, above SUV {BODY_SUV:g}",
            got=f"SUV {image.data[i, j, k]:.3g} at voxel {index}",
            fix="Click into the uptake of the lesion",
        )
    return i, j, k

"""Surgery removes every cell within a margin of the tumor outline."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from twin.errors import TwinError


def distance_mm(outline: np.ndarray, spacing_mm: tuple[float, float, float]) -> np.ndarray:
    """Distance of every voxel from a tumor outline, 0 inside, mm.

    A resection with a margin of m removes the voxels whose distance is at most m.

    Args:
        outline: boolean (x, y, z).
        spacing_mm: voxel size.

    Raises:
        TwinError: the outline is empty.
    """
    if not np.asarray(outline).any():
        raise TwinError(
            "outline is empty",
            where="surgery",
            expected="at least one tumor voxel",
            fix="Give a mask at the visit that surgery is planned on.",
        )
    distance = ndimage.distance_transform_edt(~np.asarray(outline, bool), sampling=spacing_mm)
    return np.asarray(distance, np.float32)

"""Diffusion tensors: six components, turned from patient directions into those of the grid.

T_grid = Rᵀ T R,   columns of R the directions of the voxel axes in patient space
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from twin.errors import TwinError
from twin.grid import Grid

COMPONENTS = ("xx", "yy", "zz", "xy", "xz", "yz")
"""In the order in which arrays hold them."""
_PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))


def tensor_on_grid(components: Mapping[str, np.ndarray], grid: Grid) -> np.ndarray:
    """(6, x, y, z) tensor along the axes of a grid, order of `COMPONENTS`.

    Args:
        components: name -> (x, y, z) component along the patient's axes (x to the right, y to the
            front, z to the head), as MRtrix and DIPY write them.
        grid: of the arrays.

    Raises:
        TwinError: components missing or unknown.
    """
    if set(components) != set(COMPONENTS):
        raise TwinError(
            "a diffusion tensor has six components",
            where="tensor",
            expected=", ".join(COMPONENTS),
            got=", ".join(sorted(components)) or "none",
        )
    full = np.empty((3, 3, *grid.shape))
    for name, (i, j) in zip(COMPONENTS, _PAIRS, strict=True):
        full[i, j] = full[j, i] = components[name]
    axes = grid.affine[:3, :3] / np.linalg.norm(grid.affine[:3, :3], axis=0)
    turned = np.einsum("ia,ij...,jb->ab...", axes, full, axes)
    return np.stack([turned[i, j] for i, j in _PAIRS]).astype(np.float32)

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


def tensor_on_grid(
    components: Mapping[str, np.ndarray], grid: Grid, *, inverse: bool = False
) -> np.ndarray:
    """(6, x, y, z) tensor along the axes of a grid, order of `COMPONENTS`.

    Args:
        components: name -> (x, y, z) component along the patient's axes (x to the right, y to the
            front, z to the head), as MRtrix and DIPY write them.
        grid: of the arrays.
        inverse: turn from the axes of the grid into the patient's instead.

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
    axes = axes.T if inverse else axes
    turned = np.einsum("ia,ij...,jb->ab...", axes, full, axes)
    return np.stack([turned[i, j] for i, j in _PAIRS]).astype(np.float32)


def check_positive(tensor: np.ndarray, tissue: np.ndarray) -> None:
    """Refuse tensors that are not positive definite somewhere in the tissue.

    Args:
        tensor: (6, x, y, z), order of `COMPONENTS`. Voxels of zeros count as isotropic.
        tissue: (x, y, z) bool.

    Raises:
        TwinError: eigenvalues at or below 0.
    """
    xx, yy, zz, xy, xz, yz = tensor[:, tissue].astype(float)
    full = np.stack([xx, xy, xz, xy, yy, yz, xz, yz, zz], axis=-1).reshape(-1, 3, 3)
    known = np.abs(full).max(axis=(1, 2)) > 0.0
    bad = int((np.linalg.eigvalsh(full[known])[:, 0] <= 0.0).sum())
    if bad:
        raise TwinError(
            "the diffusion tensor is not positive definite",
            where="",
            expected="three eigenvalues above 0 in every tissue voxel",
            got=f"{bad} voxels with an eigenvalue at or below 0",
            fix="Fit the tensors anew with a constraint, or set such voxels to zeros (isotropic)",
        )

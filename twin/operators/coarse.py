"""A coarser grid beside the voxels, for fields that are smooth: means down, linear up.

Every axis is one matrix: what goes down are means over the voxels that a coarse voxel holds, by
weight of the tissue; what goes up is interpolated linearly between centers of coarse voxels. Both
are small dense products, which XLA does well on every device.
"""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

Shape = tuple[int, int, int]
Spacing = tuple[float, float, float]


class Coarse(eqx.Module):
    """A coarse grid and the ways to it and back.

    Attributes:
        mask: (M,) 1 in coarse voxels of which half or more are tissue; the outermost layer is 0.
        weight: (M,) share of tissue in each coarse voxel, at least a little.
        fine_mask: (N,) tissue.
        means, lines: per axis (coarse, fine) averaging and (fine, coarse) interpolation.
        shape, spacing_mm: the coarse grid.
        fine_shape: grid of the voxels.
    """

    mask: Float[Array, " m"]
    weight: Float[Array, " m"]
    fine_mask: Float[Array, " n"]
    means: tuple[Array, Array, Array]
    lines: tuple[Array, Array, Array]
    shape: Shape = eqx.field(static=True)
    spacing_mm: Spacing = eqx.field(static=True)
    fine_shape: Shape = eqx.field(static=True)

    def down(self, field: Float[Array, " n"]) -> Float[Array, " m"]:
        """(M,) mean over the tissue of each coarse voxel."""
        return _along(self.means, field * self.fine_mask, self.fine_shape) / self.weight

    def up(self, field: Float[Array, " m"]) -> Float[Array, " n"]:
        """(N,) linear interpolation, 0 outside the tissue."""
        return _along(self.lines, field, self.shape) * self.fine_mask


def coarse_grid(
    mask: Float[Array, " n"], shape: Shape, spacing_mm: Spacing, coarsening: float
) -> Coarse:
    """A coarse grid with nearly cubic voxels.

    Args:
        mask: 1 in tissue, flat.
        shape, spacing_mm: the grid of the voxels.
        coarsening: edge of a coarse voxel over the largest edge of a voxel; 1 keeps the largest.
    """
    target = coarsening * max(spacing_mm)
    factors = [max(1, round(target / h)) for h in spacing_mm]
    # Cells of the inner voxels, and a closed layer around them.
    counts = [-(-(n - 2) // f) for n, f in zip(shape, factors, strict=True)]
    coarse: Shape = (counts[0] + 2, counts[1] + 2, counts[2] + 2)
    h: Spacing = tuple(f * s for f, s in zip(factors, spacing_mm, strict=True))  # type: ignore[assignment]
    means, lines = [], []
    for n, f, m in zip(shape, factors, coarse, strict=True):
        index = (np.arange(n) - 1) // f + 1
        averaging = np.zeros((m, n))
        averaging[index[1:-1], np.arange(1, n - 1)] = 1.0 / f
        place = np.clip((np.arange(n) - 0.5) / f + 0.5, 1.0, m - 2.0)
        low = np.minimum(place.astype(int), max(m - 3, 1))
        linear = np.zeros((n, m))
        linear[np.arange(n), low] = 1.0 - (place - low)
        linear[np.arange(n), low + 1] += place - low
        means.append(jnp.asarray(averaging, mask.dtype))
        lines.append(jnp.asarray(linear, mask.dtype))
    share = _along(tuple(means), mask, shape)
    inside = jnp.where(share >= 0.5, 1.0, 0.0).astype(mask.dtype)
    weight = jnp.maximum(share, 1e-3)
    return Coarse(inside, weight, mask, (*means,), (*lines,), coarse, h, shape)


def _along(matrices: tuple[Array, ...], field: Array, shape: Shape) -> Array:
    """One matrix along each axis of a flat field."""
    x, y, z = matrices
    return jnp.einsum(
        "ai,bj,ck,ijk->abc", x, y, z, field.reshape(shape), optimize="optimal"
    ).ravel()

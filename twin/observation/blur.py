"""Gaussian blur of flat fields by a length in millimeters, which can be a parameter.

    b_i = Σ_j g(x_i − x_j) f_j,   g(x) ∝ exp(−|x|² / (2 s²)),   Σ over the infinite lattice = 1

What leaves the grid is lost; a field inside keeps its sum. Along each axis this is a product with a
small matrix, so that length and field can both be differentiated in any direction.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

FWHM = 2.0 * np.sqrt(2.0 * np.log(2.0))
"""Full width at half maximum of a Gaussian over its standard deviation."""
_REACH = 8
_LEAST = 0.05


def blur(
    field: Float[Array, "*t n"],
    shape: tuple[int, int, int],
    spacing_mm: tuple[float, float, float],
    length_mm: Float[Array, ""] | float,
) -> Float[Array, "*t n"]:
    """The field blurred by a Gaussian of standard deviation `length_mm`.

    Args:
        field: flat (x, y, z); leading axes are kept.
        shape, spacing_mm: grid.
        length_mm: anything from 0 on; below a twentieth of a voxel nothing is blurred.
    """
    volume = field.reshape(*field.shape[:-1], *shape)
    for axis, (size, spacing) in enumerate(zip(shape, spacing_mm, strict=True), start=-3):
        weights = _weights(size, spacing, length_mm)
        volume = jnp.moveaxis(jnp.moveaxis(volume, axis, -1) @ weights, -1, axis)
    return volume.reshape(field.shape)


def _weights(size: int, spacing: float, length_mm: Array | float) -> Float[Array, "m m"]:
    """Symmetric matrix of Gaussian weights between the voxels of an axis."""
    deviation = jnp.maximum(length_mm / spacing, _LEAST)
    lattice = jnp.arange(-_REACH * size, _REACH * size + 1)
    total = jnp.exp(-0.5 * (lattice / deviation) ** 2).sum()
    apart = np.arange(size)[:, None] - np.arange(size)
    return jnp.exp(-0.5 * (apart / deviation) ** 2) / total

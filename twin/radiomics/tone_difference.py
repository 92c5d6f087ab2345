"""Difference of a voxel from the mean of its neighbors (NGTDM).

    s_i: sum over voxels of level i of |i - mean of neighbors|

Amadasun and King 1989, doi 10.1109/21.44046, as defined by Zwanenburg et al., Radiology 2020,
doi 10.1148/radiol.2020191145, section 3.10 of the reference manual.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from twin.radiomics.finite import ratio

LARGEST_COARSENESS = 1e6
"""Coarseness of a region without any difference, as the reference manual has it."""


def tone_differences(
    levels: Int[Array, "length"],
    neighbors: Int[Array, "length neighbors"],
    slices: Int[Array, "length"],
    *,
    level_count: int,
    slice_count: int,
) -> Float[Array, "slices kinds levels"]:
    """Number of voxels with a neighbor, and the sum of their differences, by slice and level."""
    other = jnp.append(levels, 0)[neighbors]
    known = (other > 0).sum(axis=1)
    valid = (levels > 0) & (known > 0)
    difference = jnp.abs(levels - ratio(other.sum(axis=1).astype(jnp.float32), known))
    cells = slice_count * level_count
    group = slices if slice_count > 1 else 0
    place = jnp.where(valid, group * level_count + levels - 1, cells)
    sums = (
        jnp.zeros((2, cells + 1))
        .at[:, place]
        .add(jnp.stack([jnp.ones_like(difference), difference]))
    )
    return sums[:, :-1].reshape(2, slice_count, level_count).swapaxes(0, 1)


def tone_difference_features(
    sums: Float[Array, "kinds levels"],
) -> dict[str, Float[Array, ""]]:
    """The five features of one list of counts and sums of differences."""
    n, s = sums
    voxels = n.sum()
    p = ratio(n, voxels)
    i = jnp.arange(1, n.shape[0] + 1, dtype=jnp.float32)
    present = p > 0
    pairs = present[:, None] & present[None, :]
    p_i, p_j = p[:, None], p[None, :]
    difference = jnp.abs(i[:, None] - i[None, :])
    levels_present = present.sum().astype(jnp.float32)
    spread = ratio((p_i * p_j * difference**2).sum(), levels_present * (levels_present - 1))
    weighted = (p * s).sum()
    contest = jnp.where(pairs, jnp.abs(i[:, None] * p_i - i[None, :] * p_j), 0.0).sum()
    mixed = ratio(p_i * s[:, None] + p_j * s[None, :], p_i + p_j)
    return {
        "coarseness": jnp.minimum(
            ratio(jnp.ones(()), weighted, LARGEST_COARSENESS), LARGEST_COARSENESS
        ),
        "contrast": spread * ratio(s.sum(), voxels),
        "busyness": ratio(weighted, contest),
        "complexity": ratio(jnp.where(pairs, difference * mixed, 0.0).sum(), voxels),
        "strength": ratio(jnp.where(pairs, (p_i + p_j) * difference**2, 0.0).sum(), s.sum()),
    }

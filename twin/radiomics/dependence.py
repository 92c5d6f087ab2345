"""Dependence on neighbors: how many of them share a voxel's gray level (NGLDM).

    m_ij: number of voxels of level i of which j - 1 neighbors have the same level

Sun and Wee 1983, doi 10.1016/0734-189X(83)90032-4, as defined by Zwanenburg et al., Radiology 2020,
doi 10.1148/radiol.2020191145, section 3.11 of the reference manual, with coarseness 0.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from twin.radiomics.counting import count


def dependence_matrices(
    levels: Int[Array, "length"],
    neighbors: Int[Array, "length neighbors"],
    slices: Int[Array, "length"],
    *,
    level_count: int,
    slice_count: int,
) -> Float[Array, "slices levels dependences"]:
    """Counts of voxels by level and by dependence (1 to neighbors + 1), for each slice."""
    columns = neighbors.shape[1] + 1
    same = jnp.append(levels, 0)[neighbors] == levels[:, None]
    group = slices if slice_count > 1 else 0
    cell = (group * level_count + levels - 1) * columns + same.sum(axis=1)
    return count(cell, levels > 0, (slice_count, level_count, columns))

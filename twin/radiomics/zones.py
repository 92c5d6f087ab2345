"""Zones: connected voxels of one level, by size (GLSZM) and distance to the border (GLDZM).

    m_ij: number of zones of level i and size (or distance) j

Thibault et al. 2014, doi 10.1109/TBME.2013.2284600, as defined by Zwanenburg et al.,
Radiology 2020, doi 10.1148/radiol.2020191145, sections 3.8 and 3.9 of the reference manual.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from twin.radiomics.counting import count

FEWEST_SIZES = 512
"""Number of columns of zone sizes, enough for 131,000 voxels."""


class Zones(NamedTuple):
    """Zones, each kept at its first voxel: whether a voxel is one, and the zone's size."""

    label: Int[Array, "length"]
    first: Bool[Array, "length"]
    size: Int[Array, "length"]


def find_zones(levels: Int[Array, "length"], neighbors: Int[Array, "length neighbors"]) -> Zones:
    """Connected voxels of equal level.

    Every voxel takes the smallest label next to it, passes it on to the voxel its own label names,
    and follows labels one step further, until nothing changes.

    Args:
        levels: gray level of each voxel from 1 on, 0 for none.
        neighbors: places of all neighbors, `length` for none.
    """
    length = levels.shape[0]
    own = jnp.arange(length, dtype=jnp.int32)
    same = (jnp.append(levels, 0)[neighbors] == levels[:, None]) & (levels > 0)[:, None]
    reached = jnp.where(same, neighbors, own[:, None])

    def spread(state: tuple[Array, Array]) -> tuple[Array, Array]:
        label, _ = state
        smallest = label[reached].min(axis=1)
        new = jnp.minimum(label, smallest).at[label].min(smallest)
        new = new[new]
        return new, jnp.any(new != label)

    start = jnp.minimum(own, reached.min(axis=1)), jnp.array(True)
    label, _ = jax.lax.while_loop(lambda state: state[1], spread, start)
    inside = levels > 0
    size = jnp.zeros(length, jnp.int32).at[label].add(inside.astype(jnp.int32))
    return Zones(label, inside & (label == own), size)


def size_matrices(
    levels: Int[Array, "length"],
    zones: Zones,
    slices: Int[Array, "length"],
    *,
    level_count: int,
    slice_count: int,
) -> tuple[Float[Array, "slices levels sizes"], Float[Array, "sizes"]]:
    """Counts of zones by level and size, and the size of each column.

    Only sizes that occur get a column: different sizes add up to at most the number of voxels, so
    there are at most sqrt(2 voxels) of them.
    """
    length = levels.shape[0]
    columns = max(int((2 * length) ** 0.5) + 1, FEWEST_SIZES)
    size = jnp.where(zones.first, zones.size, 0)
    occurs = jnp.zeros(length + 1, jnp.int32).at[size].max(1).at[0].set(0)
    column = jnp.cumsum(occurs) - 1
    group = slices if slice_count > 1 else 0
    cell = (group * level_count + levels - 1) * columns + column[size]
    matrix = count(cell, zones.first, (slice_count, level_count, columns))
    place = jnp.where(occurs > 0, column, columns)
    sizes = jnp.arange(length + 1, dtype=jnp.float32)
    return matrix, jnp.ones(columns + 1).at[place].set(sizes)[:-1]


def distance_matrices(
    levels: Int[Array, "length"],
    zones: Zones,
    distance: Int[Array, "length"],
    slices: Int[Array, "length"],
    *,
    level_count: int,
    slice_count: int,
    longest: int,
) -> Float[Array, "slices levels distances"]:
    """Counts of zones by level and by the smallest distance (1 to `longest`) of their voxels."""
    far = jnp.iinfo(jnp.int32).max
    nearest = jnp.full(levels.shape, far).at[zones.label].min(distance)
    group = slices if slice_count > 1 else 0
    cell = (group * level_count + levels - 1) * longest + jnp.clip(nearest, 1, longest) - 1
    return count(cell, zones.first, (slice_count, level_count, longest))


def border_distance(
    inside: Bool[Array, "length"], faces: Int[Array, "length faces"], *, longest: int
) -> Int[Array, "length"]:
    """Steps across faces from each voxel to the outside: 1 at the border (IBSI's distance).

    Args:
        inside: false for padding.
        faces: places of the neighbors across faces, `length` for none.
        longest: a distance that none exceeds.
    """

    def relax(state: tuple[Array, Array]) -> tuple[Array, Array]:
        distance, _ = state
        nearest = jnp.append(distance, 0)[faces].min(axis=1)
        new = jnp.where(inside, jnp.minimum(distance, nearest + 1), 0)
        return new, jnp.any(new != distance)

    start = jnp.where(inside, longest, 0).astype(jnp.int32), jnp.array(True)
    return jax.lax.while_loop(lambda state: state[1], relax, start)[0]

"""Run lengths: how far one gray level goes straight on (GLRLM).

    m_ij: number of runs of level i and length j

Galloway 1975, doi 10.1016/S0146-664X(75)80008-6, as defined by Zwanenburg et al., Radiology 2020,
doi 10.1148/radiol.2020191145, section 3.7 of the reference manual.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from twin.radiomics.counting import count


def run_matrices(
    levels: Int[Array, "length"],
    ahead: Int[Array, "length directions"],
    behind: Int[Array, "length directions"],
    slices: Int[Array, "length"],
    *,
    level_count: int,
    slice_count: int,
    longest: int,
) -> Float[Array, "slices directions levels runs"]:
    """Counts of runs by level and length (1 to `longest`), for each slice and direction.

    Lengths are found by pointer doubling: who knows the length of 2^k steps ahead of every voxel
    knows that of 2^(k + 1).

    Args:
        levels: gray level of each voxel from 1 on, 0 for none.
        ahead: place of the next voxel in each direction, `length` for none.
        behind: the same against each direction.
        slices: slice of each voxel.
        level_count: highest level.
        slice_count: number of slices told apart; 1 counts all together.
        longest: a length that no run exceeds.
    """
    length = levels.shape[0]
    extended = jnp.append(levels, 0)

    def of_direction(ahead: Array, behind: Array) -> tuple[Array, Array]:
        same = (extended[ahead] == levels) & (levels > 0)
        pointer = jnp.append(jnp.where(same, ahead, length), length)
        run = jnp.append((levels > 0).astype(jnp.int32), 0)

        def double(_: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
            run, pointer = state
            return run + run[pointer], pointer[pointer]

        run, _ = jax.lax.fori_loop(0, (longest - 1).bit_length(), double, (run, pointer))
        starts = (levels > 0) & (extended[behind] != levels)
        return run[:-1], starts

    run, starts = jax.vmap(of_direction, in_axes=1)(ahead, behind)
    directions = ahead.shape[1]
    group = (slices if slice_count > 1 else 0) * directions + jnp.arange(directions)[:, None]
    cell = (group * level_count + levels - 1) * longest + run - 1
    return count(cell, starts, (slice_count, directions, level_count, longest))

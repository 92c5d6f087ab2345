"""Equal explicit sub-steps of diffusion, and what every kind of step shares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from twin.operators.diffusion import DiffusionOperator, diffuse

Loop = Callable[[Any, Any, Callable[[Any, Any], Any], Any], Any]
"""`loop(lower, upper, body, start)`, as `jax.lax.fori_loop`; `upper` may be traced. A solver passes
one that can be differentiated the way that is asked for."""

LARGEST_STEP = 0.65
"""Sub-step times the rate at which a lone voxel empties: positive up to 1. From here down the error
of a few sub-steps on a rough field is tenths of a percent."""
MAX_SUBSTEPS = 10_000
"""Most sub-steps of a step; a rate beyond ends in values that are not finite, not in a hang."""


def diffuse_explicitly(
    u: Float[Array, " n"],
    operator: DiffusionOperator,
    dt_days: Float[Array, ""],
    largest_step: float = LARGEST_STEP,
    loop: Loop = jax.lax.fori_loop,
) -> Float[Array, " n"]:
    """Equal SSPRK2 sub-steps of at most `largest_step` over the rate.

    Positive and without new extrema for a `largest_step` of at most 1.
    """
    count = substeps(dt_days * jax.lax.stop_gradient(operator.rate), largest_step)
    return loop(0, count, lambda _, v: diffuse(v, operator, dt_days / count), u)


def substeps(step_times_rate: Float[Array, ""], largest_step: float = LARGEST_STEP) -> Array:
    """How many explicit sub-steps a step takes."""
    wanted = jnp.ceil(step_times_rate / largest_step - 1e-4)
    return jnp.maximum(1, jnp.minimum(wanted, MAX_SUBSTEPS).astype(jnp.int32))


def without_deficit(
    u: Float[Array, " n"], otherwise: Callable[[], Array] | None = None, allowed: float = jnp.inf
) -> Float[Array, " n"]:
    """Values below zero set to zero and their mass taken from all others in proportion.

    Args:
        u: a field whose sum is to stay.
        otherwise: what to return instead where the deficit is larger than allowed.
        allowed: deficit relative to the mass above zero.
    """
    u = jax.lax.optimization_barrier(u)  # or the sum would compute it again, one voxel at a time
    deficit = -jnp.minimum(u, 0.0).sum()

    def clipped() -> Array:
        above = jnp.maximum(u, 0.0)
        total = above.sum()
        return above * (1.0 - deficit / jnp.where(total > 0.0, total, 1.0))

    def mended() -> Array:
        if otherwise is None:
            return clipped()
        return jax.lax.cond(deficit <= allowed * jnp.maximum(u, 0.0).sum(), clipped, otherwise)

    return jax.lax.cond(deficit > 0.0, mended, lambda: u)

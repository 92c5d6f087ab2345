"""Steps of diffusion as long as asked for, divided where stability or positivity needs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from twin.operators import diffusion
from twin.operators.diffusion import DiffusionOperator

LARGEST_STEP = 0.65
"""Diffusion sub-step times the rate at which a lone voxel empties. Positive up to 1; from here down
the error of rough fields is a few tenths of a percent."""
MAX_SUBSTEPS = 10_000
"""Most diffusion sub-steps of a step; a diffusivity beyond ends in a bad status, not in a hang."""


def diffuse(
    cells: tuple[Float[Array, " n"], ...],
    operator: DiffusionOperator,
    dt_days: Array,
    loop: Callable[[Any, Any, Callable[[Any, Any], Any], Any], Any] = jax.lax.fori_loop,
) -> tuple[Float[Array, " n"], ...]:
    """Diffuse every compartment by the same operator over `dt_days`."""
    rate = jax.lax.stop_gradient(operator.rate)
    wanted = jnp.minimum(jnp.ceil(dt_days * rate / LARGEST_STEP - 1e-4), MAX_SUBSTEPS)
    count = jnp.maximum(1, wanted.astype(jnp.int32))

    def substep(_: Any, fields: tuple[Array, ...]) -> tuple[Array, ...]:
        return tuple(diffusion.diffuse(u, operator, dt_days / count) for u in fields)

    return loop(0, count, substep, cells)

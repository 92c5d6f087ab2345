"""Entropy and quotients that stay finite where nothing was counted."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float


def entropy(p: Float[Array, "*axes"], axis: int | tuple[int, ...] | None = None) -> Array:
    """Shannon entropy -sum p log2 p in bits; empty cells add nothing."""
    return -(p * jnp.log2(jnp.where(p > 0, p, 1.0))).sum(axis=axis)


def ratio(above: Array, below: Array, otherwise: float = 0.0) -> Array:
    """above / below, and `otherwise` where below is zero; derivatives stay finite too."""
    empty = below == 0
    return jnp.where(empty, otherwise, above / jnp.where(empty, 1.0, below))

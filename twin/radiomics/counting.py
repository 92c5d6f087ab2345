"""Counting on the device."""

from __future__ import annotations

import math

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int


def count(
    cell: Int[Array, "*axes"], valid: Bool[Array, "*axes"], shape: tuple[int, ...]
) -> Float[Array, "..."]:
    """How often each cell of an array of a shape occurs among the valid entries."""
    cells = math.prod(shape)
    place = jnp.where(valid, cell, cells).ravel()
    return jnp.zeros(cells + 1, jnp.float32).at[place].add(1.0)[:-1].reshape(shape)

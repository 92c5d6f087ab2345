"""Noise in proportion to the signal: the logarithm of a positive map errs by a Gaussian.

    ln y = ln predict(state) + σ ε,    σ² = ln(1 + cv²)

The repeatability of quantitative maps is published as a coefficient of variation cv.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from twin.observation.observation import gaussian_log_prob, in_deviations

LEAST = 1e-3
"""Least signal believed, in the unit of the map: maps hold zeros where their own fit failed."""


def relative_log_prob(
    predicted: Float[Array, "*image"],
    observed: Float[Array, "*image"],
    variation: Float[Array, ""] | float,
    weight: Float[Array, "..."] | float = 1.0,
    correlated_voxels: float = 1.0,
) -> Float[Array, ""]:
    """Log density of a positive map whose voxels have a coefficient of variation.

    Args:
        predicted, observed: maps of one shape and unit; below `LEAST` they count as that.
        variation: coefficient of variation of a voxel, 1.
        weight: 1 where something was measured, 0 elsewhere; what stands there does not count.
        correlated_voxels: voxels that share one independent piece of information.
    """
    counted = jnp.broadcast_to(jnp.asarray(weight, predicted.dtype), predicted.shape) > 0.0
    known = jnp.maximum(jnp.where(counted, observed, 1.0), LEAST)
    sd = jnp.sqrt(jnp.log1p(jnp.asarray(variation) ** 2))
    logs = jnp.log(jnp.maximum(predicted, LEAST)), jnp.log(known)
    density = gaussian_log_prob(*logs, sd, weight, correlated_voxels)
    return density - jnp.where(counted, logs[1], 0.0).sum() / correlated_voxels


def relative_standardized(
    values: Float[Array, "*image"],
    variation: Float[Array, ""] | float,
    weight: Float[Array, "..."] | float = 1.0,
    correlated_voxels: float = 1.0,
) -> Float[Array, "*image"]:
    """Logarithm of a positive map over its standard deviation; arguments as above."""
    sd = jnp.sqrt(jnp.log1p(jnp.asarray(variation) ** 2))
    return in_deviations(jnp.log(jnp.maximum(values, LEAST)), sd, weight, correlated_voxels)

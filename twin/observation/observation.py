"""What an observation is: what a scan shows of a tumor, and how probable what it showed is.

    y = predict(state) + noise,    ln p(y) = (1 / V) Σ_i ln p(y_i)

Voxels of an image do not err independently. V neighbors share one independent piece of information
(`correlated_voxels`, estimated by twin/calibration/noise.py), so n voxels count as n / V of them
(Cressie 1993, doi 10.1002/9781119115151).
"""

from __future__ import annotations

import math
from typing import Protocol, runtime_checkable

import jax.numpy as jnp
from jaxtyping import Array, Float

from twin.models.model import Params
from twin.models.state import State
from twin.parameters import Parameter

LEAST_PROBABILITY = 1e-6
"""A voxel is never surely drawn or left out: readers slip."""


@runtime_checkable
class Observation(Protocol):
    """Anything that shows a state; an `equinox.Module` with these four methods will do.

    All of them are traced and differentiated by JAX. States may have leading axes (time, draws),
    which the prediction keeps.
    """

    def parameters(self) -> list[Parameter]:
        """Parameters that the observation adds to the model's, those of its noise included."""
        ...

    def predict(self, state: State, params: Params) -> Array:
        """What would be measured without noise: (..., N) for an image, (...) for a number."""
        ...

    def log_prob(self, predicted: Array, observed: Array, params: Params) -> Float[Array, ""]:
        """Log probability density of a measurement, all of its voxels and times together."""
        ...

    def standardized(self, values: Array, params: Params) -> Array:
        """Measurements or predictions in standard deviations of their noise, correlation included:
        what an ensemble Kalman update compares. 0 where nothing was measured."""
        ...


def gaussian_log_prob(
    predicted: Float[Array, "*image"],
    observed: Float[Array, "*image"],
    sd: Float[Array, ""] | float,
    weight: Float[Array, "..."] | float = 1.0,
    correlated_voxels: float = 1.0,
) -> Float[Array, ""]:
    """Log density of Gaussian noise of which `correlated_voxels` share one piece of information.

    Args:
        predicted, observed: images or numbers of one shape and unit.
        sd: standard deviation of one voxel, same unit.
        weight: 1 where something was measured, 0 elsewhere; what stands there does not count.
        correlated_voxels: V.
    """
    counted = jnp.broadcast_to(jnp.asarray(weight, predicted.dtype), predicted.shape) > 0.0
    residual = jnp.where(counted, predicted - jnp.where(counted, observed, 0.0), 0.0) / sd
    each = jnp.log(jnp.asarray(sd)) + 0.5 * math.log(2.0 * math.pi)
    return -(0.5 * (residual**2).sum() + counted.sum() * each) / correlated_voxels


def in_deviations(
    values: Float[Array, "*image"],
    sd: Float[Array, ""] | float,
    weight: Float[Array, "..."] | float = 1.0,
    correlated_voxels: float = 1.0,
) -> Float[Array, "*image"]:
    """Values over the deviation that a voxel would have, were all of them independent.

    Args:
        values: image or number, in the unit of `sd`.
        sd, weight, correlated_voxels: see `gaussian_log_prob`.
    """
    counted = jnp.broadcast_to(jnp.asarray(weight, values.dtype), values.shape) > 0.0
    return jnp.where(counted, values, 0.0) / (sd * math.sqrt(correlated_voxels))


def bernoulli_log_prob(
    predicted: Float[Array, "*image"],
    observed: Float[Array, "*image"],
    weight: Float[Array, "..."] | float = 1.0,
    correlated_voxels: float = 1.0,
) -> Float[Array, ""]:
    """Log probability of a mask, given the probability of each voxel to be drawn.

    Args:
        predicted: probabilities; they are kept `LEAST_PROBABILITY` away from 0 and 1.
        observed: 1 where drawn, 0 elsewhere.
        weight, correlated_voxels: see `gaussian_log_prob`.
    """
    counted = jnp.broadcast_to(jnp.asarray(weight, predicted.dtype), predicted.shape) > 0.0
    p = jnp.clip(predicted, LEAST_PROBABILITY, 1.0 - LEAST_PROBABILITY)
    drawn = jnp.where(counted, observed, 0.0) > 0.5
    each = jnp.where(drawn, jnp.log(p), jnp.log1p(-p))
    return jnp.where(counted, each, 0.0).sum() / correlated_voxels

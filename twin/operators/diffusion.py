"""One explicit step of du/dt = L u for every operator that conserves and is monotone.

An operator L is one whose sum over voxels vanishes and whose weights between voxels are not
negative, so that an explicit step dt is a convex combination of values while dt * rate <= 1.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import jax
from jaxtyping import Array, Float

from twin.operators.pairs import Pairs


@runtime_checkable
class DiffusionOperator(Protocol):
    """What a diffusion step needs to know: L = scale * apply_unscaled.

    `twin.operators.fluxes.Conductances`, `twin.operators.stencil.Stencil`,
    `twin.operators.mixture.Mixture` and `twin.operators.obstacle.Obstructed` are operators.
    """

    @property
    def scale(self) -> Float[Array, ""]:
        """Number that multiplies the operator, apart so that its derivative costs no field."""
        ...

    @property
    def rate(self) -> Float[Array, ""]:
        """Largest sum of the weights of a voxel, 1/day; a step is positive while dt * rate <= 1."""
        ...

    def apply_unscaled(self, u: Float[Array, " n"]) -> Float[Array, " n"]:
        """L u at a scale of 1."""
        ...


@runtime_checkable
class SymmetricOperator(DiffusionOperator, Protocol):
    """An operator that is its own transpose, with its weights at hand."""

    @property
    def pairs(self) -> Pairs:
        """Weights by offset, at a scale of 1, for steps that limit single flows."""
        ...


def apply(u: Float[Array, " n"], operator: DiffusionOperator) -> Float[Array, " n"]:
    """L u of a flat field, in units of u per day."""
    return operator.scale * operator.apply_unscaled(u)


def diffuse(
    u: Float[Array, " n"], operator: DiffusionOperator, dt_days: Float[Array, ""]
) -> Float[Array, " n"]:
    """One step of the two-stage strong-stability-preserving Runge-Kutta scheme (SSPRK2).

    Second order, conservative, and a convex combination of explicit Euler steps: positive and
    without new extrema while `dt_days * operator.rate <= 1` (Gottlieb et al. 2001, doi
    10.1137/S003614450036757X). The barriers keep XLA from computing the first stage again for each
    neighbor of the second, and halve the cost of derivatives.
    """
    factor = dt_days * operator.scale
    first = jax.lax.optimization_barrier(u + factor * operator.apply_unscaled(u))
    second = first + factor * operator.apply_unscaled(first)
    return jax.lax.optimization_barrier(0.5 * (u + second))

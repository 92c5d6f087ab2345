"""The cheapest diffusion step that meets an error: explicit, Runge-Kutta-Legendre or implicit.

With R = dt * rate, in applications of the operator:

    explicit   2 R / 0.65                              what the solver does while R is a few
    Legendre   6 sqrt(R) / (10 tolerance)^(1/4)        less where the field is smooth
    implicit   45 sqrt(1 + mean of dt * rate)          where few voxels are fast and 4 % will do

docs/explanation/diffusion-steps.md has the measured errors and costs behind this choice.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from twin.operators import implicit
from twin.operators.diffusion import DiffusionOperator, SymmetricOperator
from twin.operators.explicit import LARGEST_STEP, Loop, diffuse_explicitly, substeps
from twin.operators.implicit import diffuse_implicitly
from twin.operators.legendre import (
    Schedule,
    diffuse_by_legendre,
    legendre_schedule,
    legendre_stages,
    roughness,
)
from twin.operators.pairs import total_weights

FEW = 2.6
"""R up to which explicit sub-steps are taken without looking at the field: four of them."""
EXPLICIT, LEGENDRE, IMPLICIT = 0, 1, 2
_STAGE, _SUBSTEP, _LOOK = 1.5, 2.0, 4.0  # costs of Legendre steps in applications of the operator
_IMPLICIT = 45.0
_MOST_SUBSTEPS = 512


def diffuse_adaptively(
    u: Float[Array, " n"],
    operator: DiffusionOperator,
    dt_days: Float[Array, ""],
    tolerance: float = 1e-3,
    largest_step: float = LARGEST_STEP,
    loop: Loop = jax.lax.fori_loop,
) -> Float[Array, " n"]:
    """Diffuse over a step of any length, conservative and without values below zero.

    Up to R = 2.6 it is `diffuse_explicitly` to the last bit, accurate to `largest_step` and not to
    `tolerance`. In float32, round-off adds about 2e-8 R to the error. The choice depends on values:
    where fields are batched by `jax.vmap`, JAX computes all three.

    Args:
        u: field without negative values.
        operator: with a real spectrum; implicit steps are for symmetric ones only.
        dt_days: the step.
        tolerance: error in L² relative to u, of Legendre and implicit steps.
        largest_step: explicit sub-step times rate, at most 1.
        loop: see `twin.operators.explicit.Loop`.
    """
    size = dt_days * jax.lax.stop_gradient(operator.rate)

    def explicitly(v: Array) -> Array:
        return diffuse_explicitly(v, operator, dt_days, largest_step, loop)

    def chosen(v: Array) -> Array:
        rough = roughness(v, operator, dt_days)
        schedule = legendre_schedule(size, rough, tolerance)

        def by_legendre(v: Array) -> Array:
            return diffuse_by_legendre(v, operator, dt_days, tolerance, loop, schedule)

        if not isinstance(operator, SymmetricOperator):
            way = cheapest(size, schedule, jnp.inf, largest_step)
            return jax.lax.switch(way, [explicitly, by_legendre], v)
        error = jnp.minimum(implicit.LARGEST_ERROR, implicit.STEP_ERROR * rough)
        mean = jnp.where(error <= tolerance, dt_days * mean_rate(operator), jnp.inf)
        symmetric = operator

        def implicitly(v: Array) -> Array:
            return diffuse_implicitly(v, symmetric, dt_days, 0.1 * tolerance)

        way = cheapest(size, schedule, mean, largest_step)
        return jax.lax.switch(way, [explicitly, by_legendre, implicitly], v)

    return jax.lax.cond(size <= FEW, explicitly, chosen, u)


def cheapest(
    step_times_rate: Float[Array, ""],
    schedule: Schedule,
    step_times_mean_rate: Float[Array, ""] | float,
    largest_step: float = LARGEST_STEP,
) -> Int[Array, ""]:
    """EXPLICIT, LEGENDRE or IMPLICIT, by the applications of the operator that each will take.

    Args:
        step_times_rate: R.
        schedule: of a Legendre step.
        step_times_mean_rate: R for the mean rate; infinite where an implicit step errs too much.
        largest_step: explicit sub-step times rate.
    """
    index = jnp.arange(_MOST_SUBSTEPS)
    stages = legendre_stages(step_times_rate * schedule.share(index))
    taken = jnp.where(index < schedule.count, stages, 0.0).sum()
    costs = (
        2.0 * substeps(step_times_rate, largest_step),
        _STAGE * taken + _SUBSTEP * schedule.count + _LOOK,
        _IMPLICIT * jnp.sqrt(1.0 + step_times_mean_rate),
    )
    return jnp.argmin(jnp.stack([jnp.asarray(cost, stages.dtype) for cost in costs]))


def mean_rate(operator: SymmetricOperator) -> Float[Array, ""]:
    """Mean over tissue of the rate at which a lone voxel empties, 1/day."""
    total = jax.lax.stop_gradient(operator.scale * total_weights(*operator.pairs))
    inside = total > 0.0
    return total.sum() / jnp.maximum(inside.sum(), 1)

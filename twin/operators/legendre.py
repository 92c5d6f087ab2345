"""Runge-Kutta-Legendre steps of diffusion: sqrt(R) applications of L where explicit ones take R.

RKL2 of Meyer, Balsara & Aslam 2014 (doi 10.1016/j.jcp.2013.08.021) has s stages, is of second
order, and stable for R = dt * rate up to (s² + s − 2) / 4. The stages of its u_new = P(dt L) u obey
a linear recursion that is run here for q with

    u_new = u + dt L(q)

so that mass is kept to round-off. In L² a step errs by at most 0.055 |(dt L)² u| (0.083 for s = 3),
which says how long the first sub-step may be; it keeps about half of what varies from voxel to
voxel, so that later sub-steps may be a share of the time passed and no more: what they could not
damp is gone by then. All of them together take about 4 sqrt(R) / (10 tolerance)^(1/4) applications.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from twin.operators.diffusion import DiffusionOperator, apply
from twin.operators.explicit import Loop, diffuse_explicitly, without_deficit

STEP_ERROR = 0.055
"""Largest error of a step in L² over |(dt L)² u|."""
SHORTEST = 0.1
"""No sub-step is asked to be shorter than this over the rate."""
ROUND_OFF = 64.0
"""Deficit below zero that counts as round-off, in units of the precision times the mass."""


class Schedule(NamedTuple):
    """Equal sub-steps at first, then each longer than the last by a factor.

    Attributes:
        count: how many.
        first: share of the whole step that the first one takes.
        level: how many are equal.
        growth: factor from there on.
    """

    count: Int[Array, ""]
    first: Float[Array, ""]
    level: int
    growth: float

    def share(self, index: Array) -> Array:
        """Share of the whole step that a sub-step takes."""
        power = jnp.maximum(jnp.asarray(index, self.first.dtype) + 1.0 - self.level, 0.0)
        return self.first * self.growth**power


def diffuse_by_legendre(
    u: Float[Array, " n"],
    operator: DiffusionOperator,
    dt_days: Float[Array, ""],
    tolerance: float = 1e-3,
    loop: Loop = jax.lax.fori_loop,
    schedule: Schedule | None = None,
) -> Float[Array, " n"]:
    """Sub-steps that grow as the field gets smooth, each by as many stages as it takes.

    Not positive for every field: where a sub-step makes values negative beyond round-off, explicit
    ones take its place; round-off is clipped and its mass taken from all other voxels.

    Args:
        u: field without negative values.
        operator: symmetric, or with a real spectrum.
        dt_days: the whole step.
        tolerance: error in L² relative to u.
        loop: see `twin.operators.explicit.Loop`; loops are nested.
        schedule: sub-steps, where they are known already.
    """
    rate = jax.lax.stop_gradient(operator.rate)
    if schedule is None:
        schedule = legendre_schedule(dt_days * rate, roughness(u, operator, dt_days), tolerance)

    def substep(index: Array, v: Array) -> Array:
        step = dt_days * schedule.share(index)
        return _step(v, operator, step, legendre_stages(step * rate), loop)

    return loop(0, schedule.count, substep, u)


def roughness(
    u: Float[Array, " n"], operator: DiffusionOperator, dt_days: Float[Array, ""]
) -> Float[Array, ""]:
    """|(dt L)² u| / |u| in L²: how far the step is from small, seen from this field."""
    u, operator, dt_days = jax.lax.stop_gradient((u, operator, dt_days))
    once = jax.lax.optimization_barrier(dt_days * apply(u, operator))
    twice = jax.lax.optimization_barrier(dt_days * apply(once, operator))
    size = jnp.sqrt(jnp.vdot(u, u))
    return jnp.sqrt(jnp.vdot(twice, twice)) / jnp.maximum(size, jnp.finfo(u.dtype).tiny)


def legendre_schedule(
    step_times_rate: Float[Array, ""], rough: Float[Array, ""], tolerance: float
) -> Schedule:
    """Sub-steps of a whole step of size R.

    Args:
        step_times_rate: R.
        rough: see `roughness`.
        tolerance: error in L² relative to u.
    """
    passed = min(max((10.0 * tolerance) ** 0.5, 0.02), 0.5)
    level, growth = math.ceil(1.0 / passed), 1.0 + passed
    shortest = SHORTEST / jnp.maximum(step_times_rate, SHORTEST)
    wanted = jnp.sqrt(tolerance / (STEP_ERROR * jnp.maximum(rough, 1e-30)))
    wanted = jnp.clip(wanted, shortest, 1.0)
    ratio = 1.0 / wanted  # of the whole step to the first sub-step
    grown = jnp.log1p(jnp.maximum(ratio - level, 0.0) * passed / growth) / math.log(growth)
    count = jnp.ceil(jnp.where(ratio > level, level + grown, ratio) - 1e-4)
    beyond = jnp.maximum(count - level, 0.0)
    units = jnp.minimum(count, level) + growth * (growth**beyond - 1.0) / passed
    return Schedule(count.astype(jnp.int32), 1.0 / units, level, growth)


def legendre_stages(step_times_rate: Float[Array, "*steps"]) -> Float[Array, "*steps"]:
    """Smallest odd number of stages, at least 3, that is stable for R.

    Even numbers barely damp the fastest mode.
    """
    least = 0.5 * (jnp.sqrt(9.0 + 16.0 * step_times_rate) - 1.0)
    return jnp.maximum(2.0 * jnp.ceil(0.5 * (least - 1.0) - 1e-4) + 1.0, 3.0)


def _step(
    u: Float[Array, " n"],
    operator: DiffusionOperator,
    dt_days: Float[Array, ""],
    stages: Float[Array, ""],
    loop: Loop,
) -> Float[Array, " n"]:
    weight = 4.0 / (stages**2 + stages - 2.0)

    def share(j: Array) -> Array:
        return jnp.where(j < 2.0, 1.0 / 3.0, (j * j + j - 2.0) / (2.0 * j * (j + 1.0)))

    def stage(j: Array, before: Array, last: Array) -> Array:
        mu = (2.0 * j - 1.0) / j * share(j) / share(j - 1.0)
        nu = -(j - 1.0) / j * share(j) / share(j - 2.0)
        slope = mu * weight
        here = slope - (1.0 - share(j - 1.0)) * slope  # of u, through the value and by itself
        spread = (slope * dt_days * operator.scale) * operator.apply_unscaled(last)
        return jax.lax.optimization_barrier(mu * last + nu * before + here * u + spread)

    def two_stages(index: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        """Stages 2 i and 2 i + 1; a pair leaves each buffer where it was."""
        before, last = carry
        j = 2.0 * jnp.asarray(index, u.dtype)
        before = stage(j, before, last)
        return before, stage(j + 1.0, last, before)

    start = (jnp.zeros_like(u), (weight / 3.0).astype(u.dtype) * u)
    _, potential = loop(1, (0.5 * (stages + 1.0)).astype(jnp.int32), two_stages, start)
    found = u + dt_days * apply(potential, operator)
    allowed = ROUND_OFF * float(jnp.finfo(u.dtype).eps)
    return without_deficit(
        found, lambda: diffuse_explicitly(u, operator, dt_days, loop=loop), allowed
    )

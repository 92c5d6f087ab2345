"""Exact half steps of growth and drug kill, from numbers per step and tissue class.

Logistic growth under a drug is a Bernoulli equation, ∂u/∂t = ρ(t) u (1 − u/θ) − κ(t) u. With
K = ∫κ the log kill, G = ∫ρ, E = exp(G − K) and I = ∫ ρ exp(G(s) − K(s)) ds over the half step,

    u → E u / (1 + I u / θ)

exactly. E and I are numbers per step and tissue class, so a voxel pays one division. Growth may
quicken once radiotherapy has run for a while (repopulation; Withers 1988, doi
10.3109/02841868809090333): ρ(t) = ρ (1 + r) from the kick-off on.
"""

from __future__ import annotations

from collections.abc import Mapping

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from twin.treatments.forcing import NODES, WEIGHTS, Forcing

STRONGEST_KILL = 80.0
"""Log kill beyond which no cell is left in float32; its exponential is still a finite number."""


class Growth(eqx.Module):
    """Growth exponent, crowding and drug kill of each half of every step; sliced, of one half.

    Attributes:
        exponent: (M, 2, K) G, growth exponent of each tissue class.
        crowding: (M, 2, K) I over the capacity θ of the class.
        log_kill: (M, 2) K.
        delay: (M, 2) ∫ (s/h) κ exp(−K) ds: the cells killed, weighted by when.
    """

    exponent: Float[Array, "*steps k"]
    crowding: Float[Array, "*steps k"]
    log_kill: Float[Array, "*steps"]
    delay: Float[Array, "*steps"]


def growth_days(
    forcing: Forcing, factor: Array | float = 0.0, delay_days: Array | float = 0.0
) -> Float[Array, "steps 2"]:
    """Length of each half step, longer by `factor` after the kick-off of repopulation."""
    half = 0.5 * jnp.asarray(forcing.dt_days)
    since = jnp.asarray(forcing.since_radiotherapy_days)
    ends = jnp.stack([since + half, since + 2.0 * half], axis=-1)
    return half[:, None] + factor * jnp.clip(ends - delay_days, 0.0, half[:, None])


def log_kill(forcing: Forcing, sensitivities: Float[Array, " drugs"]) -> Float[Array, "m 2 nodes"]:
    """Log kill within each half step, up to its quadrature nodes and its end."""
    exposure = jnp.asarray(forcing.exposure_days)
    if not forcing.drugs:
        return jnp.zeros(exposure.shape[:3], exposure.dtype)
    return exposure @ sensitivities


def logistic_growth(
    forcing: Forcing,
    rate: Float[Array, " k"],
    sensitivities: Float[Array, " drugs"],
    capacity: Float[Array, " k"] | float = 1.0,
    repopulation: tuple[Array | float, Array | float] = (0.0, 0.0),
) -> Growth:
    """Tables of logistic growth at `rate` (1/day) by tissue class under drugs."""
    kill = log_kill(forcing, sensitivities)
    exponent = growth_days(forcing, *repopulation)[..., None] * rate
    nodes = jnp.asarray(NODES, exponent.dtype)[:, None]
    weights = jnp.asarray(WEIGHTS, exponent.dtype)[:, None]
    within = jnp.exp(exponent[:, :, None, :] * nodes - kill[:, :, :-1, None])
    crowding = exponent * (weights * within).sum(axis=2)
    total, so_far = kill[:, :, -1], kill[:, :, :-1]
    # Written so that neither a weak kill loses its digits nor a strong one overflows.
    delay = (jnp.exp(-so_far) * -jnp.expm1(so_far - total[:, :, None])) @ weights[:, 0]
    return Growth(exponent, crowding / capacity, total, delay)


class Kill(eqx.Module):
    """Drug kill of each half of every step, in two parts around the growth; sliced, of one half.

    Attributes:
        early: (M, 2, ...) log kill ahead of the growth of the half step.
        late: (M, 2, ...) log kill after it.
    """

    early: Float[Array, "*steps"]
    late: Float[Array, "*steps"]

    def killed(self, before: tuple[Array, ...], after: tuple[Array, ...]) -> Array:
        """(N,) cells that the drugs took in a half step, all kinds together.

        It is told from the cells at both ends, so that no field in between need be stored.

        Args:
            before: (N,) cells of each kind ahead of the early part.
            after: (N,) cells of each kind behind the late part.
        """
        early, late = -jnp.expm1(-self.early), jnp.expm1(self.late)
        parts = (
            early[i] * u + late[i] * v for i, (u, v) in enumerate(zip(before, after, strict=True))
        )
        return sum(parts, jnp.zeros(()))


def kill_around_growth(forcing: Forcing, sensitivities: Float[Array, "*kinds drugs"]) -> Kill:
    """Kill split so that its mean time stays what it is, also for drugs gone within hours.

    Growth that depends on the state in other ways than the logistic law is taken without drug
    between the two parts; what that errs is of second order in the step.

    Args:
        forcing: treatment tables.
        sensitivities: (drugs,) or (kinds of cells, drugs), 1/day.
    """
    exposure = jnp.asarray(forcing.exposure_days)
    kill = jnp.einsum("mhnd,...d->mhn...", exposure, sensitivities)
    weights = jnp.asarray(WEIGHTS, kill.dtype)
    early = jnp.einsum("mhn...,n->mh...", kill[:, :, :-1], weights)
    return Kill(early, jnp.minimum(kill[:, :, -1] - early, STRONGEST_KILL))


def logistic_flow(
    u: Float[Array, " n"], exponent: Array, room: Array | float = 1.0
) -> Float[Array, " n"]:
    """Solution of u' = g u (room − u) over a unit of time, for a growth exponent g.

    With x = g room it is u exp(x) / (1 + g u (exp(x) − 1) / x). The diagonal Padé approximant
    exp(x) = N(x) / N(−x) of degree 4, whose denominator has no real root, makes one division of it:
    u N(x) / (N(−x) + g u (1 + x²/42)), within 1e-9 of the exact one for x up to 1/2, for every x
    positive, increasing in u, and exactly `room` at u = room. An exponential a voxel would take
    several times longer than the diffusion.
    """
    x = exponent * room
    square = x * x
    even = 1.0 + square * (3.0 / 28.0 + square / 1680.0)
    odd = x * (0.5 + square / 84.0)
    return u * (even + odd) / (even - odd + exponent * u * (1.0 + square / 42.0))


def by_class(values: Float[Array, " k"], classes: Float[Array, "k n"]) -> Array:
    """A number per tissue class as a field; stays a number where there is one class."""
    if classes.shape[0] == 1:
        return values[0]
    return sum(values[i] * classes[i] for i in range(classes.shape[0]))  # type: ignore[return-value]


def grow(u: Float[Array, " n"], table: Growth, classes: Float[Array, "k n"]) -> tuple[Array, Array]:
    """(N,) cells after half a step, and how many a drug killed in it."""
    growth, crowding = jnp.exp(table.exponent), table.crowding
    spared = by_class(growth, classes) * u / (1.0 + by_class(crowding, classes) * u)
    killed = -jnp.expm1(-table.log_kill) * u + table.delay * (spared - u)
    return jnp.exp(-table.log_kill) * spared, killed


def stacked(params: Mapping[str, Array], names: tuple[str, ...]) -> Float[Array, " names"]:
    """Parameters as one array, empty without names."""
    return jnp.stack([params[name] for name in names]) if names else jnp.zeros(0)

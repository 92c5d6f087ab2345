"""Strang splitting with exact reaction: half reaction, diffusion, half reaction.

Logistic growth under a drug is a Bernoulli equation. With K the log kill since the start of the
half step, E = exp(ρ h − K(h)) and I = ∫ exp(ρ s − K(s)) ds over it,

    u → E u / (1 + ρ I u)

exactly; E and ρ I are numbers per step and tissue class, so a voxel pays one division. Fractions
multiply the state at their very time. Second order in time, bounded in [0, 1], no mass made.
"""

from __future__ import annotations

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from twin.models.model import Rates
from twin.operators.fluxes import diffuse
from twin.treatments.forcing import NODES, WEIGHTS, Forcing

LARGEST_STEP = 0.65
"""Diffusion sub-step times the rate at which a lone voxel empties. Positive up to 1; from here down
the error of rough fields is a few tenths of a percent."""
MAX_SUBSTEPS = 10_000
"""Most diffusion sub-steps of a step; a diffusivity beyond ends in a bad status, not in a hang."""


class State(eqx.Module):
    """Viable cells and killed cells not yet cleared, as fractions of the carrying capacity."""

    viable: Float[Array, " n"]
    dead: Float[Array, " n"]


class _Maps(eqx.Module):
    """Reaction maps of both halves of every step: growth exp(ρ h), crowding ρ I, log kill K."""

    growth: Float[Array, "steps 2 k"]
    crowding: Float[Array, "steps 2 k"]
    log_kill: Float[Array, "steps 2"]


def solve[Recorded](
    rates: Rates,
    forcing: Forcing,
    initial: State,
    record: Callable[[State, State], Recorded],
    *,
    classes: Float[Array, "k n"],
    resectable_mm: Float[Array, " n"] | None = None,
    dose_maps: Float[Array, "maps n"] | None = None,
) -> Recorded:
    """Run the course and return `record(after treatment at its start, end)` stacked over rows.

    Args:
        rates: of the model at its parameters.
        forcing: treatment tables.
        initial: state at the start of the first row.
        record: reduces a row's state just after the resection at its start, and its state at the
            end, to what is kept.
        classes: 1 where a voxel belongs to a tissue class with its own growth.
        resectable_mm: distance of each voxel from the outline that surgery follows; None where no
            schedule holds surgery.
        dose_maps: dose of each map relative to the prescribed one; None means 1 everywhere.
    """
    maps = _reaction_maps(rates, forcing)
    stable_steps = jax.lax.stop_gradient(rates.conductances.rate)

    def field(per_class: Float[Array, " k"]) -> Array:
        if classes.shape[0] == 1:
            return per_class[0]
        return sum(per_class[i] * classes[i] for i in range(classes.shape[0]))  # type: ignore

    def react(state: State, step: Array, half: int, active: Array) -> State:
        growth = field(jnp.where(active, maps.growth[step, half], 1.0))
        crowding = field(jnp.where(active, maps.crowding[step, half], 0.0))
        kill = jnp.where(active, maps.log_kill[step, half], 0.0)
        spared = growth * state.viable / (1.0 + crowding * state.viable)
        killed = 0.5 * -jnp.expm1(-kill) * (state.viable + spared)
        return State(jnp.exp(-kill) * spared, state.dead + killed)

    def irradiate(state: State, step: Array, active: Array) -> State:
        linear = jnp.where(active, forcing.dose_gy[step], 0.0)
        squared = jnp.where(active, forcing.dose_squared_gy2[step], 0.0)
        if dose_maps is None:
            survival = jnp.exp(-rates.alpha * linear - rates.beta * squared)
        else:
            relative = dose_maps[forcing.dose_map[step]]
            survival = jax.lax.cond(
                linear > 0.0,
                lambda: jnp.exp(
                    -rates.alpha * linear * relative - rates.beta * squared * relative**2
                ),
                lambda: jnp.ones_like(relative),
            )
        return State(survival * state.viable, state.dead + (1.0 - survival) * state.viable)

    def resect(state: State, margin: Array) -> State:
        if resectable_mm is None:
            return state

        distance = resectable_mm

        def cut(s: State) -> State:
            kept = (distance > margin).astype(s.viable.dtype)
            return State(s.viable * kept, s.dead * kept)

        return jax.lax.cond(margin >= 0.0, cut, lambda s: s, state)

    def advance(step: Array, state: State, stop: Array) -> State:
        dt = forcing.dt_days[step]
        wanted = jnp.minimum(jnp.ceil(dt * stable_steps / LARGEST_STEP - 1e-4), MAX_SUBSTEPS)
        count = jnp.maximum(1, wanted.astype(jnp.int32))
        viable = jax.lax.fori_loop(
            0, count, lambda _, u: diffuse(u, rates.conductances, dt / count), state.viable
        )
        state = State(viable, state.dead * jnp.exp(-rates.clearance * dt))
        return begin(react(state, step, 1, jnp.asarray(True)), step + 1, step + 1 < stop)

    def begin(state: State, step: Array, active: Array) -> State:
        """Fractions at the start of a step and its first half reaction; nothing if not active."""
        step = jnp.minimum(step, forcing.dt_days.shape[0] - 1)
        return react(irradiate(state, step, active), step, 0, active)

    def row(state: State, xs: tuple[Array, ...]) -> tuple[State, Recorded]:
        start, stop, margin = xs
        resected = resect(state, margin)
        begun = begin(resected, start, start < stop)
        end = jax.lax.fori_loop(start, stop, lambda k, s: advance(k, s, stop), begun)
        return end, record(resected, end)

    rows = tuple(
        jnp.asarray(r) for r in (forcing.row_start, forcing.row_stop, forcing.resection_mm)
    )
    return jax.lax.scan(row, initial, rows)[1]


def _reaction_maps(rates: Rates, forcing: Forcing) -> _Maps:
    half = 0.5 * forcing.dt_days[:, None, None, None]
    exposure = jnp.asarray(forcing.exposure_days)
    log_kill = jnp.zeros(exposure.shape[:3], exposure.dtype)
    if forcing.drugs:
        log_kill = exposure @ rates.sensitivities
    growth = rates.growth[None, None, None, :]
    nodes = jnp.asarray(NODES, forcing.dt_days.dtype)[None, None, :, None]
    weights = jnp.asarray(WEIGHTS, forcing.dt_days.dtype)[None, None, :, None]
    integrand = jnp.exp(growth * half * nodes - log_kill[:, :, :-1, None])
    crowding = (growth * half * weights * integrand).sum(axis=2)
    grown = jnp.broadcast_to(jnp.exp(growth[..., 0, :] * half[..., 0]), crowding.shape)
    return _Maps(grown, crowding, log_kill[:, :, -1])

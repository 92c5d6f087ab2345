"""Gompertz growth with diffusion: growth slows with the logarithm of the cell fraction.

    ∂u/∂t = ∇·(D(x) ∇u) + ρ(x) u min(1, ln(θ/u) / a) − Σ_j s_j c_j(t) u

The specific growth rate is ρ while u is below θ exp(−a) and falls to 0 at the capacity θ. Pure
Gompertz growth (a → ∞ at fixed ρ/a) has no bound on the rate of few cells, and with diffusion would
fill any domain at once; the exponential phase below a threshold is the "Gompex" law (Wheldon 1988,
Mathematical Models in Cancer Research). Treatment as in twin/models/fisher_kpp.
"""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from twin.domain import Domain
from twin.models.fisher_kpp import FisherKPP, LogisticEquations
from twin.models.model import Params
from twin.models.reaction import Kill, growth_days, kill_around_growth
from twin.models.state import State
from twin.parameters import LogNormal, Parameter, ParameterTable
from twin.treatments.forcing import Forcing

TINY = 1e-30
"""Cell fraction that stands for none in a logarithm."""


class GompertzTable(eqx.Module):
    """Growth in days and kill of each half step."""

    days: Float[Array, "*steps"]
    kill: Kill


class GompertzEquations(LogisticEquations):
    """Gompertz growth, one kind of cell.

    Attributes:
        log_range: a, logarithm of the capacity over the cell fraction at which growth slows.
    """

    log_range: Array

    def tables(self, forcing: Forcing) -> GompertzTable:
        """Days of growth and log kills."""
        return GompertzTable(
            growth_days(forcing, *self.repopulation),
            kill_around_growth(forcing, self.sensitivities),
        )

    def react(self, state: State, table: GompertzTable, half: int) -> State:
        """Kill, exact growth, kill."""
        early = jnp.exp(-table.kill.early) * state.cells[0]
        capacity = self.capacity_field
        exponent = table.days * self.growth_field
        grown = capacity * gompertz_flow(early / capacity, exponent, self.log_range)
        late = jnp.exp(-table.kill.late) * grown
        killed = (state.cells[0] - early) + (grown - late)
        return State((late,), state.dead + killed, state.fields)


def gompertz_flow(u: Float[Array, " n"], exponent: Array, log_range: Array) -> Float[Array, " n"]:
    """Exact solution of u' = g u min(1, −ln u / a) over a unit of time.

    In y = −ln u the law is y' = −g min(1, y / a): straight down to a, then exponential decay. What
    y loses multiplies u, so that few cells keep their digits and none change without growth.
    """
    present = u > TINY
    y = -jnp.log(jnp.where(present, u, 0.5))
    straight = jnp.clip((y - log_range) / jnp.maximum(exponent, TINY), 0.0, 1.0)
    start = jnp.minimum(y, log_range)
    slowed = -start * jnp.expm1(-exponent * (1.0 - straight) / log_range)
    gained = jnp.where(y - exponent >= log_range, exponent, (y - start) + slowed)
    return jnp.where(present, u * jnp.exp(gained), u)


class Gompertz(FisherKPP):
    """Reaction and diffusion with Gompertz growth."""

    def table(self, site: str, drugs: tuple[str, ...], tissues: tuple[str, ...]) -> ParameterTable:
        """Parameters of the model (see `TumorModel.table`)."""
        row = Parameter(
            "gompertz_log_range",
            "1",
            LogNormal(3.0, 0.4),
            "logarithm of the capacity over the cell fraction at which growth starts to slow",
            "assumed: slowing from a twentieth of the capacity on",
            "assumed",
        )
        return super().table(site, drugs, tissues) + ParameterTable([row])

    def equations(
        self, params: Params, domain: Domain, drugs: tuple[str, ...]
    ) -> GompertzEquations:
        """Equations at natural parameter values (see `TumorModel.equations`)."""
        return GompertzEquations(
            **self.common(params, domain, drugs), log_range=params["gompertz_log_range"]
        )

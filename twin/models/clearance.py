"""Dead cells that vanish at two rates: most within weeks, a share lingers as necrotic debris.

    dw/dt = killed − k w              freshly killed
    dv/dt = φ k w − l v               debris: fresh cells that were not cleared in time
    seen  = u + w + v

With φ = 0 this is the one exponential of the other models. Debris of one pulse of killing peaks
ln(k / l) / (k − l) later, so an image may look worse for months after treatment that worked, as in
radiation necrosis. That cells not cleared in time turn necrotic: Silva 2010 (doi
10.1016/j.febslet.2010.10.046). Share and half-life are assumed.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from twin.domain import Domain
from twin.models.fisher_kpp import FisherKPP
from twin.models.model import Equations, Params, TumorModel
from twin.models.radiation import Dose
from twin.models.state import State
from twin.operators.explicit import Loop
from twin.parameters import LogNormal, Parameter, ParameterTable, Uniform
from twin.patient import Patient
from twin.treatments.forcing import Forcing
from twin.visit import Visit

DEBRIS = "debris"
"""Name of the field with lingering debris; `State.dead` holds fresh dead cells and debris."""


class TwoRateEquations(Equations):
    """Equations of another model with debris.

    Attributes:
        model: those equations; their dead cells are the fresh ones here.
        debris_clearance: l, 1/day.
        debris_share: φ.
    """

    model: Equations
    debris_clearance: Array
    debris_share: Array

    def start(self, viable: Float[Array, " n"]) -> State:
        """No debris at the start."""
        return _with(self.model.start(viable), jnp.zeros_like(viable))

    def tables(self, forcing: Forcing) -> Any:
        """Those of the model."""
        return self.model.tables(forcing)

    def react(self, state: State, table: Any, half: int) -> State:
        """Reaction of the model; what it kills is fresh."""
        return _with(self.model.react(_without(state), table, half), state.fields[DEBRIS])

    def irradiate(self, state: State, dose: Dose) -> State:
        """Fractions of the model; what they kill is fresh."""
        return _with(self.model.irradiate(_without(state), dose), state.fields[DEBRIS])

    def resect(self, state: State, kept: Float[Array, " n"]) -> State:
        """Surgery of the model, which takes debris out too."""
        return _with(self.model.resect(_without(state), kept), kept * state.fields[DEBRIS])

    def transport(self, state: State, dt_days: Array, loop: Loop) -> State:
        """Transport of the model, and the exact solution of w and v over the step."""
        debris = state.fields[DEBRIS]
        fresh = jnp.maximum(state.dead - debris, 0.0)
        moved = self.model.transport(replace(_without(state), dead=fresh), dt_days, loop)
        fast, slow = self.clearance * dt_days, self.debris_clearance * dt_days
        debris = jnp.exp(-slow) * debris + self.debris_share * _passed(fast, slow) * fresh
        return _with(replace(moved, dead=moved.dead + debris), debris)


class TwoRateClearance(TumorModel):
    """Any model with two rates of clearance; Fisher-KPP unless another one is given.

    Attributes:
        model: whose dead cells vanish exponentially.
    """

    model: TumorModel = eqx.field(default_factory=FisherKPP)

    def table(self, site: str, drugs: tuple[str, ...], tissues: tuple[str, ...]) -> ParameterTable:
        """Parameters of the model and of the debris (see `TumorModel.table`)."""
        rows = [
            Parameter(
                "debris_share",
                "1",
                Uniform(0.0, 0.5),
                "share of the killed cells that linger as necrotic debris",
                "assumed",
                "assumed",
                needs="treatment",
            ),
            Parameter(
                "debris_half_life",
                "day",
                LogNormal(150.0, 0.5),
                "time in which half of the necrotic debris vanishes from view",
                "assumed: months",
                "assumed",
                needs="treatment",
            ),
        ]
        return self.model.table(site, drugs, tissues) + ParameterTable(rows)

    def equations(self, params: Params, domain: Domain, drugs: tuple[str, ...]) -> TwoRateEquations:
        """Equations at natural parameter values (see `TumorModel.equations`)."""
        model = self.model.equations(params, domain, drugs)
        return TwoRateEquations(
            model.operator,
            model.radiation,
            model.clearance,
            model,
            math.log(2.0) / params["debris_half_life"],
            params["debris_share"],
        )

    def for_patient(self, patient: Patient, visits: tuple[Visit, ...]) -> TwoRateClearance:
        """The same of the model for a patient (see `TumorModel.for_patient`)."""
        return replace(self, model=self.model.for_patient(patient, visits))

    def fallbacks(self, domain: Domain) -> tuple[str, ...]:
        """Those of the model."""
        return self.model.fallbacks(domain)


def _passed(fast: Array, slow: Array) -> Array:
    """∫ of fast exp(−fast s) exp(−slow (1 − s)) over a unit of time, also where both are equal."""
    gap = fast - slow
    small = jnp.abs(gap) < 1e-3
    safe = jnp.where(small, 1.0, gap)
    mean = jnp.where(small, 1.0 - 0.5 * gap + gap * gap / 6.0, -jnp.expm1(-safe) / safe)
    return fast * jnp.exp(-slow) * mean


def _with(state: State, debris: Array) -> State:
    return replace(state, fields={**state.fields, DEBRIS: debris})


def _without(state: State) -> State:
    return replace(state, fields={n: f for n, f in state.fields.items() if n != DEBRIS})

"""Proliferating, hypoxic and necrotic cells, and the oxygen that decides between them.

    ∂P/∂t = ∇·J_P + ρ f P (1 − (P + H + N)/θ) − k (1 − f) P + k f H − Σ_j s_j c_j P
    ∂H/∂t = ∇·J_H + k (1 − f) P − k f H − d (1 − g) H − σ Σ_j s_j c_j H
    ∂N/∂t = d (1 − g) H − (ln 2 / T) N
    P, H → S(p) (P, H)                                  at the time of fractions

f(p) and g(p) rise from 0 to 1 around the thresholds of hypoxia and of necrosis; p follows from the
viable cells P + H (twin/models/oxygen). Cells step only into the room beside the necrosis
(twin/operators/obstacle), which stays in place, takes room, is cleared and does not show as cells.
Phenotypes after Swanson et al. 2011 (doi 10.1158/0008-5472.CAN-11-1399), with oxygen in place of
their ratio of vessels to cells. With plenty of oxygen this is Fisher-KPP.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from twin.domain import Domain
from twin.models.fisher_kpp import FisherKPP, LogisticEquations
from twin.models.model import Params
from twin.models.oxygen import Oxygen, oxygen_of, oxygen_priors
from twin.models.radiation import Dose
from twin.models.reaction import Kill, growth_days, kill_around_growth, logistic_flow
from twin.models.state import State
from twin.operators.explicit import Loop
from twin.operators.obstacle import obstructed
from twin.operators.transport import diffuse
from twin.parameters import Fixed, LogNormal, Parameter, ParameterTable
from twin.treatments.forcing import Forcing


class HypoxiaTable(eqx.Module):
    """Numbers of each half step.

    Attributes:
        days: growth, longer where cells repopulate.
        half_days: length.
        switched: 1 − exp(−k h).
        kill: (..., 2) of proliferating and of hypoxic cells.
    """

    days: Float[Array, "*steps"]
    half_days: Float[Array, "*steps"]
    switched: Float[Array, "*steps"]
    kill: Kill


class HypoxiaEquations(LogisticEquations):
    """Three kinds of cells under oxygen.

    Attributes:
        oxygen: supply and effects.
        switch_rate: k, 1/day.
        necrosis_rate: d, 1/day.
        necrosis_tension: threshold of necrosis relative to the tension in vessels.
        necrosis_clearance: ln 2 / T, 1/day.
        hypoxic_sensitivity: σ, drug kill of hypoxic cells over that of proliferating ones.
    """

    oxygen: Oxygen
    switch_rate: Array
    necrosis_rate: Array
    necrosis_tension: Array
    necrosis_clearance: Array
    hypoxic_sensitivity: Array

    def start(self, viable: Float[Array, " n"]) -> State:
        """Both kinds in the balance that their oxygen sets, no necrosis yet."""
        share = self._share(viable)
        nothing = jnp.zeros_like(viable)
        cells = (1.0 - share) * viable, share * viable
        return State(cells, nothing, {"necrotic": nothing}, {"hypoxic_share": share})

    def tables(self, forcing: Forcing) -> HypoxiaTable:
        """Growth, switching and kill of each half step."""
        half = jnp.stack([0.5 * jnp.asarray(forcing.dt_days)] * 2, axis=-1)
        both = jnp.stack([self.sensitivities, self.hypoxic_sensitivity * self.sensitivities])
        return HypoxiaTable(
            growth_days(forcing, *self.repopulation),
            half,
            -jnp.expm1(-self.switch_rate * half),
            kill_around_growth(forcing, both),
        )

    def react(self, state: State, table: HypoxiaTable, half: int) -> State:
        """Growth, switching and necrosis between two parts of kill.

        Oxygen is that of the start of the step in its first half and that of its predicted end in
        its second: a trapezoidal rule, for one evaluation each. Both stand between the two parts of
        kill, so that a drug gone within hours has acted and a lasting one errs in opposite ways.
        What switches is exact, since the two rates add up to k everywhere.
        """
        early = [u * jnp.exp(-kill) for u, kill in zip(state.cells, table.kill.early, strict=True)]
        fresh, hypoxic = early
        necrotic, capacity = state.fields["necrotic"], self.capacity_field
        room = 1.0 / capacity
        growing = table.days * self.growth_field
        dying = self.necrosis_rate * table.half_days
        viable = fresh + hypoxic
        if half == 1:
            old = state.memory["hypoxic_share"]
            grown = growing * (1.0 - old) * fresh * (1.0 - (viable + necrotic) * room)
            lost = dying * self._starved(old) * hypoxic
            viable = jnp.maximum(viable + grown - lost, 0.0)
        share = jax.lax.optimization_barrier(self._share(viable))
        kept = faded(dying * self._starved(share))
        for part in ("growth", "switch", "necrosis")[:: 1 if half == 0 else -1]:
            if part == "growth":
                free = 1.0 - (hypoxic + necrotic) * room
                fresh = capacity * logistic_flow(fresh * room, growing * (1.0 - share), free)
            elif part == "switch":
                lost = table.switched * (share * fresh - (1.0 - share) * hypoxic)
                fresh, hypoxic = fresh - lost, hypoxic + lost
            else:
                hypoxic, necrotic = hypoxic * kept, necrotic + (hypoxic - hypoxic * kept)
        grown = fresh, hypoxic
        late = tuple(u * jnp.exp(-kill) for u, kill in zip(grown, table.kill.late, strict=True))
        killed = (state.viable - sum(early)) + (sum(grown) - sum(late))
        return State(late, state.dead + killed, {"necrotic": necrotic}, {"hypoxic_share": share})

    def _share(self, viable: Array) -> Array:
        """1 − f at a density of viable cells."""
        return self.oxygen.hypoxic(self.oxygen.tension(viable))

    def _starved(self, share: Array) -> Array:
        """1 − g at a hypoxic share."""
        severe = self.necrosis_tension**4
        return severe / (self.oxygen.fourth_power(share) + severe)

    def transport(self, state: State, dt_days: Array, loop: Loop) -> State:
        """Cells spread beside the necrosis of the middle of the step, dead ones are cleared."""
        half_cleared = jnp.exp(-0.5 * self.necrosis_clearance * dt_days)
        necrotic = half_cleared * state.fields["necrotic"]
        beside = obstructed(self.operator, necrotic)
        cells = diffuse(state.cells, beside, dt_days, loop)  # type: ignore[arg-type]
        dead = state.dead * jnp.exp(-self.clearance * dt_days)
        return replace(state, cells=cells, dead=dead, fields={"necrotic": half_cleared * necrotic})

    def irradiate(self, state: State, dose: Dose) -> State:
        """The less oxygen, the more cells survive."""
        survival = self.radiation.survival(
            dose, lambda: self.oxygen.protection(self.oxygen.tension(state.viable))
        )
        cells = tuple(survival * u for u in state.cells)
        return replace(state, cells=cells, dead=state.dead + (state.viable - sum(cells)))


def faded(exponent: Float[Array, "*n"]) -> Array:
    """exp(−x) for x >= 0 without an exponential: its error is 0.004 x⁴ or less, within (0, 1]."""
    return 1.0 / (1.0 + exponent * (1.0 + exponent * (0.5 + exponent / 6.0)))


class Hypoxia(FisherKPP):
    """Fisher-KPP with hypoxic and necrotic cells under quasi-steady oxygen."""

    cells: ClassVar[tuple[str, ...]] = ("proliferating", "hypoxic")

    def table(self, site: str, drugs: tuple[str, ...], tissues: tuple[str, ...]) -> ParameterTable:
        """Parameters of the model (see `TumorModel.table`)."""
        rows = [
            *oxygen_priors(),
            Parameter(
                "hypoxia_rate",
                "1/day",
                LogNormal(0.3, 0.5),
                "rate at which cells turn hypoxic without oxygen, and back with plenty",
                "assumed: within days",
                "assumed",
            ),
            Parameter(
                "necrosis_rate",
                "1/day",
                LogNormal(0.1, 0.7),
                "death rate of hypoxic cells without oxygen",
                "assumed: within one to three weeks",
                "assumed",
            ),
            Parameter(
                "necrosis_half_life",
                "day",
                LogNormal(60.0, 0.7),
                "time in which half of the necrosis is cleared",
                "assumed: months",
                "assumed",
            ),
            Parameter(
                "necrosis_threshold",
                "mmHg",
                Fixed(2.5),
                "mean tension at which hypoxic cells die at half of their largest rate",
                "assumed: severe hypoxia is usually said to begin at 2.5 mmHg",
                "assumed",
            ),
            Parameter(
                "hypoxic_sensitivity_ratio",
                "1",
                Fixed(0.5),
                "drug kill of hypoxic cells over that of proliferating ones",
                "assumed: they divide less and lie farther from vessels",
                "assumed",
            ),
        ]
        return super().table(site, drugs, tissues) + ParameterTable(rows)

    def equations(self, params: Params, domain: Domain, drugs: tuple[str, ...]) -> HypoxiaEquations:
        """Equations at natural parameter values (see `TumorModel.equations`)."""
        return HypoxiaEquations(
            **self.common(params, domain, drugs),
            oxygen=oxygen_of(params),
            switch_rate=params["hypoxia_rate"],
            necrosis_rate=params["necrosis_rate"],
            necrosis_tension=params["necrosis_threshold"] / params["vessel_oxygen"],
            necrosis_clearance=math.log(2.0) / params["necrosis_half_life"],
            hypoxic_sensitivity=params["hypoxic_sensitivity_ratio"],
        )

    def fallbacks(self, domain: Domain) -> tuple[str, ...]:
        """What stands in for inputs that this domain lacks."""
        return (
            *super().fallbacks(domain),
            "Vessels that supply oxygen are taken as equally dense everywhere, for lack of a"
            " perfusion image.",
            "No necrosis is assumed at the first visit unless a state with necrosis is given.",
        )

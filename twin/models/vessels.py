"""Vessels that tumors call, crush and are fed by, and drugs that act on them.

    ∂u/∂t = ∇·(D ∇u) + ρ f u (1 − u/θ) − q(v) Σ_j s_j c_j(t) u
    ∂v/∂t = a (1 − f) v (1 − v/m) − b u v − Σ_k s_k c_k(t) u v,    q(v) = 2 v / (1 + v)
    u → S(p) u                                                      at the time of fractions

v is the density of working vessels relative to normal tissue. f rises from 0 to 1 with the oxygen
tension p of u cells fed by v vessels (twin/models/oxygen): where it is low, cells call new vessels;
dense cells crush them. Vessels deliver cytotoxic drugs j (q saturates, 1 in normal tissue) and
oxygen; anti-angiogenic drugs k remove those among tumor cells: mature vessels elsewhere hardly
depend on the growth factor that is withdrawn. Angiogenesis after Swanson et al. 2011 (doi
10.1158/0008-5472.CAN-11-1399), compression after Araujo & McElwain 2004 (doi
10.1016/j.jtbi.2004.01.006), both not yet checked in detail. With plenty of oxygen, normal vessels
and no compression this is Fisher-KPP.
"""

from __future__ import annotations

from dataclasses import replace

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from twin.domain import Domain
from twin.models.fisher_kpp import FisherKPP, LogisticEquations
from twin.models.model import Params
from twin.models.oxygen import Oxygen, oxygen_of, oxygen_priors
from twin.models.radiation import Dose
from twin.models.reaction import Kill, growth_days, kill_around_growth, logistic_flow
from twin.models.state import State
from twin.parameters import Fixed, LogNormal, Parameter, ParameterTable
from twin.treatments.chemotherapy import get_drug
from twin.treatments.forcing import Forcing

FEWEST = 0.01
"""Least density of vessels that oxygen is computed with: a surgical cavity has none."""


class VesselTable(eqx.Module):
    """Growth in days, length, kill of cells by drugs and loss of vessels to drugs, by half step."""

    days: Float[Array, "*steps"]
    half_days: Float[Array, "*steps"]
    kill: Kill
    loss: Float[Array, "*steps"]


class VesselEquations(LogisticEquations):
    """Cells and vessels.

    Attributes:
        oxygen: supply and effects.
        on_vessels: (drugs,) 1 for those that act on vessels, 0 for those that act on cells.
        angiogenesis_rate: a, 1/day.
        most_vessels: m, relative to normal.
        compression_rate: b, 1/day.
    """

    oxygen: Oxygen
    on_vessels: Float[Array, " drugs"]
    angiogenesis_rate: Array
    most_vessels: Array
    compression_rate: Array

    def start(self, viable: Float[Array, " n"]) -> State:
        """Normal vessels everywhere."""
        return State((viable,), jnp.zeros_like(viable), {"vessels": jnp.ones_like(viable)})

    def tables(self, forcing: Forcing) -> VesselTable:
        """Growth and what drugs do to cells and to vessels."""
        half = jnp.stack([0.5 * jnp.asarray(forcing.dt_days)] * 2, axis=-1)
        kill = kill_around_growth(forcing, self.sensitivities * (1.0 - self.on_vessels))
        loss = kill_around_growth(forcing, self.sensitivities * self.on_vessels)
        days = growth_days(forcing, *self.repopulation)
        return VesselTable(days, half, kill, loss.early + loss.late)

    def react(self, state: State, table: VesselTable, half: int) -> State:
        """Growth between two parts of kill, and vessels, all at the middle of the half step."""
        viable, vessels = state.cells[0], state.fields["vessels"]
        capacity = self.capacity_field
        growing = table.days * self.growth_field
        share = self.oxygenated(viable, vessels)
        killing = 0.5 * (table.kill.early + table.kill.late) * delivery(vessels)
        grown = 0.5 * growing * share * (1.0 - viable / capacity)
        middle = jnp.maximum(viable * (1.0 + grown - killing), 0.0)
        change = self._vessel_growth(share, table) * (1.0 - vessels / self.most_vessels)
        lost = self._vessel_loss(viable, table)
        there = jnp.maximum(vessels * (1.0 + 0.5 * (change - lost)), 0.0)
        share = self.oxygenated(middle, there)
        lost = jnp.exp(-0.5 * self._vessel_loss(middle, table))
        calling = self._vessel_growth(share, table)
        filled = logistic_flow(lost * vessels / self.most_vessels, calling)
        early = viable * jnp.exp(-table.kill.early * delivery(there))
        grown = capacity * logistic_flow(early / capacity, growing * share)
        late = grown * jnp.exp(-table.kill.late * delivery(there))
        dead = state.dead + (viable - early) + (grown - late)
        fields = {"vessels": lost * self.most_vessels * filled}
        return replace(state, cells=(late,), dead=dead, fields=fields)

    def irradiate(self, state: State, dose: Dose) -> State:
        """The less oxygen, the more cells survive."""
        viable, vessels = state.cells[0], state.fields["vessels"]
        survival = self.radiation.survival(
            dose, lambda: self.oxygen.protection(self._tension(viable, vessels))
        )
        kept = survival * viable
        return replace(state, cells=(kept,), dead=state.dead + (viable - kept))

    def oxygenated(self, viable: Array, vessels: Array) -> Array:
        """f: share of the growth rate that oxygen allows."""
        return 1.0 - self.oxygen.hypoxic(self._tension(viable, vessels))

    def _tension(self, viable: Array, vessels: Array) -> Array:
        return self.oxygen.tension(viable, jnp.maximum(vessels, FEWEST))

    def _vessel_growth(self, share: Array, table: VesselTable) -> Array:
        return self.angiogenesis_rate * table.half_days * (1.0 - share)

    def _vessel_loss(self, viable: Array, table: VesselTable) -> Array:
        return (self.compression_rate * table.half_days + table.loss) * viable


def delivery(vessels: Float[Array, " n"]) -> Float[Array, " n"]:
    """q: concentration of a drug in the tissue relative to normal vessels, 0 to 2."""
    return 2.0 * vessels / (1.0 + vessels)


class Vessels(FisherKPP):
    """Fisher-KPP fed by vessels, which anti-angiogenic drugs remove."""

    def table(self, site: str, drugs: tuple[str, ...], tissues: tuple[str, ...]) -> ParameterTable:
        """Parameters of the model (see `TumorModel.table`)."""
        rows = [
            Parameter(
                "angiogenesis_rate",
                "1/day",
                LogNormal(0.05, 0.7),
                "growth rate of vessels where cells lack oxygen",
                "assumed: within weeks",
                "assumed",
            ),
            Parameter(
                "compression_rate",
                "1/day",
                LogNormal(0.03, 0.7),
                "loss rate of vessels among cells at the carrying capacity",
                "assumed: within weeks",
                "assumed",
            ),
            Parameter(
                "most_vessels",
                "1",
                Fixed(3.0),
                "largest density of vessels relative to normal tissue",
                "assumed",
                "assumed",
            ),
        ]
        common = super().table(site, drugs, tissues)
        on_vessels = {f"sensitivity_{drug}" for drug in drugs if _acts_on_vessels(drug)}
        common = [_of_vessels(row) if name in on_vessels else row for name, row in common.items()]
        return ParameterTable([*common, *oxygen_priors(), *rows])

    def equations(self, params: Params, domain: Domain, drugs: tuple[str, ...]) -> VesselEquations:
        """Equations at natural parameter values (see `TumorModel.equations`)."""
        on_vessels = [float(_acts_on_vessels(drug)) for drug in drugs]
        return VesselEquations(
            **self.common(params, domain, drugs),
            oxygen=oxygen_of(params),
            on_vessels=jnp.asarray(on_vessels),
            angiogenesis_rate=params["angiogenesis_rate"],
            most_vessels=params["most_vessels"],
            compression_rate=params["compression_rate"],
        )

    def fallbacks(self, domain: Domain) -> tuple[str, ...]:
        """Normal vessels at the first visit."""
        return (
            *super().fallbacks(domain),
            "Vessels are taken as normal everywhere at the first visit, for lack of a perfusion"
            " image.",
        )


def _acts_on_vessels(drug: str) -> bool:
    return get_drug(drug).action == "antiangiogenic"


def _of_vessels(row: Parameter) -> Parameter:
    """A drug's sensitivity, of vessels in place of cells."""
    return replace(
        row,
        prior=LogNormal(0.05, 0.8),
        description=row.description.replace("kill rate", "loss rate of vessels in a full tumor"),
        citation="assumed: half of the vessels within weeks of a first dose",
    )

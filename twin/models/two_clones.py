"""Two clones, drug-sensitive and resistant, that compete for one capacity.

    ∂u_c/∂t = ∇·(D ∇u_c) + ρ_c u_c (1 − u_s − u_r) − Σ_j s_cj c_j(t) u_c       c = s, r
    u_c → S_c u_c                                                     at the time of fractions

The resistant clone pays for its resistance with slower growth, so that treatment pauses let the
sensitive one hold it down: adaptive therapy (Zhang et al. 2022, doi 10.7554/eLife.76284). Without a
resistant clone this is Fisher-KPP.
"""

from __future__ import annotations

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from twin.domain import Domain
from twin.models.fisher_kpp import FisherKPP, LogisticEquations
from twin.models.model import Params
from twin.models.radiation import Dose, Radiation
from twin.models.reaction import (
    Kill,
    growth_days,
    kill_around_growth,
    logistic_flow,
    stacked,
)
from twin.models.state import State
from twin.parameters import LogNormal, LogUniform, Parameter, ParameterTable, Uniform
from twin.treatments.forcing import Forcing


class TwoCloneTable(eqx.Module):
    """Growth in days and kill (…, clones) of each half step."""

    days: Float[Array, "*steps"]
    kill: Kill


class TwoCloneEquations(LogisticEquations):
    """Competition of a sensitive and a resistant clone.

    Attributes:
        resistant_share: of the viable cells at the start.
        growth_ratio: growth of the resistant clone over that of the sensitive one.
        residual_sensitivities: (drugs,) kill rates of the resistant clone.
        resistant_radiation: radiosensitivity of the resistant clone.
    """

    resistant_share: Array
    growth_ratio: Array
    residual_sensitivities: Float[Array, " drugs"]
    resistant_radiation: Radiation

    def start(self, viable: Float[Array, " n"]) -> State:
        """Both clones mixed evenly."""
        resistant = self.resistant_share * viable
        return State((viable - resistant, resistant), jnp.zeros_like(viable))

    def tables(self, forcing: Forcing) -> TwoCloneTable:
        """Days of growth and log kills of both clones."""
        both = jnp.stack([self.sensitivities, self.residual_sensitivities])
        return TwoCloneTable(
            growth_days(forcing, *self.repopulation), kill_around_growth(forcing, both)
        )

    def react(self, state: State, table: TwoCloneTable, half: int) -> State:
        """Kill, growth of one clone after the other in the room that the other leaves, kill."""
        early = [u * jnp.exp(-kill) for u, kill in zip(state.cells, table.kill.early, strict=True)]
        exponent = table.days * self.growth_field
        capacity = self.capacity_field
        sensitive, resistant = (u / capacity for u in early)
        for clone in ("sensitive", "resistant") if half == 0 else ("resistant", "sensitive"):
            if clone == "sensitive":
                sensitive = logistic_flow(sensitive, exponent, 1.0 - resistant)
            else:
                slower = exponent * self.growth_ratio
                resistant = logistic_flow(resistant, slower, 1.0 - sensitive)
        grown = sensitive * capacity, resistant * capacity
        late = tuple(u * jnp.exp(-kill) for u, kill in zip(grown, table.kill.late, strict=True))
        killed = (state.viable - sum(early)) + (sum(grown) - sum(late))
        return State(late, state.dead + killed, state.fields)

    def irradiate(self, state: State, dose: Dose) -> State:
        """Each clone by its own radiosensitivity."""
        parts = (self.radiation.survival(dose), self.resistant_radiation.survival(dose))
        cells = tuple(s * u for s, u in zip(parts, state.cells, strict=True))
        return State(cells, state.dead + (state.viable - sum(cells)), state.fields)


class TwoClones(FisherKPP):
    """Fisher-KPP with a sensitive and a resistant clone of one diffusivity."""

    cells: ClassVar[tuple[str, ...]] = ("sensitive", "resistant")

    def table(self, site: str, drugs: tuple[str, ...], tissues: tuple[str, ...]) -> ParameterTable:
        """Parameters of the model (see `TumorModel.table`)."""
        rows = [
            Parameter(
                "resistant_share",
                "1",
                LogUniform(1e-3, 0.5),
                "share of resistant cells at the first visit",
                "assumed, wide",
                "assumed",
            ),
            Parameter(
                "resistant_growth_ratio",
                "1",
                Uniform(0.3, 1.0),
                "growth rate of resistant cells over that of sensitive ones",
                "assumed: resistance costs fitness",
                "assumed",
            ),
            Parameter(
                "resistant_alpha_ratio",
                "1",
                LogNormal(0.7, 0.3),
                "radiosensitivity of resistant cells over that of sensitive ones",
                "assumed",
                "assumed",
                needs="radiotherapy",
            ),
        ]
        rows += [
            Parameter(
                f"residual_sensitivity_{drug}",
                "1",
                Uniform(0.0, 0.5),
                f"sensitivity of resistant cells to {drug} over that of sensitive ones",
                "assumed",
                "assumed",
                needs=f"drug {drug}",
            )
            for drug in drugs
        ]
        return super().table(site, drugs, tissues) + ParameterTable(rows)

    def equations(
        self, params: Params, domain: Domain, drugs: tuple[str, ...]
    ) -> TwoCloneEquations:
        """Equations at natural parameter values (see `TumorModel.equations`)."""
        common = self.common(params, domain, drugs)
        radiation: Radiation = common["radiation"]
        residual = stacked(params, tuple(f"residual_sensitivity_{d}" for d in drugs))
        return TwoCloneEquations(
            **common,
            resistant_share=params["resistant_share"],
            growth_ratio=params["resistant_growth_ratio"],
            residual_sensitivities=residual * common["sensitivities"],
            resistant_radiation=radiation.scaled(params["resistant_alpha_ratio"]),
        )

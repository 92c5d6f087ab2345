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
from twin.models.reaction import Kill, by_class, growth_days, kill_around_growth, stacked
from twin.models.state import State
from twin.parameters import LogNormal, LogUniform, Parameter, ParameterTable, Uniform
from twin.treatments.forcing import Forcing


class TwoCloneTable(eqx.Module):
    """Numbers of each half step: growth in days, and kill (…, clones)."""

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
        """Kill, growth of both clones in the room that they leave, kill."""
        growth = table.days * self.growth
        early, room = jnp.exp(-table.kill.early), 1.0 / self.capacity_field
        sensitive, resistant = (room * k * u for k, u in zip(early, state.cells, strict=True))
        steps = self._step(growth, sensitive, resistant)
        both = jnp.exp(-table.kill.early - table.kill.late)
        cells = tuple(k * u / d for k, u, d in zip(both, state.cells, steps, strict=True))
        killed = table.kill.killed(state.cells, cells)
        return State(cells, state.dead + killed, state.fields)

    def _step(self, growth: Array, sensitive: Array, resistant: Array) -> tuple[Array, Array]:
        """What divides each clone in its growth by exponents of `growth` (K,).

        With u = s + r and exponents g and g' of a clone and of the other, r' of it,

            s → s / (u + (1 − u) exp(−g) (1 − g (g − g') r' / 2))

        The expansion of the exact solution up to g²; exactly logistic where the clones grow alike,
        at rest where u = 1, and u stays in 0..1 for every g.
        """
        ratio = self.growth_ratio
        viable = sensitive + resistant
        faster = 0.5 * by_class(growth * growth, self.classes) * (1.0 - ratio)
        bent = 1.0 - faster * resistant, 1.0 + ratio * faster * sensitive
        # 1 outside the tissue, where there is no class and nothing to divide
        fading = (1.0 + by_class(jnp.expm1(-g), self.classes) for g in (growth, ratio * growth))
        free = 1.0 - viable
        one, two = (
            viable + free * fade * jnp.maximum(bend, 0.0)
            for fade, bend in zip(fading, bent, strict=True)
        )
        return one, two

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

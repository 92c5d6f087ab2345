"""Fisher-KPP whose growth and radiosensitivity vary in space, by Gaussian fields of few numbers.

    ∂u/∂t = ∇·(D ∇u) + ρ exp(f(x)) u (1 − u/θ) − Σ_j s_j c_j(t) u
    u → S^exp(g(x)) u                                                at the time of fractions

f and g are independent fields around 0 (twin/models/field): where exp(g) is small, cells resist
radiotherapy. Their coefficients are parameters `growth_map_01`, ..., `kill_map_01`, ... with
standard normal priors, so a fit gives the most probable maps and what is left of their spread.
What varies belongs to the place, not to the cell: cells that move take on what holds where they
arrive. Correlation length and spread are assumed, not fitted. Fields of local rates from images of
one patient: Hormuth et al. 2015 (doi 10.1088/1478-3975/12/4/046006), not yet checked in detail;
low-rank Gaussian posterior: Bui-Thanh et al. 2013 (doi 10.1137/12089586X).
"""

from __future__ import annotations

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from twin.domain import Domain
from twin.models.field import Corner, GaussianField
from twin.models.fisher_kpp import FisherKPP, LogisticEquations
from twin.models.model import Params
from twin.models.radiation import Dose
from twin.models.reaction import Growth, Kill, growth_days, kill_around_growth, logistic_flow
from twin.models.state import State
from twin.parameters import Parameter, ParameterTable, StandardNormal
from twin.patient import Patient
from twin.treatments.forcing import Forcing
from twin.visit import Visit

MARGIN_MM = 10.0
"""The fields reach this far around the outlines of the fitted visits."""


class VariedTable(eqx.Module):
    """Growth in days and kill of each half step, the latter of one kind of cell."""

    days: Float[Array, "*steps"]
    kill: Kill


class VariedEquations(LogisticEquations):
    """Logistic growth of rates that differ from voxel to voxel.

    Attributes:
        growth_factor: (N,) exp(f); None where growth does not vary.
        kill_factor: (N,) exp(g); None where radiosensitivity does not vary.
    """

    growth_factor: Float[Array, " n"] | None
    kill_factor: Float[Array, " n"] | None

    def tables(self, forcing: Forcing) -> Growth | VariedTable:
        """Those of Fisher-KPP, or days of growth and log kills where growth varies."""
        if self.growth_factor is None:
            return super().tables(forcing)
        return VariedTable(
            growth_days(forcing, *self.repopulation),
            kill_around_growth(forcing, self.sensitivities[None]),
        )

    def react(self, state: State, table: Growth | VariedTable, half: int) -> State:
        """Growth between two parts of the drugs' kill."""
        if isinstance(table, Growth):
            return super().react(state, table, half)
        assert self.growth_factor is not None
        capacity = self.capacity_field
        exponent = table.days * self.growth_field * self.growth_factor
        early = jnp.exp(-table.kill.early) * state.cells[0]
        late = jnp.exp(-table.kill.late) * capacity * logistic_flow(early / capacity, exponent)
        killed = table.kill.killed(state.cells, (late,))
        return replace(state, cells=(late,), dead=state.dead + killed)

    def irradiate(self, state: State, dose: Dose) -> State:
        """Each voxel by its own radiosensitivity; a field is computed in steps with a fraction."""
        if self.kill_factor is None:
            return super().irradiate(state, dose)
        factor, viable = self.kill_factor, state.cells[0]
        killed = jax.lax.cond(
            dose.total_gy > 0.0,
            lambda: -jnp.expm1(-factor * self.radiation.log_kill(dose)) * viable,
            lambda: jnp.zeros_like(viable),
        )
        return replace(state, cells=(viable - killed,), dead=state.dead + killed)


class Varied(FisherKPP):
    """Fisher-KPP with maps of growth and of radiosensitivity.

    Attributes:
        growth: whether growth varies.
        kill: whether radiosensitivity varies.
        length_mm: correlation length of the maps (assumed).
        sd: standard deviation of the logarithm of a voxel's factor (assumed).
        modes: coefficients of each map.
        region_mm: corners of the box that the maps cover, mm from the corner of the grid. None
            takes the whole grid; fits take the outlines and a margin (`for_patient`).
    """

    growth: bool = eqx.field(static=True, default=True)
    kill: bool = eqx.field(static=True, default=True)
    length_mm: float = eqx.field(static=True, default=12.0)
    sd: float = eqx.field(static=True, default=0.7)
    modes: int = eqx.field(static=True, default=40)
    region_mm: tuple[Corner, Corner] | None = eqx.field(static=True, default=None)

    def table(self, site: str, drugs: tuple[str, ...], tissues: tuple[str, ...]) -> ParameterTable:
        """Parameters of the model (see `TumorModel.table`)."""
        rows = []
        for name, wanted, what, needs in (
            (GROWTH_MAP, self.growth, "proliferation rate", ""),
            (KILL_MAP, self.kill, "radiosensitivity", "radiotherapy"),
        ):
            rows += [
                Parameter(
                    score,
                    "1",
                    StandardNormal(),
                    f"map of the {what}",
                    f"assumed: correlation length {self.length_mm:g} mm, spread of the logarithm"
                    f" {self.sd:g}",
                    "assumed",
                    needs=needs,
                    of_map=name,
                )
                for score in (self._scores(name) if wanted else ())
            ]
        return super().table(site, drugs, tissues) + ParameterTable(rows)

    def equations(self, params: Params, domain: Domain, drugs: tuple[str, ...]) -> VariedEquations:
        """Equations at natural parameter values (see `TumorModel.equations`)."""
        field = self.field(domain)

        def factor(name: str) -> Array:
            scores = jnp.stack([jnp.asarray(params[score]) for score in self._scores(name)])
            return jnp.exp(field(scores, domain.shape, domain.spacing_mm))

        return VariedEquations(
            **self.common(params, domain, drugs),
            growth_factor=factor(GROWTH_MAP) if self.growth else None,
            kill_factor=factor(KILL_MAP) if self.kill else None,
        )

    def field(self, domain: Domain) -> GaussianField:
        """The field that both maps are draws of."""
        whole = _corner(np.array(domain.shape) * domain.spacing_mm)
        low, high = self.region_mm or ((0.0, 0.0, 0.0), whole)
        return GaussianField(self.length_mm, self.sd, self.modes, low, high)

    def for_patient(self, patient: Patient, visits: tuple[Visit, ...]) -> Varied:
        """The model whose maps cover the outlines of these visits and `MARGIN_MM` around them."""
        masks = [mask for visit in visits for mask in visit.masks.values() if mask.any()]
        if self.region_mm is not None or not masks:
            return self
        edges, last = patient.grid.spacing_mm, np.array(patient.grid.shape)
        places = np.argwhere(np.logical_or.reduce(masks))
        low = np.maximum(places.min(axis=0) * edges - MARGIN_MM, 0.0)
        high = np.minimum((places.max(axis=0) + 1) * edges + MARGIN_MM, last * edges)
        return replace(self, region_mm=(_corner(low), _corner(high)))

    def fallbacks(self, domain: Domain) -> tuple[str, ...]:
        """What is assumed of the maps, and what their modes leave out."""
        names = " and ".join(
            what
            for wanted, what in ((self.growth, "growth"), (self.kill, "radiosensitivity"))
            if wanted
        )
        return (
            *super().fallbacks(domain),
            f"Maps of {names}: correlation length {self.length_mm:g} mm and spread {self.sd:g} of"
            f" the logarithm are assumed; {self.modes} modes hold"
            f" {self.field(domain).held_share:.0%} of that variance.",
        )

    def _scores(self, name: str) -> tuple[str, ...]:
        return tuple(f"{name}_{index:02d}" for index in range(1, self.modes + 1))


GROWTH_MAP, KILL_MAP = "growth_map", "kill_map"


def _corner(values: np.ndarray) -> Corner:
    x, y, z = (float(value) for value in values)
    return x, y, z

"""Fisher-KPP: reaction and diffusion of tumor cells in tissue, under treatment.

    ∂u/∂t = ∇·(D(x) ∇u) + ρ(x) u (1 − u/θ(x)) − Σ_j s_j c_j(t) u     viable cells
    ∂w/∂t = Σ_j s_j c_j(t) u − (ln 2 / T) w                           killed, not yet cleared
    u → S u,  w gains what u lost                                     at the time of fractions

u is the fraction of the carrying capacity of the reference tissue; D, ρ and θ follow the tissue,
c_j is the relative concentration of drug j, S the survival of twin/models/radiation, and there is
no flux through the border of the tissue. Swanson et al. 2000 (doi
10.1046/j.1365-2184.2000.00177.x); radiotherapy after Rockne et al. 2010 (doi
10.1088/0031-9155/55/12/001).
"""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp
from jaxtyping import Array, Float

from twin.domain import Domain
from twin.models.model import Equations, Params, TumorModel, clearance_of, radiation_of
from twin.models.priors import drug_priors, growth_priors, radiotherapy_priors, tissue_priors
from twin.models.reaction import Growth, by_class, grow, logistic_growth, stacked
from twin.models.state import State
from twin.operators.diffusion import DiffusionOperator
from twin.operators.fluxes import Conductances, conductances
from twin.parameters import ParameterTable
from twin.treatments.forcing import Forcing


class LogisticEquations(Equations):
    """Logistic growth, one kind of cell.

    Attributes:
        growth: (K,) proliferation rate of each tissue class, 1/day.
        capacity: (K,) carrying capacity of each tissue class, relative to the reference.
        sensitivities: (drugs,) kill rate of each drug at its reference dose, 1/day.
        repopulation: relative increase of the growth rate, and days from the first fraction on.
        classes: (K, N) 1 where a voxel belongs to a tissue class.
    """

    growth: Float[Array, " k"]
    capacity: Float[Array, " k"]
    sensitivities: Float[Array, " drugs"]
    repopulation: tuple[Array, Array]
    classes: Float[Array, "k n"]

    def tables(self, forcing: Forcing) -> Growth:
        """Growth maps of every half step."""
        return logistic_growth(
            forcing, self.growth, self.sensitivities, self.capacity, self.repopulation
        )

    def react(self, state: State, table: Growth, half: int) -> State:
        """Exact logistic growth under drugs."""
        viable, killed = grow(state.cells[0], table, self.classes)
        return replace(state, cells=(viable,), dead=state.dead + killed)

    @property
    def capacity_field(self) -> Array:
        """Capacity as a number or (N,); 1 outside the tissue, so that one can divide by it."""
        return 1.0 + by_class(self.capacity - 1.0, self.classes)

    @property
    def growth_field(self) -> Array:
        """Proliferation rate as a number or (N,), 1/day."""
        return by_class(self.growth, self.classes)


class FisherKPP(TumorModel):
    """Fisher-KPP with tissue-dependent diffusivity, growth and capacity.

    Stability: the solver sub-steps so that dt Σ D/h² <= 1. Resolution: the front is resolved while
    sqrt(D/ρ) is at least two voxels; `twin.calibrate` warns where it is not.
    """

    def table(self, site: str, drugs: tuple[str, ...], tissues: tuple[str, ...]) -> ParameterTable:
        """Parameters of the model (see `TumorModel.table`)."""
        return ParameterTable(
            [
                *growth_priors(site),
                *radiotherapy_priors(site),
                *drug_priors(drugs),
                *tissue_priors(tissues),
            ]
        )

    def equations(
        self, params: Params, domain: Domain, drugs: tuple[str, ...]
    ) -> LogisticEquations:
        """Equations at natural parameter values (see `TumorModel.equations`)."""
        return LogisticEquations(**self.common(params, domain, drugs))

    def spread(self, params: Params, domain: Domain) -> DiffusionOperator:
        """How cells spread: alike in all directions, by the tissue."""
        return isotropic(params, domain)

    def common(self, params: Params, domain: Domain, drugs: tuple[str, ...]) -> dict:
        """What the equations of this model and of those built on it share."""
        return {
            "operator": self.spread(params, domain),
            "radiation": radiation_of(params, drugs),
            "clearance": clearance_of(params),
            "growth": params["proliferation_rate"] * by_tissue(params, domain, "growth_ratio"),
            "capacity": by_tissue(params, domain, "capacity_ratio"),
            "sensitivities": stacked(params, tuple(f"sensitivity_{d}" for d in drugs)),
            "repopulation": (params["repopulation_factor"], params["repopulation_delay"]),
            "classes": domain.dominant,
        }


def by_tissue(params: Params, domain: Domain, name: str) -> Float[Array, " k"]:
    """A ratio of every tissue to the reference, which has 1."""
    return jnp.stack([jnp.ones(()), *(params[f"{name}_{t}"] for t in domain.tissues[1:])])


def isotropic(params: Params, domain: Domain) -> Conductances:
    """Diffusion with a diffusivity that is the mixture of those of the tissues of a voxel."""
    return conductances(
        by_tissue(params, domain, "diffusivity_ratio") @ domain.fractions,
        domain.mask,
        domain.shape,
        domain.spacing_mm,
        scale=params["diffusivity"],
    )

"""Mechanically coupled growth: the tumor swells, tissue gives way, stress slows the spread.

    ∂u/∂t = ∇·(D₀ exp(−γ σ_vM) ∇u) + ρ u (1 − u/θ) − Σ_j s_j c_j(t) u
    ∇·σ(w) = p ∇u,   E(x) = (1 − u) E_tissue + u E_tumor

w is the displacement of tissue, p the pressure that cells at capacity exert, σ_vM the von Mises
stress. Hormuth et al. 2018 (doi 10.1007/s10439-018-2003-6) and Clatz et al. 2005 (doi
10.1109/TMI.2005.857217). Tissue outside the domain is rigid, strains are small, and the tissue map
stays where it is: the displacement is an output, not a motion of the grid.

Displacements are smooth and are solved on voxels a few times larger; the stress that acts in a
step is that of its middle, reached by Euler's half step under the last stress, which keeps the
splitting of second order.
"""

from __future__ import annotations

from dataclasses import replace

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from twin.domain import Domain
from twin.models.fisher_kpp import FisherKPP, LogisticEquations, by_tissue
from twin.models.model import Params
from twin.models.priors import stiffness_priors
from twin.models.state import State
from twin.operators.coarse import Coarse, coarse_grid
from twin.operators.elasticity import Elasticity, displacement, elasticity, swelling
from twin.operators.explicit import Loop
from twin.operators.fluxes import Conductances, divergence, slowed
from twin.operators.transport import diffuse
from twin.parameters import Fixed, LogNormal, Parameter, ParameterTable

COARSENING = 2.0
"""Voxels of the displacement over the largest edge of a voxel."""
TOLERANCE = 1e-3
"""Residual left of the displacement, relative to the force of the swelling."""


class MechanicsEquations(LogisticEquations):
    """Logistic growth whose spread is slowed by stress.

    Attributes:
        operator: of the spread without stress.
        tissue_kpa: (M,) Young's modulus of the healthy tissue on the coarse grid.
        tumor_kpa: Young's modulus at the carrying capacity.
        poisson_ratio: of all tissue.
        pressure_kpa: p.
        stress_sensitivity: γ, 1/kPa.
        coarse: the grid of the displacement.
        tolerance: of the displacement.
    """

    operator: Conductances
    tissue_kpa: Float[Array, " m"]
    tumor_kpa: Array
    poisson_ratio: Array
    pressure_kpa: Array
    stress_sensitivity: Array
    coarse: Coarse
    tolerance: float = eqx.field(static=True)

    def start(self, viable: Float[Array, " n"]) -> State:
        """The tumor in equilibrium with its surroundings."""
        still = jnp.zeros((3, self.coarse.mask.shape[0]), viable.dtype)
        memory = {"displacement_mm": still, "last_change_mm": still}
        state = State((viable,), jnp.zeros_like(viable), {}, memory)
        strained = self._strained(state, viable)
        return replace(strained, memory={**strained.memory, "last_change_mm": still})

    def transport(self, state: State, dt_days: Array, loop: Loop) -> State:
        """Spread under the stress of the middle of the step."""
        change = 0.5 * dt_days * divergence(state.viable, self._slowed(state))
        strained = self._strained(state, jnp.clip(state.viable + change, 0.0, 1.0))
        cells = diffuse(state.cells, self._slowed(strained), dt_days, loop)
        dead = state.dead * jnp.exp(-self.clearance * dt_days)
        return replace(strained, cells=cells, dead=dead)

    def resect(self, state: State, kept: Float[Array, " n"]) -> State:
        """Stress stays until the next step solves it anew."""
        return replace(super().resect(state, kept), fields=state.fields)

    def stiffness(self, viable: Float[Array, " n"]) -> tuple[Elasticity, Array]:
        """The elastic operator and the pressure of a density, on the coarse grid."""
        cells = self.coarse.down(viable)
        young = self.tissue_kpa + cells * (self.tumor_kpa - self.tissue_kpa)
        grid = (self.coarse.mask, self.coarse.shape, self.coarse.spacing_mm)
        return elasticity(young, self.poisson_ratio, *grid), self.pressure_kpa * cells

    def _strained(self, state: State, viable: Array) -> State:
        """The state with displacement and stress of another density."""
        operator, pressure = self.stiffness(viable)
        last = state.memory["displacement_mm"]
        moved = displacement(
            operator,
            swelling(pressure, operator),
            guess_mm=last + state.memory["last_change_mm"],
            tolerance=self.tolerance,
        )
        mobility = jnp.exp(-self.stress_sensitivity * operator.von_mises(moved))
        return replace(
            state,
            fields={"mobility": self.coarse.up(mobility)},
            memory={"displacement_mm": moved, "last_change_mm": moved - last},
        )

    def _slowed(self, state: State) -> Conductances:
        return slowed(self.operator, state.fields["mobility"])


class Mechanics(FisherKPP):
    """Fisher-KPP with mass effect and a spread that stress slows.

    Attributes:
        coarsening: voxels of the displacement over the largest edge of a voxel of the domain.
        tolerance: residual left of the displacement, relative to the force of the swelling.
    """

    coarsening: float = eqx.field(static=True, default=COARSENING)
    tolerance: float = eqx.field(static=True, default=TOLERANCE)

    def table(self, site: str, drugs: tuple[str, ...], tissues: tuple[str, ...]) -> ParameterTable:
        """Parameters of the model (see `TumorModel.table`)."""
        rows = [
            Parameter(
                "swelling_pressure",
                "kPa",
                LogNormal(1.0, 0.7),
                "pressure that cells at the carrying capacity exert",
                "assumed: solid stress of 0.1 to 10 kPa is reported for tumors",
                "assumed",
            ),
            Parameter(
                "stress_sensitivity",
                "1/kPa",
                LogNormal(0.5, 0.7),
                "relative decrease of the diffusivity per von Mises stress",
                "assumed, wide",
                "assumed",
            ),
            Parameter(
                "poisson_ratio",
                "1",
                Fixed(0.45),
                "Poisson's ratio of all tissue",
                "Hormuth et al. 2018, doi 10.1007/s10439-018-2003-6, not yet checked",
                "assumed",
            ),
        ]
        return super().table(site, drugs, tissues) + ParameterTable(
            [*rows, *stiffness_priors(site, tissues)]
        )

    def equations(
        self, params: Params, domain: Domain, drugs: tuple[str, ...]
    ) -> MechanicsEquations:
        """Equations at natural parameter values (see `TumorModel.equations`)."""
        coarse = coarse_grid(domain.mask, domain.shape, domain.spacing_mm, self.coarsening)
        tissue = params["young_modulus"] * by_tissue(params, domain, "young_modulus_ratio")
        return MechanicsEquations(
            **self.common(params, domain, drugs),
            tissue_kpa=coarse.down(tissue @ domain.fractions),
            tumor_kpa=params["young_modulus_tumor"],
            poisson_ratio=params["poisson_ratio"],
            pressure_kpa=params["swelling_pressure"],
            stress_sensitivity=params["stress_sensitivity"],
            coarse=coarse,
            tolerance=self.tolerance,
        )

    def fallbacks(self, domain: Domain) -> tuple[str, ...]:
        """Stiffness by tissue class, rigid surroundings."""
        return (
            *super().fallbacks(domain),
            "No elastography: stiffness follows the tissue class, its values are assumed; what lies"
            " outside the tissue is rigid.",
        )

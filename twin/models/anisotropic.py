"""Fisher-KPP along fibers: cells spread by a tensor that diffusion imaging shows.

    ∂u/∂t = ∇·(D ∇u) + ρ u (1 − u/θ) − Σ_j s_j c_j(t) u,   D = d ((1 − a) s(x) I + a T(x))

T is the diffusion tensor of the scan with its trace set to 3, s the ratio of the tissue, and a the
share of the spread that follows the fibers, 0 to 1. Cells that follow white matter tracts: Jbabdi
et al. 2005 (doi 10.1002/mrm.20625). The stencil has no negative weight for any tensor
(twin/operators/tensors); what it clips of the anisotropy is reported. Without a tensor the spread
is isotropic, and a cannot be determined.
"""

from __future__ import annotations

from twin.domain import Domain
from twin.models.fisher_kpp import FisherKPP, isotropic
from twin.models.model import Params
from twin.operators.diffusion import DiffusionOperator
from twin.operators.mixture import mix
from twin.parameters import Parameter, ParameterTable, Uniform


class Anisotropic(FisherKPP):
    """Fisher-KPP whose cells follow fibers."""

    def table(self, site: str, drugs: tuple[str, ...], tissues: tuple[str, ...]) -> ParameterTable:
        """Parameters of the model (see `TumorModel.table`)."""
        row = Parameter(
            "fiber_share",
            "1",
            Uniform(0.0, 1.0),
            "share of the spread that follows the fibers of the diffusion tensor",
            "assumed, wide",
            "assumed",
            needs="tensor",
        )
        return super().table(site, drugs, tissues) + ParameterTable([row])

    def spread(self, params: Params, domain: Domain) -> DiffusionOperator:
        """Isotropic spread mixed with that along the fibers."""
        alike = isotropic(params, domain)
        if domain.fibers is None:
            return alike
        return mix(alike, domain.fibers, params["fiber_share"])

    def fallbacks(self, domain: Domain) -> tuple[str, ...]:
        """Isotropic spread where no tensor is known, and what the stencil clipped."""
        if domain.fibers is None:
            return ("No diffusion tensor: cells spread alike in all directions.",)
        return (f"Diffusion tensor: {domain.fibers_note}.",)

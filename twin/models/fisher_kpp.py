"""Fisher-KPP: reaction and diffusion of tumor cells in tissue, under treatment.

    ∂u/∂t = ∇·(D(x) ∇u) + ρ(x) u (1 − u) − Σ_j s_j c_j(t) u        viable cells
    ∂w/∂t = Σ_j s_j c_j(t) u − (ln 2 / T) w                          killed, not yet cleared
    u → u exp(−Σ α d + β d²),  w gains what u lost                    at the time of fractions

u is the fraction of the carrying capacity, D(x) and ρ(x) follow the tissue, c_j is the relative
concentration of drug j, and there is no flux through the border of the tissue. Swanson et al. 2000
(doi 10.1046/j.1365-2184.2000.00177.x); radiotherapy after Rockne et al. 2010
(doi 10.1088/0031-9155/55/12/001).
"""

from __future__ import annotations

import math

import jax.numpy as jnp

from twin.domain import Domain
from twin.models.model import Params, Rates, TumorModel
from twin.models.priors import growth_priors, radiotherapy_priors
from twin.operators.fluxes import conductances
from twin.parameters import Fixed, LogNormal, Parameter, ParameterTable
from twin.treatments.chemotherapy import get_drug


class FisherKPP(TumorModel):
    """Fisher-KPP with tissue-dependent diffusivity and growth.

    Stability: the solver sub-steps so that dt Σ D/h² <= 1. Resolution: the front is resolved while
    sqrt(D/ρ) is at least two voxels; `twin.calibrate` warns where it is not.
    """

    def table(self, site: str, drugs: tuple[str, ...], tissues: tuple[str, ...]) -> ParameterTable:
        """Parameters of the model (see `TumorModel.table`)."""
        rows = [*growth_priors(site), *radiotherapy_priors(site)]
        rows += [_sensitivity(drug) for drug in drugs]
        for tissue in tissues[1:]:
            rows += _tissue_ratios(tissue)
        return ParameterTable(rows)

    def rates(self, params: Params, domain: Domain, drugs: tuple[str, ...]) -> Rates:
        """Rates at natural parameter values (see `TumorModel.rates`)."""
        first, *others = domain.tissues
        spread = jnp.stack([jnp.ones(()), *(params[f"diffusivity_ratio_{t}"] for t in others)])
        growth = jnp.stack([jnp.ones(()), *(params[f"growth_ratio_{t}"] for t in others)])
        relative = spread @ domain.fractions
        alpha = params["radiosensitivity_alpha"]
        return Rates(
            conductances=conductances(
                relative,
                domain.mask,
                domain.shape,
                domain.spacing_mm,
                scale=params["diffusivity"],
            ),
            growth=params["proliferation_rate"] * growth,
            alpha=alpha,
            beta=alpha / params["alpha_beta_ratio"],
            sensitivities=jnp.stack([params[f"sensitivity_{d}"] for d in drugs])
            if drugs
            else jnp.zeros(0),
            clearance=math.log(2.0) / params["clearance_half_life"],
        )


def _sensitivity(name: str) -> Parameter:
    drug = get_drug(name)
    return Parameter(
        f"sensitivity_{name}",
        "1/day",
        LogNormal(drug.log_kill_median / drug.exposure_per_dose_days, drug.log_kill_sigma),
        f"kill rate at the concentration that {drug.reference_dose_mg_m2:g} mg/m² reaches at once",
        f"prior assumed (log cell kill per dose about {drug.log_kill_median:g}); kinetics: "
        + drug.citation,
        "assumed",
    )


def _tissue_ratios(tissue: str) -> list[Parameter]:
    """Diffusivity and growth in a further tissue relative to the first one."""
    if tissue in ("grey", "gray", "grey_matter", "gray_matter"):
        citation = "GliomaSolver default: ten times slower than in white matter"
        return [
            Parameter(
                f"diffusivity_ratio_{tissue}",
                "1",
                LogNormal(0.1, 0.7),
                "diffusivity in grey matter relative to the reference tissue",
                citation,
                "literature human",
            ),
            _unit_growth(tissue),
        ]
    return [
        Parameter(
            f"diffusivity_ratio_{tissue}",
            "1",
            LogNormal(0.5, 0.5),
            f"diffusivity in {tissue} relative to the reference tissue",
            "assumed",
            "assumed",
        ),
        _unit_growth(tissue),
    ]


def _unit_growth(tissue: str) -> Parameter:
    return Parameter(
        f"growth_ratio_{tissue}",
        "1",
        Fixed(1.0),
        f"proliferation in {tissue} relative to the reference tissue",
        "assumed equal",
        "assumed",
    )

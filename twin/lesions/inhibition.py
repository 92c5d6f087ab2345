"""Tumor growth inhibition: growth against an effect that wears off as resistance appears.

    dV/dt = k_l V − k_d exp(−λ s) V,        s = days since treatment began
    log V = log V₀ + k_l t − (k_d/λ)(exp(−λ s₀) − exp(−λ s))

Claret et al. 2009 (doi 10.1200/JCO.2008.21.0807), without the exposure where doses are unknown.
"""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from twin.lesions.model import (
    LesionModel,
    LesionParams,
    assumed_rate,
    rate,
    reading_parameters,
    site_growth_rate,
)
from twin.parameters import ParameterTable

_CLARET = "form: Claret et al. 2009, doi 10.1200/JCO.2008.21.0807"

_RESISTANCE = ("resistance_rate", 0.01, "rate at which the effect wears off")


class GrowthInhibition(LesionModel):
    """Exponential growth and a loss that decays from the start of treatment on."""

    name: ClassVar[str] = "growth-inhibition"

    def table(self) -> ParameterTable:
        """Parameters (see `LesionModel.table`)."""
        growth = rate("growth_rate", 0.001, "growth per volume without effect", _CLARET)
        kill = rate("kill_rate", 0.002, "loss per volume when treatment begins", _CLARET)
        resistance = rate(*_RESISTANCE, _CLARET)
        return ParameterTable([growth, kill, resistance, *reading_parameters()])

    def treated_table(self, site: str) -> ParameterTable:
        """Parameters of growth alone (see `LesionModel.treated_table`)."""
        resistance = assumed_rate(*_RESISTANCE)
        return ParameterTable([site_growth_rate(site), resistance, *reading_parameters()])

    def specific_growth(
        self, log_volume: Float[Array, ""], params: LesionParams
    ) -> Float[Array, " populations"]:
        """k_l (see `LesionModel.specific_growth`)."""
        return params["growth_rate"][None]

    def effect(
        self, days_treated: Float[Array, ""], params: LesionParams
    ) -> Float[Array, " populations"]:
        """k_d exp(−λ s)."""
        return params["kill_rate"] * self.drug_share(days_treated, params)

    def drug_share(
        self, days_treated: Float[Array, ""], params: LesionParams
    ) -> Float[Array, " populations"]:
        """exp(−λ s)."""
        return jnp.exp(-params["resistance_rate"] * days_treated)[None]

    def log_volume(
        self,
        days: Float[Array, " times"],
        days_untreated: Float[Array, ""],
        days_before: Float[Array, ""],
        params: LesionParams,
    ) -> Float[Array, " times"]:
        """Closed form (see `LesionModel.log_volume`)."""
        wearing = params["resistance_rate"]
        treated = days - jnp.minimum(days, days_untreated)
        lost = jnp.exp(-wearing * days_before) * -jnp.expm1(-wearing * treated) / wearing
        grown = params["growth_rate"] * days
        return jnp.log(params["initial_volume"]) + grown - params["kill_rate"] * lost

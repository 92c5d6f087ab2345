"""Exponential growth or decline.

    dV/dt = g V,        V = V₀ exp(g t)

As in Benzekry et al. 2014 (doi 10.1371/journal.pcbi.1003800).
"""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from twin.lesions.model import (
    LesionModel,
    LesionParams,
    net_growth_rate,
    reading_parameters,
    site_growth_rate,
)
from twin.parameters import ParameterTable


class Exponential(LesionModel):
    """Constant growth per volume; negative while a lesion shrinks."""

    name: ClassVar[str] = "exponential"

    def table(self) -> ParameterTable:
        """Parameters (see `LesionModel.table`)."""
        return ParameterTable([net_growth_rate(), *reading_parameters()])

    def treated_table(self, site: str) -> ParameterTable:
        """Parameters of growth alone (see `LesionModel.treated_table`)."""
        return ParameterTable([site_growth_rate(site), *reading_parameters()])

    def specific_growth(
        self, log_volume: Float[Array, ""], params: LesionParams
    ) -> Float[Array, " populations"]:
        """g (see `LesionModel.specific_growth`)."""
        return params["growth_rate"][None]

    def log_volume(
        self,
        days: Float[Array, " times"],
        days_untreated: Float[Array, ""],
        days_before: Float[Array, ""],
        params: LesionParams,
    ) -> Float[Array, " times"]:
        """Closed form (see `LesionModel.log_volume`)."""
        return jnp.log(params["initial_volume"]) + params["growth_rate"] * days

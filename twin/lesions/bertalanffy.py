"""Von Bertalanffy growth: gain through the surface, loss through the volume.

    dV/dt = b K^⅓ V^⅔ − b V,        V^⅓ = K^⅓ + (V₀^⅓ − K^⅓) exp(−b t/3)

Von Bertalanffy 1957 (doi 10.1086/401873); for tumors Benzekry et al. 2014
(doi 10.1371/journal.pcbi.1003800). K below V₀ makes a lesion that shrinks.
"""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from twin.lesions.model import (
    LesionModel,
    LesionParams,
    assumed_rate,
    limit_ratio,
    net_limit_ratio,
    rate,
    reading_parameters,
)
from twin.parameters import ParameterTable

_LOSS = ("loss_rate", 0.03, "loss of cells per volume")


class Bertalanffy(LesionModel):
    """Growth per volume of b ((K/V)^⅓ − 1)."""

    name: ClassVar[str] = "bertalanffy"

    def table(self) -> ParameterTable:
        """Parameters (see `LesionModel.table`)."""
        return ParameterTable([rate(*_LOSS), net_limit_ratio(), *reading_parameters()])

    def treated_table(self, site: str) -> ParameterTable:
        """Parameters of growth alone (see `LesionModel.treated_table`)."""
        return ParameterTable([assumed_rate(*_LOSS), limit_ratio(), *reading_parameters()])

    def specific_growth(
        self, log_volume: Float[Array, ""], params: LesionParams
    ) -> Float[Array, " populations"]:
        """b ((K/V)^⅓ − 1) (see `LesionModel.specific_growth`)."""
        log_limit = jnp.log(params["limit_ratio"] * params["initial_volume"])
        return (params["loss_rate"] * jnp.expm1((log_limit - log_volume) / 3.0))[None]

    def log_volume(
        self,
        days: Float[Array, " times"],
        days_untreated: Float[Array, ""],
        days_before: Float[Array, ""],
        params: LesionParams,
    ) -> Float[Array, " times"]:
        """Closed form (see `LesionModel.log_volume`)."""
        edge = jnp.cbrt(params["limit_ratio"])
        left = params["loss_rate"] * days / 3.0
        relative = jnp.exp(-left) - edge * jnp.expm1(-left)
        return jnp.log(params["initial_volume"]) + 3.0 * jnp.log(relative)

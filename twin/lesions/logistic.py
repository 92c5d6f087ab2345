"""Logistic growth towards a limit.

    dV/dt = r V (1 − V/K),        V = V₀ / (exp(−r t) + (V₀/K)(1 − exp(−r t)))

Verhulst 1838; for lesions under treatment Laleh et al. 2022 (doi 10.1371/journal.pcbi.1009822).
K below V₀ makes a lesion that shrinks.
"""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from twin.lesions.model import (
    LesionModel,
    LesionParams,
    limit_ratio,
    net_limit_ratio,
    rate,
    reading_parameters,
    site_growth_rate,
)
from twin.parameters import ParameterTable


class Logistic(LesionModel):
    """Growth per volume that falls linearly with volume."""

    name: ClassVar[str] = "logistic"

    def table(self) -> ParameterTable:
        """Parameters (see `LesionModel.table`)."""
        growth = rate("growth_rate", 0.01, "growth per volume far below the limit")
        return ParameterTable([growth, net_limit_ratio(), *reading_parameters()])

    def treated_table(self, site: str) -> ParameterTable:
        """Parameters of growth alone (see `LesionModel.treated_table`)."""
        return ParameterTable([site_growth_rate(site), limit_ratio(), *reading_parameters()])

    def specific_growth(
        self, log_volume: Float[Array, ""], params: LesionParams
    ) -> Float[Array, " populations"]:
        """r (1 − V/K) (see `LesionModel.specific_growth`)."""
        limit = params["limit_ratio"] * params["initial_volume"]
        return (params["growth_rate"] * (1.0 - jnp.exp(log_volume) / limit))[None]

    def log_volume(
        self,
        days: Float[Array, " times"],
        days_untreated: Float[Array, ""],
        days_before: Float[Array, ""],
        params: LesionParams,
    ) -> Float[Array, " times"]:
        """Closed form (see `LesionModel.log_volume`)."""
        grown = params["growth_rate"] * days
        rest = jnp.exp(-grown) - jnp.expm1(-grown) / params["limit_ratio"]
        return jnp.log(params["initial_volume"]) - jnp.log(rest)

"""Gompertz growth towards a limit.

    dV/dt = a V log(K/V),        log V = log V₀ + log(K/V₀)(1 − exp(−a t))

Laird 1964 (doi 10.1038/bjc.1964.55); for lesions under treatment Laleh et al. 2022
(doi 10.1371/journal.pcbi.1009822). K below V₀ makes a lesion that shrinks.
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

_SLOWING = ("slowing_rate", 0.01, "rate at which growth per volume falls as the limit nears")


class Gompertz(LesionModel):
    """Growth per volume that falls with the logarithm of volume."""

    name: ClassVar[str] = "gompertz"

    def table(self) -> ParameterTable:
        """Parameters (see `LesionModel.table`)."""
        return ParameterTable([rate(*_SLOWING), net_limit_ratio(), *reading_parameters()])

    def treated_table(self, site: str) -> ParameterTable:
        """Parameters of growth alone (see `LesionModel.treated_table`)."""
        return ParameterTable([assumed_rate(*_SLOWING), limit_ratio(), *reading_parameters()])

    def specific_growth(
        self, log_volume: Float[Array, ""], params: LesionParams
    ) -> Float[Array, " populations"]:
        """a log(K/V) (see `LesionModel.specific_growth`)."""
        log_limit = jnp.log(params["limit_ratio"] * params["initial_volume"])
        return (params["slowing_rate"] * (log_limit - log_volume))[None]

    def log_volume(
        self,
        days: Float[Array, " times"],
        days_untreated: Float[Array, ""],
        days_before: Float[Array, ""],
        params: LesionParams,
    ) -> Float[Array, " times"]:
        """Closed form (see `LesionModel.log_volume`)."""
        reached = -jnp.expm1(-params["slowing_rate"] * days)
        return jnp.log(params["initial_volume"]) + jnp.log(params["limit_ratio"]) * reached

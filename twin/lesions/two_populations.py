"""Two populations: one that treatment shrinks, one that grows on.

    dS/dt = −d S,   dR/dt = g R   under treatment (before it both grow with g),   V = S + R
    V = V₀ ((1 − φ) exp(−d t) + φ exp(g t))

Stein et al. 2011 (doi 10.1158/1078-0432.CCR-10-1762), with the share φ of the growing population
free. Its growth sets in at once, so that regrowth shows only after S has shrunk.
"""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from twin.lesions.model import (
    LesionModel,
    LesionParams,
    rate,
    reading_parameters,
    site_growth_rate,
)
from twin.parameters import Parameter, ParameterTable, Uniform

_STEIN = "form: Stein et al. 2011, doi 10.1158/1078-0432.CCR-10-1762"
_SMALLEST_SHARE = 1e-9


class TwoPopulations(LesionModel):
    """Sensitive and resistant cells; drugs reach the sensitive ones only, radiotherapy both."""

    name: ClassVar[str] = "two-populations"

    def table(self) -> ParameterTable:
        """Parameters (see `LesionModel.table`)."""
        growth = rate("growth_rate", 0.001, "growth per volume of resistant cells", _STEIN)
        shrinkage = rate("shrinkage_rate", 0.005, "decline of sensitive cells, treated", _STEIN)
        return ParameterTable([growth, shrinkage, _share(), *reading_parameters()])

    def treated_table(self, site: str) -> ParameterTable:
        """Parameters of growth alone (see `LesionModel.treated_table`)."""
        return ParameterTable([site_growth_rate(site), _share(), *reading_parameters()])

    def specific_growth(
        self, log_volume: Float[Array, ""], params: LesionParams
    ) -> Float[Array, " populations"]:
        """g for both (see `LesionModel.specific_growth`)."""
        return jnp.stack([params["growth_rate"], params["growth_rate"]])

    def shares(self, params: LesionParams) -> Float[Array, " populations"]:
        """1 − φ and φ."""
        resistant = _inside(params["resistant_share"])
        return jnp.stack([1.0 - resistant, resistant])

    def effect(
        self, days_treated: Float[Array, ""], params: LesionParams
    ) -> Float[Array, " populations"]:
        """g + d and 0: sensitive cells decline with d on the whole."""
        loss = params["growth_rate"] + params["shrinkage_rate"]
        return jnp.stack([loss, jnp.zeros_like(loss)])

    def drug_share(
        self, days_treated: Float[Array, ""], params: LesionParams
    ) -> Float[Array, " populations"]:
        """1 and 0."""
        return jnp.array([1.0, 0.0])

    def log_volume(
        self,
        days: Float[Array, " times"],
        days_untreated: Float[Array, ""],
        days_before: Float[Array, ""],
        params: LesionParams,
    ) -> Float[Array, " times"]:
        """Closed form (see `LesionModel.log_volume`)."""
        free = jnp.minimum(days, days_untreated)
        treated = days - free
        resistant = _inside(params["resistant_share"])
        sensitive = jnp.log1p(-resistant) - params["shrinkage_rate"] * treated
        growing = jnp.log(resistant) + params["growth_rate"] * treated
        started = jnp.log(params["initial_volume"]) + params["growth_rate"] * free
        return started + jnp.logaddexp(sensitive, growing)


def _share() -> Parameter:
    return Parameter(
        "resistant_share",
        "1",
        Uniform(0.0, 1.0),
        "share of the first volume that treatment does not reach",
        f"assumed: anything; {_STEIN}",
        "assumed",
    )


def _inside(share: Float[Array, ""]) -> Float[Array, ""]:
    """Kept off 0 and 1, where a logarithm has no end."""
    return jnp.clip(share, _SMALLEST_SHARE, 1.0 - _SMALLEST_SHARE)

"""What a lesion model tells: how fast a lesion grows for its size, and what treatment takes away.

    d(log u_i)/dt = G_i(V) − E_i(t),        V = Σ u_i

u_i are the volumes (mL) of the populations of cells that a lesion consists of, G their growth per
volume, E the loss to a treatment whose doses are not known, from the day it begins. Every model is
free of scale: volumes enter as multiples of the volume V₀ at the first reading.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from twin.lesions.solve import integrate
from twin.models.priors import growth_priors
from twin.parameters import Fixed, LogNormal, LogUniform, Normal, Parameter, ParameterTable

LesionParams = Mapping[str, Float[Array, ""]]

_LALEH = "546 lesions of studies 2 and 3 of Laleh et al. 2022, doi 10.1371/journal.pcbi.1009822"
_CHOSEN = f"round value with the best evidence of a few on the {_LALEH}"
_CALIBRATED = (
    f"round value whose 90 % intervals hold about 90 % of next readings of the {_LALEH}, with as"
    " much evidence over all models as smaller ones"
)


class LesionModel(eqx.Module):
    """An equation of one lesion's volume. A new model is one file that implements these methods."""

    name: ClassVar[str]
    """What the command line and tables call it."""

    @abstractmethod
    def table(self) -> ParameterTable:
        """Parameters where only volumes are known: rates are net of whatever is given."""

    @abstractmethod
    def treated_table(self, site: str) -> ParameterTable:
        """Parameters of growth alone, for a patient whose treatment is known and modeled."""

    @abstractmethod
    def specific_growth(
        self, log_volume: Float[Array, ""], params: LesionParams
    ) -> Float[Array, " populations"]:
        """Growth of each population per its volume, 1/day, in a lesion of `log_volume`."""

    def log_volume(
        self,
        days: Float[Array, " times"],
        days_untreated: Float[Array, ""],
        days_before: Float[Array, ""],
        params: LesionParams,
    ) -> Float[Array, " times"]:
        """Logarithm of the volume in mL, by diffrax; a model with a closed form overrides it.

        Args:
            days: since the first reading, at least 0.
            days_untreated: from the first reading to the start of treatment, at least 0.
            days_before: of treatment before the first reading, at least 0.
            params: natural values by name.
        """

        def change(time: Array, log_parts: Array) -> Array:
            growth = self.specific_growth(jax.nn.logsumexp(log_parts), params)
            treated = time - days_untreated
            effect = self.effect(jnp.maximum(treated, 0.0) + days_before, params)
            return growth - jnp.where(treated >= 0.0, effect, 0.0)

        start = jnp.log(params["initial_volume"] * self.shares(params))
        parts = integrate(change, start, days, days_untreated[None])
        return jax.nn.logsumexp(parts, axis=1)

    def shares(self, params: LesionParams) -> Float[Array, " populations"]:
        """Share of each population of the volume at the first reading."""
        return jnp.ones(1)

    def effect(
        self, days_treated: Float[Array, ""], params: LesionParams
    ) -> Float[Array, " populations"]:
        """Loss to a treatment of unknown doses, 1/day, so long after it began."""
        return jnp.zeros(1)

    def drug_share(
        self, days_treated: Float[Array, ""], params: LesionParams
    ) -> Float[Array, " populations"]:
        """Share of a known drug's kill that reaches each population, 0 to 1."""
        return jnp.ones(1)


def reading_parameters() -> list[Parameter]:
    """Volume at the first reading and errors of readings: every model has them.

    The logarithm of a reading is off by sqrt(reading_sd² + (3 diameter_sd / d)²), with d the
    diameter in mm of a ball of the volume read.
    """
    return [
        Parameter(
            "initial_volume",
            "mL",
            LogNormal(20.0, 2.0),
            "volume at the first reading",
            "assumed: covers diameters of about 11 to 100 mm",
            "assumed",
        ),
        Parameter(
            "reading_sd",
            "1",
            LogNormal(0.05, 0.5),
            "standard deviation of the logarithm of a volume read, size apart",
            _CALIBRATED,
            "literature human",
        ),
        Parameter(
            "diameter_sd",
            "mm",
            Fixed(1.0),
            "error of a diameter, which counts where lesions are small",
            "assumed: diameters are given in whole millimeters",
            "assumed",
        ),
        Parameter(
            "wander_sd",
            "1/√day",
            LogNormal(0.07, 0.5),
            "wandering of the logarithm of volume around the curve in one day",
            _CALIBRATED,
            "literature human",
        ),
    ]


def rate(name: str, median: float, description: str, form: str = "") -> Parameter:
    """A positive rate, 1/day, known to a factor of about 5 either way, net of treatment."""
    citation = f"{form}; value: {_CHOSEN}" if form else _CHOSEN
    return Parameter(
        name, "1/day", LogNormal(median, 1.0), description, citation, "literature human"
    )


def assumed_rate(name: str, median: float, description: str) -> Parameter:
    """A positive rate, 1/day, known to a factor of about 5 either way, without treatment."""
    return Parameter(name, "1/day", LogNormal(median, 1.0), description, "assumed", "assumed")


def net_growth_rate() -> Parameter:
    """Growth less loss, of either sign, where the treatment is not known."""
    return Parameter(
        "growth_rate",
        "1/day",
        Normal(0.0, 0.004, -0.1, 0.1),
        "growth per volume, net of treatment",
        _CHOSEN,
        "literature human",
    )


def site_growth_rate(site: str) -> Parameter:
    """Growth without treatment as the spatial models of this site have it."""
    (found,) = [p for p in growth_priors(site) if p.name == "proliferation_rate"]
    description = "growth per volume of an untreated lesion, far below its limit"
    return replace(found, name="growth_rate", description=description)


def net_limit_ratio() -> Parameter:
    """The volume a lesion under treatment tends to, over the one at the first reading."""
    return Parameter(
        "limit_ratio",
        "1",
        LogNormal(1.0, 0.75),
        "volume that the lesion tends to, over the one at the first reading; below 1 it shrinks",
        _CHOSEN,
        "literature human",
    )


def limit_ratio() -> Parameter:
    """The same without treatment, or where treatment is modeled apart: growth only."""
    return Parameter(
        "limit_ratio",
        "1",
        LogUniform(1.5, 100.0),
        "volume that growth tends to without treatment, over the one at the first reading",
        "assumed",
        "assumed",
    )

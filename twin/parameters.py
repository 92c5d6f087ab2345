"""Named parameters with unit, prior and source: the one table behind models, reports and fits.

Every prior is written as value = transform(z) with z ~ N(0, 1). Calibration works in z: the prior
penalty is |z|²/2 whatever the prior's shape, values never leave their bounds, and the posterior
standard deviation in z over the prior's 1 tells what the data added.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtr, ndtri
from jaxtyping import Array, ArrayLike
from scipy import special

from twin.errors import TwinError

Provenance = Literal["measured", "literature human", "animal", "assumed"]


class Prior(Protocol):
    """A distribution given as a monotone map of a standard normal variable."""

    def transform(self, z: ArrayLike) -> Array:
        """Value at the standard normal score `z`; can be traced and differentiated by JAX."""
        ...

    def inverse(self, value: float) -> float:
        """Score of a value; the inverse of `transform`."""
        ...

    def describe(self) -> str:
        """One line for tables."""
        ...

    def shifted(self, factor: float) -> Prior:
        """The same distribution of a value that is `factor` times as large."""
        ...


@dataclass(frozen=True)
class LogNormal:
    """Logarithm normal with the given median and standard deviation `sigma` of the logarithm."""

    median: float
    sigma: float

    def transform(self, z: ArrayLike) -> Array:
        return self.median * jnp.exp(self.sigma * jnp.asarray(z))

    def inverse(self, value: float) -> float:
        _positive(value)
        return float(np.log(value / self.median) / self.sigma)

    def describe(self) -> str:
        return f"log-normal, median {self.median:g}, sigma {self.sigma:g}"

    def shifted(self, factor: float) -> LogNormal:
        return LogNormal(self.median * factor, self.sigma)


@dataclass(frozen=True)
class LogUniform:
    """Logarithm uniform between `low` and `high`."""

    low: float
    high: float

    def transform(self, z: ArrayLike) -> Array:
        return self.low * (self.high / self.low) ** ndtr(jnp.asarray(z, float))

    def inverse(self, value: float) -> float:
        _positive(value)
        return _score(np.log(value / self.low) / np.log(self.high / self.low))

    def describe(self) -> str:
        return f"log-uniform, {self.low:g} to {self.high:g}"

    def shifted(self, factor: float) -> LogUniform:
        return LogUniform(self.low * factor, self.high * factor)


@dataclass(frozen=True)
class Uniform:
    """Uniform between `low` and `high`."""

    low: float
    high: float

    def transform(self, z: ArrayLike) -> Array:
        return self.low + (self.high - self.low) * ndtr(jnp.asarray(z, float))

    def inverse(self, value: float) -> float:
        return _score((value - self.low) / (self.high - self.low))

    def describe(self) -> str:
        return f"uniform, {self.low:g} to {self.high:g}"

    def shifted(self, factor: float) -> Uniform:
        return Uniform(self.low * factor, self.high * factor)


@dataclass(frozen=True)
class Normal:
    """Normal, truncated to `low`..`high`."""

    mean: float
    sd: float
    low: float
    high: float

    def transform(self, z: ArrayLike) -> Array:
        """Each half by its own tail: a share next to 1 has no digits left in float32."""
        z = jnp.asarray(z, float)
        below, above = self._outside()
        inside = 1.0 - below - above
        # `where`, not `minimum`: at the tie z = 0 the latter passes on half of the derivative.
        lower = ndtri(below + inside * ndtr(jnp.where(z < 0.0, z, 0.0)))
        upper = -ndtri(above + inside * ndtr(jnp.where(z < 0.0, 0.0, -z)))
        return self.mean + self.sd * jnp.where(z < 0.0, lower, upper)

    def inverse(self, value: float) -> float:
        below, above = self._outside()
        share = special.ndtr((value - self.mean) / self.sd) - below
        return _score(share / (1.0 - below - above))

    def _outside(self) -> tuple[float, float]:
        """Share of the untruncated distribution below `low` and above `high`."""
        low, high = (self.low - self.mean) / self.sd, (self.mean - self.high) / self.sd
        return float(special.ndtr(low)), float(special.ndtr(high))

    def describe(self) -> str:
        return f"normal, {self.mean:g} ± {self.sd:g} within {self.low:g} to {self.high:g}"

    def shifted(self, factor: float) -> Normal:
        return Normal(*(factor * v for v in (self.mean, self.sd, self.low, self.high)))


@dataclass(frozen=True)
class StandardNormal:
    """A standard normal variable itself, of either sign, such as a coefficient of a map."""

    def transform(self, z: ArrayLike) -> Array:
        return jnp.asarray(z, float)

    def inverse(self, value: float) -> float:
        return float(value)

    def describe(self) -> str:
        return "normal, 0 ± 1"

    def shifted(self, factor: float) -> StandardNormal:
        """Refused: a coefficient without unit has no size to shift."""
        raise TwinError(
            "the coefficient of a map has no prior to shift",
            expected="a parameter with a positive value",
            got=self.describe(),
        )


@dataclass(frozen=True)
class Fixed:
    """A value that is not estimated."""

    value: float

    def transform(self, z: ArrayLike) -> Array:
        return jnp.full_like(jnp.asarray(z, dtype=float), self.value)

    def inverse(self, value: float) -> float:
        return 0.0

    def describe(self) -> str:
        return f"fixed at {self.value:g}"

    def shifted(self, factor: float) -> Fixed:
        """Refused: a value that is known for sure has no prior to shift."""
        raise TwinError(
            "a fixed parameter has no prior to shift",
            expected="a parameter that is estimated",
            got=self.describe(),
        )


@dataclass(frozen=True)
class Parameter:
    """One quantity of a model, a treatment or an observation.

    Attributes:
        name: the field's term, in full.
        unit: as printed; "1" for a pure number.
        prior: what is believed before this patient's data.
        description: one line.
        citation: source of the prior (DOI where there is one).
        provenance: kind of evidence behind the prior.
        needs: what must be there before data can depend on it: "radiotherapy", "several fractions a
            day", "treatment", "drug NAME", "radiotherapy with NAME" or "tensor"; "" for nothing.
        of_map: name of the map in space that this is a coefficient of, which tables show in its
            place; "" for a parameter that stands for itself.
    """

    name: str
    unit: str
    prior: Prior
    description: str
    citation: str
    provenance: Provenance
    needs: str = ""
    of_map: str = ""

    @property
    def fixed(self) -> bool:
        """True where the parameter is not estimated."""
        return isinstance(self.prior, Fixed)

    def interval(self, level: float = 0.9) -> tuple[float, float]:
        """Central prior interval."""
        z = float(special.ndtri(0.5 + level / 2.0))
        return float(self.prior.transform(-z)), float(self.prior.transform(z))


class ParameterTable(Mapping[str, Parameter]):
    """Parameters by name, in the order in which reports list them."""

    def __init__(self, parameters: tuple[Parameter, ...] | list[Parameter]) -> None:
        self._parameters = {p.name: p for p in parameters}
        if len(self._parameters) != len(parameters):
            raise TwinError("two parameters of one name", where="parameter table")

    def __getitem__(self, name: str) -> Parameter:
        try:
            return self._parameters[name]
        except KeyError:
            raise TwinError(
                f"unknown parameter {name!r}",
                where="parameter table",
                expected=", ".join(self._parameters),
                got=repr(name),
            ) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __len__(self) -> int:
        return len(self._parameters)

    def __contains__(self, name: object) -> bool:
        return name in self._parameters

    def __hash__(self) -> int:
        return hash(tuple(self._parameters.values()))

    def __add__(self, other: ParameterTable) -> ParameterTable:
        return ParameterTable([*self.values(), *other.values()])

    @property
    def free(self) -> tuple[str, ...]:
        """Names of the parameters that can be estimated."""
        return tuple(name for name, p in self._parameters.items() if not p.fixed)

    def with_priors(self, priors: Mapping[str, Prior]) -> ParameterTable:
        """The same table with some priors replaced (a value known for sure: `Fixed`).

        Raises:
            TwinError: a name that the table does not hold.
        """
        for name in priors:
            self[name]
        return ParameterTable(
            [replace(p, prior=priors[n]) if n in priors else p for n, p in self.items()]
        )

    def values_at(self, z: Mapping[str, Array | float]) -> dict[str, Array]:
        """Natural values at standard normal scores; names left out of `z` are at their median."""
        return {name: p.prior.transform(z.get(name, 0.0)) for name, p in self.items()}

    def scores_of(self, values: Mapping[str, float]) -> dict[str, float]:
        """Standard normal scores of natural values."""
        return {name: self[name].prior.inverse(float(v)) for name, v in values.items()}


def _score(share: float) -> float:
    """Standard normal score of a cumulative share, kept a little inside (0, 1)."""
    return float(special.ndtri(np.clip(share, 1e-6, 1.0 - 1e-6)))


def _positive(value: float) -> None:
    if not value > 0.0:
        raise TwinError("value of a positive parameter", expected="above 0", got=f"{value:g}")

"""The front in its own terms: infiltration length λ = √(D/ρ) and Fisher speed v = 2 √(Dρ).

Growth tells the speed long before it tells D and ρ apart (Harpold, Alvord & Swanson 2007, doi
10.1097/nen.0b013e31802d9000), so a posterior is a ridge along v = constant, bent in the scores of D
and ρ. Here it is straight: one score is that of the speed under its own prior, the other that of
the length among all lengths that go with this speed.

    z_v = Φ⁻¹(F(v)),   z_λ = Φ⁻¹(F(λ | v))

Both are standard normal and independent under the very prior of D and ρ (Rosenblatt 1952, doi
10.1214/aoms/1177729394): the same posterior in exact arithmetic, in other coordinates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtr
from jaxtyping import Array, ArrayLike
from scipy import special

from twin.errors import TwinError
from twin.parameters import LogNormal, LogUniform, Parameter, ParameterTable, Uniform

GROWTH = ("diffusivity", "proliferation_rate")
LENGTH, SPEED = "front_length", "front_speed"
LENGTH_AT_SPEED = "front_length_at_speed"
"""Score of the length among those that go with the speed."""

_TINY = 1e-30


def front_of(values: Mapping[str, float] | Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Infiltration length, mm, and speed, mm/day, of diffusivities and proliferation rates."""
    spread, growth = (np.asarray(values[name], float) for name in GROWTH)
    length, speed = np.sqrt(spread / growth), 2.0 * np.sqrt(spread * growth)
    return {LENGTH: np.asarray(length), SPEED: np.asarray(speed)}


@dataclass(frozen=True)
class SpeedPrior:
    """The prior of v = 2 √(Dρ) where both are log-uniform: log v has a trapezoid for a density.

    Attributes:
        lowest: smallest speed, mm/day.
        spread, growth: widths of log D and log ρ.
    """

    lowest: float
    spread: float
    growth: float

    def above_lowest(self, z: ArrayLike) -> Array:
        """2 log(v / lowest), from 0 to spread + growth."""
        z = jnp.asarray(z, float)
        short, long = sorted((self.spread, self.growth))
        # Each ramp by its own tail: a share next to 1 has no digits left in float32.
        rising = jnp.sqrt(2.0 * short * long * jnp.maximum(ndtr(z), _TINY))
        falling = short + long - jnp.sqrt(2.0 * short * long * jnp.maximum(ndtr(-z), _TINY))
        level = 0.5 * short + long * ndtr(z)
        return jnp.where(rising < short, rising, jnp.where(falling > long, falling, level))

    def transform(self, z: ArrayLike) -> Array:
        return self.lowest * jnp.exp(0.5 * self.above_lowest(z))

    def inverse(self, value: float) -> float:
        if not value > 0.0:
            raise TwinError("value of a positive parameter", expected="above 0", got=f"{value:g}")
        short, long = sorted((self.spread, self.growth))
        total = float(np.clip(2.0 * np.log(value / self.lowest), 0.0, short + long))
        if total < short:
            share = total**2 / (2.0 * short * long)
        elif total <= long:
            share = (total - 0.5 * short) / long
        else:
            share = 1.0 - (short + long - total) ** 2 / (2.0 * short * long)
        return _score(share)

    def describe(self) -> str:
        highest = self.lowest * np.exp(0.5 * (self.spread + self.growth))
        return f"of log-uniform D and ρ, {self.lowest:g} to {highest:g}"

    def shifted(self, factor: float) -> SpeedPrior:
        return SpeedPrior(factor * self.lowest, self.spread, self.growth)


@dataclass(frozen=True)
class _LogUniformFront:
    """Log-uniform D and ρ: at a speed, the logarithm of the length is uniform."""

    spread: LogUniform
    growth: LogUniform

    @property
    def speed(self) -> SpeedPrior:
        lowest = 2.0 * np.sqrt(self.spread.low * self.growth.low)
        return SpeedPrior(float(lowest), *self._widths)

    @property
    def length_at_speed(self) -> Uniform:
        return Uniform(0.0, 1.0)

    @property
    def _widths(self) -> tuple[float, float]:
        return tuple(float(np.log(p.high / p.low)) for p in (self.spread, self.growth))  # type: ignore[return-value]

    def values(self, z_speed: ArrayLike, z_length: ArrayLike) -> tuple[Array, Array]:
        total = self.speed.above_lowest(z_speed)
        first, second = self._widths
        least = jnp.maximum(total - second, 0.0)
        part = least + ndtr(jnp.asarray(z_length, float)) * (jnp.minimum(total, first) - least)
        return self.spread.low * jnp.exp(part), self.growth.low * jnp.exp(total - part)

    def scores(self, spread: float, growth: float) -> tuple[float, float]:
        first, second = self._widths
        part = float(np.clip(np.log(spread / self.spread.low), 0.0, first))
        total = part + float(np.clip(np.log(growth / self.growth.low), 0.0, second))
        least, most = max(total - second, 0.0), min(total, first)
        share = (part - least) / max(most - least, _TINY)
        return self.speed.inverse(self.speed.lowest * np.exp(0.5 * total)), _score(share)


@dataclass(frozen=True)
class _LogNormalFront:
    """Log-normal D and ρ: the scores are rotated."""

    spread: LogNormal
    growth: LogNormal

    @property
    def _sigma(self) -> float:
        return float(np.hypot(self.spread.sigma, self.growth.sigma))

    @property
    def speed(self) -> LogNormal:
        middle = 2.0 * np.sqrt(self.spread.median * self.growth.median)
        return LogNormal(float(middle), 0.5 * self._sigma)

    @property
    def length_at_speed(self) -> LogNormal:
        return LogNormal(1.0, self.spread.sigma * self.growth.sigma / self._sigma)

    def values(self, z_speed: ArrayLike, z_length: ArrayLike) -> tuple[Array, Array]:
        a, b = self.spread.sigma / self._sigma, self.growth.sigma / self._sigma
        z_speed, z_length = jnp.asarray(z_speed, float), jnp.asarray(z_length, float)
        first, second = a * z_speed + b * z_length, b * z_speed - a * z_length
        return self.spread.transform(first), self.growth.transform(second)

    def scores(self, spread: float, growth: float) -> tuple[float, float]:
        a, b = self.spread.sigma / self._sigma, self.growth.sigma / self._sigma
        first, second = self.spread.inverse(spread), self.growth.inverse(growth)
        return a * first + b * second, b * first - a * second


class FrontTable(ParameterTable):
    """A table whose scores of D and ρ are replaced by those of speed and length.

    It lists the two coordinates, and gives D and ρ among its values as `plain` does.

    Attributes:
        plain: the table of D and ρ.

    Raises:
        TwinError: D and ρ are not there, or not both log-uniform or both log-normal.
    """

    def __init__(self, plain: ParameterTable) -> None:
        self.plain = plain
        self._front = _front_of(plain)
        speed = Parameter(
            SPEED,
            "mm/day",
            self._front.speed,
            "speed of the front, 2 √(Dρ)",
            "that of diffusivity and proliferation rate",
            plain[GROWTH[0]].provenance,
        )
        length = Parameter(
            LENGTH_AT_SPEED,
            "1",
            self._front.length_at_speed,
            "infiltration length √(D/ρ) among those that go with the speed",
            "that of diffusivity and proliferation rate",
            plain[GROWTH[0]].provenance,
        )
        rest = [p for name, p in plain.items() if name not in GROWTH]
        super().__init__([speed, length, *rest])

    def values_at(self, z: Mapping[str, Array | float]) -> dict[str, Array]:
        """Natural values of the plain table, D and ρ among them."""
        found = self.plain.values_at(z)
        front = self._front.values(z.get(SPEED, 0.0), z.get(LENGTH_AT_SPEED, 0.0))
        return found | dict(zip(GROWTH, front, strict=True))

    def scores_of(self, values: Mapping[str, float]) -> dict[str, float]:
        """Scores of natural values; one of D and ρ alone leaves the other at its median."""
        found = self.plain.scores_of(values)
        if found.keys() & set(GROWTH):
            scores = [found.pop(name, 0.0) for name in GROWTH]
            priors = [self.plain[name].prior for name in GROWTH]
            growth = [float(p.transform(z)) for p, z in zip(priors, scores, strict=True)]
            found |= dict(zip((SPEED, LENGTH_AT_SPEED), self._front.scores(*growth), strict=True))
        return found


def _front_of(table: ParameterTable) -> _LogUniformFront | _LogNormalFront:
    spread, growth = (table[name].prior for name in GROWTH)
    if isinstance(spread, LogUniform) and isinstance(growth, LogUniform):
        return _LogUniformFront(spread, growth)
    if isinstance(spread, LogNormal) and isinstance(growth, LogNormal):
        return _LogNormalFront(spread, growth)
    raise TwinError(
        "no coordinates of the front for these priors",
        where="parametrization",
        expected=f"{' and '.join(GROWTH)} both log-uniform or both log-normal",
        got=f"{spread.describe()}; {growth.describe()}",
        fix="Calibrate without --parametrization, or give priors of one kind.",
    )


def _score(share: float) -> float:
    return float(special.ndtri(np.clip(share, 1e-6, 1.0 - 1e-6)))

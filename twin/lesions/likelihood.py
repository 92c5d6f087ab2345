"""How likely readings are: errors of reading, and a wandering of the lesion around its curve.

    log y_i = m(t_i) + b(t_i) + e_i,   e_i ~ N(0, σ² + (3 δ/d_i)²),   b a Wiener process, ω √day
    y_i = 0:  P(log y_i < log L)

m is the curve of the model, d_i the diameter of the reading itself and not of the curve (a curve
that vanishes must not excuse itself by its size), L the limit of what can be measured. Without b,
readings far in the past would count for a forecast as much as the last one, which they do not.
Readings are taken one after the other, each with the mean and deviation that those before it leave
(the Kalman filter of a scalar; a censored reading moves it by the moments of a cut normal). Noise
in the dynamics of fitted models: Kristensen et al. 2004 (doi 10.1016/j.automatica.2003.10.001).
Censoring: Beal 2001 (doi 10.1023/A:1012299115260). The curvature is the expected one for readings
with a value, so that it never falls below the prior's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.stats import norm
from jaxtyping import Array, Bool, Float

from twin.lesions.series import LIMIT_ML, ML_PER_CUBED_MM, LesionSeries


class Expected(NamedTuple):
    """What a model expects of readings.

    Attributes:
        log_volume: (r,) its curve at the readings.
        reading_sd: (r,) of the errors of reading.
        wander_sd: of the wandering in one day.
    """

    log_volume: Float[Array, " r"]
    reading_sd: Float[Array, " r"]
    wander_sd: Float[Array, ""]


Predict = Callable[[Float[Array, " k"]], Expected]
"""Scores -> what is expected."""


class Readings(eqx.Module):
    """Readings of one lesion; with a leading axis in every leaf, of many.

    Attributes:
        log_volume: logarithm of mL; of the limit where the reading is below it.
        diameter_mm: of a ball of the volume read.
        below: whether the reading is only known to be below the limit.
        mask: whether there is a reading.
        gap_days: since the reading before it; 0 for the first.
    """

    log_volume: Float[Array, "*n r"]
    diameter_mm: Float[Array, "*n r"]
    below: Bool[Array, "*n r"]
    mask: Bool[Array, "*n r"]
    gap_days: Float[Array, "*n r"]


def readings_of(series: LesionSeries) -> Readings:
    """Readings of all lesions of a series."""
    volume = np.where(series.below_limit, LIMIT_ML, series.volumes_ml)
    return Readings(
        jnp.asarray(np.log(volume)),
        jnp.asarray(diameter_mm(volume)),
        jnp.asarray(series.below_limit),
        jnp.asarray(series.mask),
        jnp.asarray(np.diff(series.times_days, axis=1, prepend=series.times_days[:, :1])),
    )


def diameter_mm(volume_ml: np.ndarray) -> np.ndarray:
    """Diameter (mm) of a lesion of some mL."""
    return np.cbrt(np.asarray(volume_ml) / ML_PER_CUBED_MM)


def reading_sd(
    reading_sd: Float[Array, "..."],
    diameter_sd: Float[Array, "..."],
    diameter_mm: Float[Array, "..."],
) -> Float[Array, "..."]:
    """Standard deviation of the logarithm of readings of lesions of some diameter."""
    return jnp.sqrt(reading_sd**2 + (3.0 * diameter_sd / diameter_mm) ** 2)


def expected_at(
    log_volume: Float[Array, " r"], values: Mapping[str, Array], readings: Readings
) -> Expected:
    """What a curve and natural parameter values expect of the readings of one lesion."""
    sd = reading_sd(values["reading_sd"], values["diameter_sd"], readings.diameter_mm)
    return Expected(log_volume, sd, values["wander_sd"])


def one_by_one(
    expected: Expected, readings: Readings
) -> tuple[Float[Array, " r"], Float[Array, " r"], tuple[Float[Array, ""], Float[Array, ""]]]:
    """Mean and deviation of each reading given those before it, and the wandering at the end.

    Returns:
        (r,) means, (r,) deviations of log readings; mean and variance of b at the last reading.
    """

    def step(state: tuple[Array, Array], reading: tuple) -> tuple:
        offset, variance = state
        log_volume, sd, seen, below, mask, gap = reading
        variance = variance + expected.wander_sd**2 * gap
        mean, total = log_volume + offset, jnp.sqrt(variance + sd**2)
        scaled = (seen - mean) / total
        hazard = _hazard(scaled)
        pull = jnp.where(below, -hazard, scaled)
        weight = jnp.where(below, hazard * (hazard + scaled), 1.0)
        gain = variance / total
        moved = jnp.where(mask, offset + gain * pull, offset)
        left = jnp.where(mask, variance - gain**2 * weight, variance)
        return (moved, left), (mean, total)

    rows = (
        expected.log_volume,
        expected.reading_sd,
        readings.log_volume,
        readings.below,
        readings.mask,
        readings.gap_days,
    )
    start = (jnp.zeros_like(expected.wander_sd), jnp.zeros_like(expected.wander_sd))
    last, (means, sds) = jax.lax.scan(step, start, rows)
    return means, sds, last


def log_likelihood(expected: Expected, readings: Readings) -> Float[Array, ""]:
    """Logarithm of the density of log readings."""
    mean, sd, _ = one_by_one(expected, readings)
    return _log_density(mean, sd, readings)


def posterior_parts(
    predict: Predict, readings: Readings, w: Float[Array, " k"]
) -> tuple[Float[Array, ""], Float[Array, " k"], Float[Array, "k k"]]:
    """Negative log posterior of scores with prior N(0, 1), its gradient and its curvature."""
    k = w.size

    def outputs(scores: Array) -> tuple[Array, Array]:
        mean, sd, _ = one_by_one(predict(scores), readings)
        return mean, jnp.log(sd)

    (mean, log_sd), (mean_slope, sd_slope) = _with_jacobian(outputs, w)
    sd = jnp.exp(log_sd)
    scaled = (readings.log_volume - mean) / sd
    hazard = _hazard(scaled)
    by_mean = jnp.where(readings.below, hazard, -scaled) / sd
    by_log_sd = jnp.where(readings.below, hazard * scaled, 1.0 - scaled**2)
    weight = jnp.where(readings.below, hazard * (hazard + scaled), 1.0) / sd**2
    sd_weight = jnp.where(readings.below, 0.0, 2.0)

    def kept(values: Array) -> Array:
        return jnp.where(readings.mask, values, 0.0)

    cost = 0.5 * w @ w - _log_density(mean, sd, readings)
    gradient = w + kept(by_mean) @ mean_slope + kept(by_log_sd) @ sd_slope
    curvature = (
        jnp.eye(k)
        + mean_slope.T @ (kept(weight)[:, None] * mean_slope)
        + sd_slope.T @ (kept(sd_weight)[:, None] * sd_slope)
    )
    return cost, gradient, curvature


def _log_density(mean: Array, sd: Array, readings: Readings) -> Array:
    scaled = (readings.log_volume - mean) / sd
    seen = norm.logpdf(scaled) - jnp.log(sd)
    each = jnp.where(readings.below, norm.logcdf(scaled), seen)
    return jnp.where(readings.mask, each, 0.0).sum()


def _hazard(scaled: Array) -> Array:
    """φ/Φ: how strongly a reading known to be below `scaled` pulls downwards."""
    return jnp.exp(norm.logpdf(scaled) - norm.logcdf(scaled))


def _with_jacobian(function: Callable, w: Array) -> tuple:
    """Value and Jacobian (last axis: scores), forward mode; one evaluation of the value."""

    def along(tangent: Array) -> tuple:
        return jax.jvp(function, (w,), (tangent,))

    return jax.vmap(along, out_axes=(None, -1))(jnp.eye(w.size))

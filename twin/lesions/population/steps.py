"""From one reading of a lesion to the next: repeated, changed, or changed by a jump.

    s = log(d + 4 mm)              d the diameter read: errors of s are alike for small and large
    mean of s₁ − s₀ = g (t₁ − t₀) − κ (exp(−λ t₀) − exp(−λ t₁)) / λ

the increment of tumor growth inhibition (Claret et al. 2009, doi 10.1200/JCO.2008.21.0807), g the
growth, κ the decline when treatment begins, λ how fast it wears off. Around it lie three parts:

- the reading is that before, unchanged: three in ten are, far more than rounding makes;
- it changed by the mean, with a normal error that grows with the gap and falls with the size;
- it jumped, down or up: two wider normal errors, each with a mean of its own.

A changed reading below `SMALLEST_MM` is one of 0: complete response, or too small to measure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import log_ndtr
from jax.scipy.stats import norm
from jaxtyping import Array, Float, Int

from twin.lesions.series import ML_PER_CUBED_MM, LesionSeries

OFFSET_MM = 4.0
SMALLEST_MM = 4.0
UNIT_DAYS = 100.0
"""Rates are per so many days inside this package, so that they are neither large nor small."""
_USUAL_GAP, _LEAST_GAP = 0.42, 0.03  # six weeks, three days
_USUAL_MM = 40.0
_ROUNDING_MM = 0.7
_FURTHEST = 30.0  # deviations; what lies beyond has no gradient


Numbers = Array | np.ndarray | float


class Patients(NamedTuple):
    """What differs between patients, any shape.

    Attributes:
        growth, decline: g and κ, per 100 days.
        volatility: factor of the spread of changes.
        repeats: log-odds that a reading is that before.
    """

    growth: Array
    decline: Array
    volatility: Array
    repeats: Array


class Law(NamedTuple):
    """What patients share.

    Attributes:
        wear_off: λ, per 100 days.
        change_sd: spread of s in six weeks at 40 mm.
        fall_sd, rise_sd: what a jump down or up adds to it.
        shares: (..., 3) of changes that are small, jumps down, and jumps up.
        fall_mean, rise_mean: of the jumps, in units of their spread, at least 0.
        with_size: power of the size that divides the spread.
        with_gap: power of the gap that multiplies it.
        repeats_zero: added log-odds that a reading of 0 is repeated.
    """

    wear_off: Array
    change_sd: Array
    fall_sd: Array
    rise_sd: Array
    shares: Array
    fall_mean: Array
    rise_mean: Array
    with_size: Array
    with_gap: Array
    repeats_zero: Array


@dataclass(frozen=True, eq=False)
class Steps:
    """Every reading but the first of some lesions, with the one before it.

    Attributes:
        lesion: (m,) which one it is of.
        before, after: (m,) days since treatment began, in units of 100.
        from_mm, to_mm: (m,) diameters.
    """

    lesion: Int[np.ndarray, " m"]
    before: Float[np.ndarray, " m"]
    after: Float[np.ndarray, " m"]
    from_mm: Float[np.ndarray, " m"]
    to_mm: Float[np.ndarray, " m"]


def steps_of(series: LesionSeries) -> Steps:
    """The steps of all lesions, lesion by lesion."""
    days = (series.times_days - series.treatment_day[:, None]) / UNIT_DAYS
    diameters = diameters_mm(series)
    lesion, column = np.nonzero(series.mask[:, 1:])
    return Steps(
        lesion,
        days[lesion, column],
        days[lesion, column + 1],
        diameters[lesion, column],
        diameters[lesion, column + 1],
    )


def diameters_mm(series: LesionSeries) -> Float[np.ndarray, "n r"]:
    """(n, r) diameters of the volumes read."""
    return np.cbrt(series.volumes_ml / ML_PER_CUBED_MM)


def log_size(diameter_mm: Numbers) -> Array:
    """s of a diameter."""
    return jnp.log(diameter_mm + OFFSET_MM)


def log_likelihood(
    law: Law,
    patients: Patients,
    before: Numbers,
    after: Numbers,
    from_mm: Numbers,
    to_mm: Numbers,
) -> Array:
    """Logarithm of the probability (of a repeated or vanished one) or density of s of a reading."""
    vanished = to_mm <= 0.0
    change = log_size(jnp.where(vanished, SMALLEST_MM, to_mm)) - log_size(from_mm)
    terms = []
    for number, (mean, sd) in enumerate(_parts(law, patients, before, after, from_mm)):
        at = jnp.clip((change - mean) / sd, -_FURTHEST, _FURTHEST)
        found = jnp.where(vanished, log_ndtr(at), norm.logpdf(at) - jnp.log(sd))
        terms.append(jnp.log(law.shares[..., number]) + found)
    moved = jax.nn.logsumexp(jnp.stack(terms), axis=0)
    odds = _repeat_odds(law, patients, from_mm)
    return jnp.where(
        jnp.equal(to_mm, from_mm), jax.nn.log_sigmoid(odds), jax.nn.log_sigmoid(-odds) + moved
    )


def draw_next(
    key: Array, law: Law, patients: Patients, before: Numbers, after: Numbers, from_mm: Numbers
) -> Array:
    """Diameters of the next reading, mm, one for each patient given."""
    which, repeat, noise = jax.random.split(key, 3)
    parts = _parts(law, patients, before, after, from_mm)
    error = jax.random.normal(noise, jnp.shape(from_mm))
    chosen = jax.random.categorical(which, jnp.log(law.shares), shape=jnp.shape(from_mm))
    change = jnp.choose(chosen, [mean + sd * error for mean, sd in parts], mode="clip")
    moved = jnp.exp(log_size(from_mm) + change) - OFFSET_MM
    odds = _repeat_odds(law, patients, from_mm)
    kept = jax.random.uniform(repeat, jnp.shape(from_mm)) < jax.nn.sigmoid(odds)
    return jnp.where(kept, from_mm, jnp.where(moved < SMALLEST_MM, 0.0, moved))


def _repeat_odds(law: Law, patients: Patients, from_mm: Numbers) -> Array:
    """Log-odds that a reading is the one before."""
    return patients.repeats + law.repeats_zero * (from_mm <= 0.0)


def _parts(
    law: Law, patients: Patients, before: Numbers, after: Numbers, from_mm: Numbers
) -> list[tuple[Array, Array]]:
    """Mean and spread of a small change of s, of a jump down, and of a jump up."""
    start, end = jnp.maximum(before, 0.0), jnp.maximum(after, 0.0)
    worn = (jnp.exp(-law.wear_off * start) - jnp.exp(-law.wear_off * end)) / law.wear_off
    mean = patients.growth * (after - before) - patients.decline * worn
    gap = jnp.maximum(after - before, _LEAST_GAP) / _USUAL_GAP
    size = (from_mm + OFFSET_MM) / (_USUAL_MM + OFFSET_MM)
    scale = size**-law.with_size * gap**law.with_gap * patients.volatility
    rounding = _ROUNDING_MM / (from_mm + OFFSET_MM)
    narrow = jnp.sqrt((law.change_sd * scale) ** 2 + rounding**2)
    fall, rise = narrow + law.fall_sd * scale, narrow + law.rise_sd * scale
    return [
        (mean, narrow),
        (mean - law.fall_mean * fall, fall),
        (mean + law.rise_mean * rise, rise),
    ]

"""Do synthetic radiomics keep what a study would find: values, correlations, effects on response?

    effect of a feature: d = (mean of responders - mean of others) / pooled standard deviation
    Lin's CCC of effects: 2 s_rs / (s_r² + s_s² + (m_r - m_s)²),  Lin 1989, doi 10.2307/2532051

Effects of cohorts of some hundred patients are noisy, so that even two real cohorts agree less than
perfectly. The corrected CCC takes the sampling variance of the effects (Hedges and Olkin 1985) off
the spread of both; where nothing is left, the cohorts are too small to say.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from generative.metrics.figure import Figure, centered_interval, interval, resamples

_QUANTILES = np.linspace(0.05, 0.95, 19)


@dataclass(frozen=True)
class Preservation:
    """Agreement of radiomics.

    Attributes:
        names: of the features.
        kolmogorov_smirnov: (k,) largest distance of the distribution functions.
        quantile_error: (k,) mean distance of quantiles, in real standard deviations.
        correlation_error: root mean square difference of correlations between features.
        correlation_agreement: Lin's CCC of them.
    """

    names: tuple[str, ...]
    kolmogorov_smirnov: Float[np.ndarray, " k"]
    quantile_error: Float[np.ndarray, " k"]
    correlation_error: Figure
    correlation_agreement: Figure


@dataclass(frozen=True)
class Effects:
    """Effects on the response, real against synthetic.

    Attributes:
        names: of the features.
        real, synthetic: (k,) standardized mean differences.
        ccc: Lin's CCC of them as they are.
        corrected: of the effects without sampling noise; None where the cohorts are too small.
    """

    names: tuple[str, ...]
    real: Float[np.ndarray, " k"]
    synthetic: Float[np.ndarray, " k"]
    ccc: Figure
    corrected: Figure | None


def preservation(
    names: tuple[str, ...],
    real: Float[np.ndarray, "n k"],
    synthetic: Float[np.ndarray, "m k"],
    *,
    draws: int = 200,
    seed: int = 0,
) -> Preservation:
    """Agreement of the values of features and of their correlations."""
    spread = np.where(real.std(axis=0) > 1e-9, real.std(axis=0), 1.0)
    gaps = np.quantile(real, _QUANTILES, axis=0) - np.quantile(synthetic, _QUANTILES, axis=0)
    ks = [_largest_gap(a, b) for a, b in zip(real.T, synthetic.T, strict=True)]
    random = np.random.default_rng(seed)
    drawn = [
        _agreement(real[rows], synthetic[others])
        for rows, others in zip(
            resamples(len(real), draws=draws, random=random),
            resamples(len(synthetic), draws=draws, random=random),
            strict=True,
        )
    ]
    errors, agreements = np.array(drawn).T
    error, agreement = _agreement(real, synthetic)
    return Preservation(
        names,
        np.array(ks),
        np.abs(gaps / spread).mean(axis=0),
        centered_interval(error, errors, 0.0, 2.0),
        centered_interval(agreement, agreements, -1.0, 1.0),
    )


def effects(
    names: tuple[str, ...],
    real: Float[np.ndarray, "n k"],
    responded: Bool[np.ndarray, " n"],
    synthetic: Float[np.ndarray, "m k"],
    synthetic_responded: Bool[np.ndarray, " m"],
    *,
    draws: int = 400,
    seed: int = 0,
) -> Effects:
    """Effects of each feature on the response in both cohorts, and how well they agree."""
    random = np.random.default_rng(seed)
    first = effect_sizes(real, responded)
    second = effect_sizes(synthetic, synthetic_responded)
    noise = _noise(first, responded), _noise(second, synthetic_responded)
    raw, corrected = [], []
    for rows, others in zip(
        resamples(len(real), draws=draws, random=random),
        resamples(len(synthetic), draws=draws, random=random),
        strict=True,
    ):
        one = effect_sizes(real[rows], responded[rows])
        other = effect_sizes(synthetic[others], synthetic_responded[others])
        raw.append(lin_ccc(one, other))
        # A draw of a sample holds the noise of both.
        corrected.append(lin_ccc(one, other, noise=(2.0 * noise[0], 2.0 * noise[1])))
    value = lin_ccc(first, second, noise=noise)
    shown = np.isfinite(value) and np.isfinite(corrected).mean() > 0.5
    told = interval(value, np.array(corrected)) if shown else None
    return Effects(
        names,
        first,
        second,
        centered_interval(lin_ccc(first, second), np.array(raw), -1.0, 1.0),
        told,
    )


def effect_sizes(
    values: Float[np.ndarray, "n k"], responded: Bool[np.ndarray, " n"]
) -> Float[np.ndarray, " k"]:
    """Standardized mean difference of responders to others, 0 where nothing varies."""
    if responded.all() or not responded.any():
        return np.zeros(values.shape[1])
    one, other = values[responded], values[~responded]
    squares = ((one - one.mean(axis=0)) ** 2).sum(axis=0)
    squares = squares + ((other - other.mean(axis=0)) ** 2).sum(axis=0)
    spread = np.sqrt(squares / max(len(values) - 2, 1))
    difference = one.mean(axis=0) - other.mean(axis=0)
    return np.divide(difference, spread, out=np.zeros_like(difference), where=spread > 1e-9)


def lin_ccc(
    one: Float[np.ndarray, " k"],
    other: Float[np.ndarray, " k"],
    *,
    noise: tuple[float, float] = (0.0, 0.0),
) -> float:
    """Lin's concordance correlation; the variances of noise are taken off the spread of each.

    NaN where noise alone would spread the values of either as much.
    """
    spreads = one.var() - noise[0], other.var() - noise[1]
    if sum(noise) > 0.0 and spreads[0] <= 0.0:
        return float("nan")
    gap = float(one.mean() - other.mean()) ** 2
    below = spreads[0] + max(spreads[1], 0.0) + max(gap - sum(noise) / len(one), 0.0)
    covariance = float(((one - one.mean()) * (other - other.mean())).mean())
    return float(np.clip(2.0 * covariance / below, -1.0, 1.0)) if below > 1e-12 else 0.0


def _largest_gap(one: np.ndarray, other: np.ndarray) -> float:
    """Kolmogorov-Smirnov distance of two samples."""
    places = np.concatenate([one, other])
    below = [np.searchsorted(np.sort(v), places, side="right") / len(v) for v in (one, other)]
    return float(np.abs(below[0] - below[1]).max())


def _noise(sizes: np.ndarray, responded: np.ndarray) -> float:
    """Mean sampling variance of effects."""
    with_response, without = int(responded.sum()), int((~responded).sum())
    if min(with_response, without) == 0:
        return 0.0
    each = 1.0 / with_response + 1.0 / without + sizes**2 / (2.0 * len(responded))
    return float(each.mean())


def _agreement(real: np.ndarray, synthetic: np.ndarray) -> tuple[float, float]:
    upper = np.triu_indices(real.shape[1], 1)
    one, other = _correlations(real)[upper], _correlations(synthetic)[upper]
    return float(np.sqrt(((one - other) ** 2).mean())), lin_ccc(one, other)


def _correlations(values: np.ndarray) -> np.ndarray:
    centered = values - values.mean(axis=0)
    spread = np.sqrt((centered**2).mean(axis=0))
    unit = np.divide(centered, spread, out=np.zeros_like(centered), where=spread > 1e-9)
    return unit.T @ unit / len(values)

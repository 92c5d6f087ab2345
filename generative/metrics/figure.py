"""A figure with its 95 % interval, and what intervals of this package are made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy import stats

LEVEL = 0.95


@dataclass(frozen=True)
class Figure:
    """A figure with its interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def interval(value: float, drawn: np.ndarray, level: float = LEVEL) -> Figure:
    """A figure with the central part of its bootstrap distribution."""
    low, high = np.nanquantile(drawn, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return Figure(float(value), float(low), float(high))


def centered_interval(value: float, drawn: np.ndarray, low: float, high: float) -> Figure:
    """An interval moved onto its figure, within bounds; for figures that resampling itself shifts,
    since a resampled cohort holds the noise of its draw besides that of the cohort."""
    found = interval(value, drawn + (value - float(np.nanmean(drawn))))
    return Figure(found.value, max(found.low, low), min(found.high, high))


def normal_interval(value: float, error: float, level: float = LEVEL) -> Figure:
    """A share with the interval of its standard error, within 0 and 1."""
    reach = float(stats.norm.ppf((1.0 + level) / 2.0)) * error
    return Figure(value, max(0.0, value - reach), min(1.0, value + reach))


def resamples(count: int, *, draws: int, random: np.random.Generator) -> np.ndarray:
    """(draws, count) rows that each bootstrap draw takes, with replacement."""
    return random.integers(0, count, (draws, count))


def auc(
    positive: Float[np.ndarray, " p"], negative: Float[np.ndarray, " q"]
) -> tuple[float, float]:
    """Area under the ROC curve and its standard error.

    The error is that of DeLong et al. 1988 (https://doi.org/10.2307/2531595), by ranks.

    Args:
        positive: scores of those that should score higher.
        negative: scores of the others.
    """
    p, q = len(positive), len(negative)
    ranks = stats.rankdata(np.concatenate([positive, negative]))
    above = (ranks[:p] - stats.rankdata(positive)) / q
    below = 1.0 - (ranks[p:] - stats.rankdata(negative)) / p
    variance = sum(
        float(share.var(ddof=1)) / len(share) for share in (above, below) if len(share) > 1
    )
    return float(above.mean()), float(np.sqrt(variance))


def auc_within_folds(
    labels: Bool[np.ndarray, " n"], scores: Float[np.ndarray, " n"], folds: np.ndarray
) -> tuple[float, float]:
    """Mean of the AUC of each fold, whose scores come from one model, and its standard error."""
    found = [
        auc(scores[here & labels], scores[here & ~labels])
        for here in (folds == fold for fold in np.unique(folds))
    ]
    values, errors = np.array(found).T
    return float(values.mean()), float(np.sqrt((errors**2).sum()) / len(values))

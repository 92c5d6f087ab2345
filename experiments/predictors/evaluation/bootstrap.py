"""Bootstrap over patients: intervals of a figure, and of a difference on the same draws."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from experiments.predictors.evaluation.concordance import Pairs
from generative.metrics.figure import Figure, interval


def weights(patients: int, *, draws: int, seed: int) -> Float[np.ndarray, "b n"]:
    """(draws, patients) how often each draw, with replacement, takes each patient."""
    random = np.random.default_rng(seed)
    return random.multinomial(patients, np.full(patients, 1.0 / patients), draws).astype(float)


def concordance_interval(pairs: Pairs, drawn: Float[np.ndarray, "b n"]) -> Figure:
    """A concordance with its interval over patients."""
    return interval(pairs.concordance(), pairs.resampled(drawn))


def difference_interval(model: Pairs, baseline: Pairs, drawn: Float[np.ndarray, "b n"]) -> Figure:
    """Model minus baseline, both on the same patients of every draw."""
    value = model.concordance() - baseline.concordance()
    return interval(value, model.resampled(drawn) - baseline.resampled(drawn))


def statistic_interval(
    statistic: Callable[[Float[np.ndarray, " n"]], float], drawn: Float[np.ndarray, "b n"]
) -> Figure:
    """Any figure that takes weights of patients, with its interval."""
    return interval(statistic(np.ones(drawn.shape[1])), np.array([statistic(w) for w in drawn]))

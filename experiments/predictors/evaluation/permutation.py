"""The permutation control: the whole pipeline again on labels that mean nothing.

Everything that learns (imputation, selection, inner folds) is repeated on shuffled outcomes. Their
mean concordance must be that of a coin; more says that the procedure sees what it must not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from experiments.predictors.evaluation.concordance import pairs_within_folds
from experiments.predictors.evaluation.crossval import Procedure, outer_folds
from twin.cores import on_every_core

BAND = (0.45, 0.55)
"""Where the mean over permutations must lie."""
WORTH_PROCESSES = 100
"""From this number of permutations on, every core gets a process."""


@dataclass(frozen=True)
class PermutationControl:
    """What shuffled outcomes score.

    Attributes:
        count: permutations.
        mean, low, high: of their concordance; central 95 %.
        p_value: (1 + how many score at least what the real outcome scored) / (1 + count).
    """

    count: int
    mean: float
    low: float
    high: float
    p_value: float

    @property
    def in_band(self) -> bool:
        return BAND[0] <= self.mean <= BAND[1]


def permutation_control(
    procedure: Procedure,
    inputs: Float[np.ndarray, "n p"],
    outcome: np.ndarray,
    groups: np.ndarray | None,
    *,
    observed: float,
    count: int,
    folds: int,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> PermutationControl | None:
    """Score `count` shuffled outcomes, each with outer folds of its own and one repeat.

    Returns None where `count` is 0.
    """
    if count == 0:
        return None
    random = np.random.default_rng(seed)
    orders = [random.permutation(len(outcome)) for _ in range(count)]

    def score(number: int) -> float:
        shuffled = outcome[orders[number]]
        split = outer_folds(shuffled, groups, folds=folds, repeats=1, seed=seed + 1000 + number)
        scores = procedure(inputs, shuffled, split[0])
        return pairs_within_folds(shuffled, scores[None], split).concordance()

    found = np.fromiter(
        on_every_core(score, range(count), worth_processes=WORTH_PROCESSES, progress=progress),
        float,
        count,
    )
    low, high = np.quantile(found, [0.025, 0.975])
    p_value = (1 + int((found >= observed).sum())) / (1 + count)
    return PermutationControl(count, float(found.mean()), float(low), float(high), p_value)

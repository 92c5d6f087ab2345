"""Nested cross-validation by patient: who tests whom is drawn from fixed seeds beforehand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold

from experiments.predictors.evaluation.outcome import events, is_survival
from experiments.predictors.evaluation.threads import one_thread
from experiments.predictors.models import Search
from twin.errors import TwinError

Procedure = Callable[
    [Float[np.ndarray, "n p"], np.ndarray, Int[np.ndarray, " n"]], Float[np.ndarray, " n"]
]
"""Inputs, outcome and fold of every patient to the score of every patient. It must score a fold by
what it learned from the others; patients of a negative fold are never tested."""


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """What models that did not see a patient said: (r, n) scores, probabilities, folds."""

    scores: Float[np.ndarray, "r n"]
    probabilities: Float[np.ndarray, "r n"]
    folds: Int[np.ndarray, "r n"]


def outer_folds(
    outcome: np.ndarray, groups: np.ndarray | None, *, folds: int, repeats: int, seed: int
) -> Int[np.ndarray, "r n"]:
    """(repeats, n) fold that tests each patient, stratified by event; groups are folds themselves.

    Raises:
        TwinError: one group only, or a training part without an event.
    """
    event = events(outcome)
    if groups is not None:
        names, number = np.unique(groups, return_inverse=True)
        if len(names) < 2:
            raise TwinError(
                "one group only",
                where="group",
                expected="at least two groups to leave one out",
                got=str(names[0]),
            )
        for fold, name in enumerate(names):
            if event[number != fold].sum() == 0:
                raise TwinError(
                    f"without {str(name)!r} no event is left to learn from",
                    where="group",
                    expected="events in at least two groups",
                )
        return number[None].astype(int)
    result = np.empty((repeats, len(outcome)), int)
    for repeat in range(repeats):
        splitter = StratifiedKFold(folds, shuffle=True, random_state=seed + repeat)
        for fold, (_, test) in enumerate(splitter.split(event, event)):
            result[repeat, test] = fold
    return result


def check_learnable(
    outcome: np.ndarray, folds: Int[np.ndarray, "r n"], *, inner_folds: int, where: str
) -> None:
    """Refuse folds that leave the inner folds nothing to choose by.

    Raises:
        TwinError: without some fold fewer than two events (or, of labels, patients without) are
            left, or fewer patients of either kind than inner folds.
    """
    event = events(outcome)
    for split in folds:
        for fold in np.unique(split):
            left = event[split != fold]
            counts = int(left.sum()), int((~left).sum())
            fewest = counts[0] if is_survival(outcome) else min(counts)
            if fewest < 2 or max(counts) < inner_folds:
                raise TwinError(
                    "too few patients to learn from once a fold is left out",
                    where=where,
                    expected="2 with and 2 without the outcome, and as many of one as inner folds",
                    got=f"{counts[0]} with, {counts[1]} without",
                    fix="Use more folds, larger groups, or more patients",
                )


def cross_validate(
    search: Search,
    inputs: Float[np.ndarray, "n p"],
    outcome: np.ndarray,
    folds: Int[np.ndarray, "r n"],
    *,
    horizon_days: float | None = None,
) -> OutOfFold:
    """Score every patient by models that were chosen and fitted without its fold."""
    scores, probabilities = np.full(folds.shape, np.nan), np.full(folds.shape, np.nan)
    for repeat, numbers in enumerate(folds):
        for fold in np.unique(numbers[numbers >= 0]):
            test = numbers == fold
            model = _fitted(search, inputs[~test], outcome[~test])
            scores[repeat, test] = model.risk(inputs[test])
            probabilities[repeat, test] = model.probability(inputs[test], horizon_days)
    return OutOfFold(scores, probabilities, folds)


def procedure(search: Search) -> Procedure:
    """One pass of nested cross-validation as a `Procedure`: scores only."""

    def scores(inputs: np.ndarray, outcome: np.ndarray, folds: np.ndarray) -> np.ndarray:
        result = np.full(len(inputs), np.nan)
        with one_thread():
            for fold in np.unique(folds[folds >= 0]):
                test = folds == fold
                model = _fitted(search, inputs[~test], outcome[~test])
                result[test] = model.risk(inputs[test])
        return result

    return scores


def _fitted(search: Search, inputs: np.ndarray, outcome: np.ndarray) -> Search:
    model = clone(search)
    assert isinstance(model, Search)
    return model.fit(inputs, outcome)

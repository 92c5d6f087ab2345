"""Conformal sets: the labels that a patient may have, right in at least 90 % whatever the model.

A label c is in the set of a patient when 1 - p(c) is at most the k-th smallest of the same among
calibration patients of class c, k = ⌈(n_c + 1) 0.9⌉ (class-conditional, or Mondrian: Vovk 2012,
doi 10.1007/s10994-013-5355-6; Ding et al. 2023, arXiv 2306.09335). Both classes are then covered,
not only the commoner one. With fewer than 9 patients of a class no threshold can promise this: the
label is then in every set.

Inside a cohort calibration patients are those of the other folds, all scored out of fold
(cross-conformal: Vovk 2015, doi 10.1007/s10472-013-9368-4; near the promise, not exactly it). For
an external cohort they are all training patients, scored out of fold.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.stats import binomtest

COVERAGE = 0.9


@dataclass(frozen=True)
class Coverage:
    """How often sets held the label, with its binomial interval (Clopper-Pearson, 95 %).

    Attributes:
        patients: how many were tested.
        value, low, high: share of sets that held the label.
        by_class: the same share of patients without and with the outcome.
        single: share of sets with one label, which alone say something.
        shift: whether the interval misses 90 %.
    """

    patients: int
    value: float
    low: float
    high: float
    by_class: tuple[float, float]
    single: float

    @property
    def shift(self) -> bool:
        return not self.low <= COVERAGE <= self.high


def thresholds(
    label: Int[np.ndarray, " n"], probability: Float[np.ndarray, " n"]
) -> tuple[float, float]:
    """Largest 1 - p(c) that keeps label c = 0, 1 in a set."""
    found = []
    for value in (0, 1):
        own = probability if value == 1 else 1.0 - probability
        scores = np.sort(1.0 - own[label == value])
        k = math.ceil((len(scores) + 1) * COVERAGE)
        found.append(float(scores[k - 1]) if k <= len(scores) else 1.0)
    return found[0], found[1]


def sets(
    probability: Float[np.ndarray, " n"], limits: tuple[float, float]
) -> Bool[np.ndarray, "n 2"]:
    """(n, 2) whether label 0 and label 1 are in the set of each patient."""
    return np.stack([probability <= limits[0], 1.0 - probability <= limits[1]], axis=1)


def coverage(label: Int[np.ndarray, " n"], held: Bool[np.ndarray, "n 2"]) -> Coverage:
    """How often sets held the label."""
    right = held[np.arange(len(label)), label]
    bounds = binomtest(int(right.sum()), len(label)).proportion_ci(0.95, method="exact")
    classes = [float(right[label == c].mean()) if (label == c).any() else np.nan for c in (0, 1)]
    return Coverage(
        len(label),
        float(right.mean()),
        float(bounds.low),
        float(bounds.high),
        (classes[0], classes[1]),
        float((held.sum(axis=1) == 1).mean()),
    )


def cross_conformal(
    label: Int[np.ndarray, " n"],
    probability: Float[np.ndarray, " n"],
    folds: Int[np.ndarray, " n"],
) -> Coverage:
    """Coverage of every fold by thresholds of the other folds."""
    held = np.zeros((len(label), 2), bool)
    for fold in np.unique(folds):
        test = folds == fold
        held[test] = sets(probability[test], thresholds(label[~test], probability[~test]))
    return coverage(label, held)


def label_at(outcome: np.ndarray, horizon_days: float | None) -> tuple[np.ndarray, np.ndarray]:
    """(n,) label, and where it is known: all labels; for survival, the event by the horizon, known
    unless censored before. Leaving the censored out bends coverage where censoring says something
    about the outcome."""
    if horizon_days is None:
        return outcome, np.ones(len(outcome), bool)
    by_then = outcome["event"] & (outcome["time"] <= horizon_days)
    return by_then.astype(int), by_then | (outcome["time"] >= horizon_days)

"""Concordance within folds: the AUC of a label, Harrell's C of a survival time, by pairs.

    C = Σ w_i w_j [s_i > s_j] / Σ w_i w_j,  over comparable pairs (i, j) scored by one model

Scores of different folds come from different models and are not compared: pooling them is known to
bias the AUC (Forman and Scholz 2010, doi 10.1145/1882471.1882479). A pair counts once for every
repeat in which one fold tested both; ties count half. Weights are how often a bootstrap draws a
patient, so that intervals take no pair of one patient with itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from experiments.predictors.evaluation.outcome import comparable
from twin.errors import TwinError


@dataclass(frozen=True, eq=False)
class Pairs:
    """How often pairs were compared, and how often rightly: (n, n) each."""

    right: Float[np.ndarray, "n n"]
    compared: Float[np.ndarray, "n n"]

    def concordance(self) -> float:
        """The concordance of all patients.

        Raises:
            TwinError: no pair was tested by one fold.
        """
        total = self.compared.sum()
        if total == 0:
            raise TwinError(
                "no fold tests two patients that can be compared",
                where="concordance",
                fix="Use fewer folds",
            )
        return float(self.right.sum() / total)

    def resampled(self, weights: Float[np.ndarray, "b n"]) -> Float[np.ndarray, " b"]:
        """(b,) the concordance of every bootstrap sample; NaN where it holds no pair."""
        right = ((weights @ self.right) * weights).sum(axis=1)
        total = ((weights @ self.compared) * weights).sum(axis=1)
        return np.divide(right, total, out=np.full(len(total), np.nan), where=total > 0)


def pairs_within_folds(
    outcome: np.ndarray,
    scores: Float[np.ndarray, "r n"],
    folds: Int[np.ndarray, "r n"],
) -> Pairs:
    """Compare the scores of every pair that one fold tested.

    Args:
        outcome: (n,) labels or survival.
        scores: of every repeat; higher means the outcome is likelier or sooner. NaN is "not
            tested".
        folds: fold that tested each patient, in every repeat.
    """
    valid = comparable(outcome)
    right, compared = np.zeros(valid.shape), np.zeros(valid.shape)
    for score, fold in zip(scores, folds, strict=True):
        tested = np.isfinite(score)
        here = valid & (fold[:, None] == fold[None, :]) & tested[:, None] & tested[None, :]
        difference = score[:, None] - score[None, :]
        right += here * np.where(np.abs(difference) <= 1e-8, 0.5, difference > 0)
        compared += here
    return Pairs(right, compared)


def pairs_of_one_model(outcome: np.ndarray, scores: Float[np.ndarray, " n"]) -> Pairs:
    """Compare all patients, scored by one model (an external cohort)."""
    return pairs_within_folds(outcome, scores[None], np.zeros((1, len(scores)), int))

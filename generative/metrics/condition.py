"""Does a generator do what it was asked for: the volume, and the response?

R² = 1 - Σ (measured - requested)² / Σ (measured - mean)²
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from generative.cohort import ScanCohort
from generative.metrics.figure import Figure, auc, interval, normal_interval, resamples
from generative.metrics.utility import Labeled, fitted

REQUESTED = "requested_volume_ml"


def volume_fidelity(cohort: ScanCohort, *, draws: int = 400, seed: int = 0) -> Figure | None:
    """R² of measured against requested volumes of the first scan; None where none was requested."""
    if REQUESTED not in cohort.columns:
        return None
    requested = np.asarray(cohort.columns[REQUESTED], float)
    measured = cohort.volumes_ml[:, 0]
    random = np.random.default_rng(seed)
    drawn = [
        _explained(requested[rows], measured[rows])
        for rows in resamples(len(cohort), draws=draws, random=random)
    ]
    return interval(_explained(requested, measured), np.array(drawn))


def response_fidelity(real: Labeled, synthetic: Labeled, *, seed: int = 0) -> Figure:
    """AUC with which a model of real patients, all scans, tells the synthetic responses.

    Args:
        real: features of all scans and responses to learn from.
        synthetic: those of synthetic patients, whose response was asked for.
        seed: of the folds that choose the penalty.
    """
    inputs, responded = synthetic
    scores = fitted(real, seed=seed).decision_function(inputs)
    return normal_interval(*auc(scores[responded], scores[~responded]))


def _explained(requested: Float[np.ndarray, " n"], measured: Float[np.ndarray, " n"]) -> float:
    total = float(((measured - measured.mean()) ** 2).sum())
    missed = float(((measured - requested) ** 2).sum())
    return 1.0 - missed / total if total > 0.0 else 0.0

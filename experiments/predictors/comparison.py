"""Model and baseline on the same patients, with every figure and its interval."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from experiments.predictors.evaluation.bootstrap import (
    concordance_interval,
    difference_interval,
    weights,
)
from experiments.predictors.evaluation.calibration import calibration
from experiments.predictors.evaluation.concordance import Pairs
from experiments.predictors.evaluation.conformal import Coverage
from experiments.predictors.evaluation.decision import decision_curve
from experiments.predictors.evaluation.outcome import events
from experiments.predictors.results import Comparison, VoxelShuffle
from experiments.predictors.task import Task


def compare(
    task: Task,
    outcome: np.ndarray,
    *,
    model: Pairs,
    baseline: Pairs,
    shuffled: Pairs | None,
    probabilities: Float[np.ndarray, "r n"],
    conformal: Coverage | None,
) -> Comparison:
    """Compare two models, on the same bootstrap draws of patients.

    Args:
        task: says how many draws, their seed and the horizon.
        outcome: (n,) labels or survival.
        model, baseline: pairs of patients as each ranks them.
        shuffled: the same of the model on images with permuted voxels; None without images.
        probabilities: of the model, for every repeat.
        conformal: coverage of the model's sets.
    """
    horizon_days, plan = task.outcome.horizon_days, task.evaluation
    drawn = weights(len(outcome), draws=plan.bootstraps, seed=plan.seed)
    voxel_shuffle = None
    if shuffled is not None:
        voxel_shuffle = VoxelShuffle(
            concordance_interval(shuffled, drawn), difference_interval(model, shuffled, drawn)
        )
    return Comparison(
        len(outcome),
        int(events(outcome).sum()),
        concordance_interval(model, drawn),
        concordance_interval(baseline, drawn),
        difference_interval(model, baseline, drawn),
        calibration(outcome, probabilities, drawn, horizon_days=horizon_days),
        decision_curve(outcome, probabilities, horizon_days=horizon_days),
        conformal,
        voxel_shuffle,
    )

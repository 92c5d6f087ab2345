"""Decision curves: is treating by the model better than treating all or none?

    net benefit(t) = true positives / n - false positives / n · t / (1 - t)

where everyone with a probability of at least t is treated (Vickers and Elkin 2006,
doi 10.1177/0272989X06295361). For survival, the share of positives among the treated is one minus
Kaplan-Meier at the horizon (Vickers 2008, doi 10.1186/1472-6947-8-53).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from experiments.predictors.evaluation.outcome import share_positive

THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5)


@dataclass(frozen=True)
class DecisionCurve:
    """Net benefit at each threshold; that of treating none is 0."""

    thresholds: tuple[float, ...]
    model: tuple[float, ...]
    treat_all: tuple[float, ...]


def decision_curve(
    outcome: np.ndarray,
    probabilities: Float[np.ndarray, "r n"],
    *,
    horizon_days: float | None = None,
    thresholds: tuple[float, ...] = THRESHOLDS,
) -> DecisionCurve:
    """Net benefit of the model, mean over repeats, and of treating everyone."""
    everyone = np.ones(len(outcome), bool)
    model = [
        float(np.mean([_benefit(outcome, row >= t, t, horizon_days) for row in probabilities]))
        for t in thresholds
    ]
    treat_all = [_benefit(outcome, everyone, t, horizon_days) for t in thresholds]
    return DecisionCurve(thresholds, tuple(model), tuple(treat_all))


def _benefit(
    outcome: np.ndarray, treated: np.ndarray, threshold: float, horizon_days: float | None
) -> float:
    if not treated.any():
        return 0.0
    positive = share_positive(outcome[treated], horizon_days)
    odds = threshold / (1.0 - threshold)
    return float(treated.mean() * (positive - (1.0 - positive) * odds))

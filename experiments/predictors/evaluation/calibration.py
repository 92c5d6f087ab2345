"""Calibration: do probabilities mean what they say? Slope, intercept and Brier score.

Labels: logit P(y = 1) = a + b logit p; b is the slope (1 is right, below 1 too extreme), and the
intercept is a where b is held at 1 (0 is right, below 0 promises too much). Steyerberg 2010,
doi 10.1097/EDE.0b013e3181c30fb2. Survival: b is the coefficient of log(-log(1 - p)) in a Cox model,
and the Brier score is weighted by the inverse of the chance of being censored (scikit-survival).

Predictions of all repeats are stacked, so that b is that of one model and not of their average.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.optimize import brentq
from scipy.special import expit, logit
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss
from sksurv.linear_model import CoxnetSurvivalAnalysis
from sksurv.metrics import brier_score

from experiments.predictors.evaluation.bootstrap import Figure, statistic_interval
from experiments.predictors.evaluation.outcome import events, is_survival, share_positive

DRAWS = 200
"""Bootstrap draws of these figures, each of which fits a model."""
_NEAREST = 1e-6
_WIDEST = 50.0


@dataclass(frozen=True)
class Calibration:
    """Slope and intercept with intervals (no intercept for survival), and the Brier score beside
    that of a model which gives everyone the same chance."""

    slope: Figure | None
    intercept: Figure | None
    brier: float
    brier_of_prevalence: float


def calibration(
    outcome: np.ndarray,
    probabilities: Float[np.ndarray, "r n"],
    drawn: Float[np.ndarray, "b n"],
    *,
    horizon_days: float | None = None,
) -> Calibration:
    """Calibration of the probabilities of every repeat.

    Args:
        outcome: (n,) labels or survival.
        probabilities: of the label, or of the event by the horizon.
        drawn: how often each bootstrap draw takes each patient; the first `DRAWS` are used.
        horizon_days: of survival.
    """
    clipped = np.clip(probabilities, _NEAREST, 1.0 - _NEAREST)
    if is_survival(outcome):
        assert horizon_days is not None
        slope = _interval(lambda w: _survival_slope(outcome, clipped, w), drawn[:DRAWS])
        brier, prevalence = _survival_brier(outcome, probabilities, horizon_days)
        return Calibration(slope, None, brier, prevalence)
    slope = _interval(lambda w: _label_slope(outcome, clipped, w), drawn[:DRAWS])
    intercept = _interval(lambda w: _label_intercept(outcome, clipped, w), drawn[:DRAWS])
    brier = float(np.mean([brier_score_loss(outcome, row) for row in probabilities]))
    share = np.full(len(outcome), share_positive(outcome, horizon_days))
    return Calibration(slope, intercept, brier, float(brier_score_loss(outcome, share)))


def _interval(statistic, drawn: np.ndarray) -> Figure | None:
    """The figure with its interval; None where predictions do not differ."""
    if not np.isfinite(statistic(np.ones(drawn.shape[1]))):
        return None
    return statistic_interval(statistic, drawn)


def _label_slope(outcome: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> float:
    held = weights > 0
    if np.unique(outcome[held]).size < 2 or np.ptp(probabilities) < _NEAREST:
        return np.nan
    rows = np.tile(weights, len(probabilities))
    fit = LogisticRegression(C=np.inf, solver="newton-cholesky")
    with warnings.catch_warnings():
        # A draw whose classes do not overlap has no slope but infinity: the fit stops early.
        warnings.simplefilter("ignore")
        fit.fit(logit(probabilities).reshape(-1, 1), np.tile(outcome, len(probabilities)), rows)
    return float(fit.coef_[0, 0])


def _label_intercept(outcome: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> float:
    if np.unique(outcome[weights > 0]).size < 2:
        return np.nan
    score = logit(probabilities)

    def excess(shift: float) -> float:
        return float((weights * (outcome - expit(score + shift))).sum())

    root: Any = brentq(excess, -_WIDEST, _WIDEST)
    return float(root)


def _survival_slope(outcome: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> float:
    """Mean over repeats; Cox has no weights here, so that patients are repeated instead."""
    rows = np.repeat(np.arange(len(outcome)), weights.astype(int))
    if not events(outcome[rows]).any():
        return np.nan
    found = []
    for row in probabilities:
        hazard = np.log(-np.log1p(-row))[rows]
        if np.ptp(hazard) < _NEAREST:
            return np.nan
        # In units of their spread: hazards that hardly differ would else not converge.
        spread = hazard.std()
        fit = CoxnetSurvivalAnalysis(alphas=[_NEAREST], l1_ratio=_NEAREST)
        with warnings.catch_warnings():
            # A draw that one far patient decides has no slope but infinity: the fit stops early.
            warnings.simplefilter("ignore", ConvergenceWarning)
            fit.fit(hazard[:, None] / spread, outcome[rows])
        found.append(fit.coef_[0, 0] / spread)
    return float(np.mean(found))


def _survival_brier(
    outcome: np.ndarray, probabilities: np.ndarray, horizon_days: float
) -> tuple[float, float]:
    alive = 1.0 - share_positive(outcome, horizon_days)

    def score(survival: np.ndarray) -> float:
        return float(brier_score(outcome, outcome, survival[:, None], [horizon_days])[1][0])

    model = float(np.mean([score(1.0 - row) for row in probabilities]))
    return model, score(np.full(len(outcome), alive))

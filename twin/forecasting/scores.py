"""Scores of forecasts: agreement of maps, and of distributions with what came."""

from __future__ import annotations

import numpy as np


def crps(draws: np.ndarray, observed: float) -> float:
    """Continuous ranked probability score of a sample, E|X − y| − E|X − X'| / 2; smaller is better.

    Gneiting & Raftery 2007 (doi 10.1198/016214506000001437). Same unit as the draws.
    """
    x = np.sort(np.asarray(draws, float))
    n = x.size
    spread = 2.0 * np.sum((2 * np.arange(1, n + 1) - n - 1) * x) / n**2
    return float(np.abs(x - observed).mean() - 0.5 * spread)


def ccc(predicted: np.ndarray, observed: np.ndarray) -> float:
    """Concordance correlation coefficient of two maps, −1..1 (Lin 1989, doi 10.2307/2532051)."""
    p, o = np.asarray(predicted, float).ravel(), np.asarray(observed, float).ravel()
    shared = np.mean((p - p.mean()) * (o - o.mean()))
    total = p.var() + o.var() + (p.mean() - o.mean()) ** 2
    return float(2.0 * shared / total) if total else 1.0


def dice(predicted: np.ndarray, observed: np.ndarray) -> float:
    """Overlap of two masks, 0..1; 1 where both are empty."""
    total = predicted.sum() + observed.sum()
    return float(2.0 * (predicted & observed).sum() / total) if total else 1.0


def interval(draws: np.ndarray, level: float = 0.9) -> tuple[float, float]:
    """Central interval of a sample."""
    low, high = np.quantile(draws, [0.5 - level / 2.0, 0.5 + level / 2.0])
    return float(low), float(high)


def judge(draws: np.ndarray, observed: float, level: float = 0.9) -> dict[str, float]:
    """Score, relative error of the median, interval hit (1 or 0) and width of one forecast."""
    low, high = interval(draws, level)
    median = float(np.median(draws))
    return {
        "crps": crps(draws, observed),
        "relative_error": abs(median - observed) / max(abs(observed), 1e-9),
        "hit_90": float(low <= observed <= high),
        "width_90": high - low,
    }

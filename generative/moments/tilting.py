"""Weights that bring the moments of a pool to measured ones, and change it as little as possible.

Among all weights of the pool, those of the largest entropy: w ∝ exp(φ·λ), where λ minimizes
log mean exp(φ·λ) - m·λ + ½ λᵀ S λ for measured moments m with error covariance S (Dudík et al.
2007, Journal of Machine Learning Research 8). The last term keeps noise from being fitted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float
from scipy import optimize, special


def tilt(
    statistics: Float[np.ndarray, "m k"],
    target: Float[np.ndarray, " k"],
    variance: Float[np.ndarray, " k"],
    *,
    looser: Sequence[float] = (1.0,),
    enough: Callable[[Float[np.ndarray, " m"]], bool] = lambda _: True,
) -> Float[np.ndarray, " m"]:
    """Weights of the pool, summing to 1.

    Args:
        statistics: of each member of the pool.
        target: their measured means.
        variance: of the error of each measured mean.
        looser: factors on the variances, falling; each solution starts from the one before.
        enough: whether weights leave enough of the pool in play; the last that do are returned,
            or those of the first factor if none does.
    """
    centered = statistics - target

    def dual(multipliers: np.ndarray, variance: np.ndarray) -> tuple[float, np.ndarray]:
        scores = centered @ multipliers
        weights = special.softmax(scores)
        value = special.logsumexp(scores) - np.log(len(scores))
        value += 0.5 * float(variance @ multipliers**2)
        return float(value), weights @ centered + variance * multipliers

    multipliers, kept = np.zeros(statistics.shape[1]), None
    for factor in looser:
        multipliers = optimize.minimize(
            dual,
            multipliers,
            (factor * variance,),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": 2000, "maxfun": 4000},
        ).x
        weights = special.softmax(centered @ multipliers)
        if kept is not None and not enough(weights):
            break
        kept = weights
    assert kept is not None, "at least one factor"
    return kept

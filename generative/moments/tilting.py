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

_MOST_STEPS = 50
"""A dozen suffice where the pool can have the moments; where it cannot, more gain nothing."""


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

    def weights_of(multipliers: np.ndarray) -> np.ndarray:
        return special.softmax(centered @ multipliers)

    def dual(multipliers: np.ndarray, variance: np.ndarray) -> tuple[float, np.ndarray]:
        scores = centered @ multipliers
        value = special.logsumexp(scores) - np.log(len(scores))
        value += 0.5 * float(variance @ multipliers**2)
        return float(value), special.softmax(scores) @ centered + variance * multipliers

    def curvature_along(
        multipliers: np.ndarray, step: np.ndarray, variance: np.ndarray
    ) -> np.ndarray:
        weights = weights_of(multipliers)
        mean = weights @ centered
        return (weights * (centered @ step)) @ centered - mean * (mean @ step) + variance * step

    def stop_beyond(multipliers: np.ndarray) -> None:
        if not enough(weights_of(multipliers)):
            raise StopIteration

    kept = np.zeros(statistics.shape[1])
    for number, factor in enumerate(looser):
        found = optimize.minimize(
            dual,
            kept,
            (factor * variance,),
            jac=True,
            hessp=curvature_along,
            method="Newton-CG",
            callback=stop_beyond if number else None,
            options={"maxiter": _MOST_STEPS},
        ).x
        if number and not enough(weights_of(found)):
            break
        kept = found
    return weights_of(kept)

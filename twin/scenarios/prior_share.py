"""How much of a plan's rank rests on parameters that the data did not determine.

Over common draws s, let r_s be the rank of a plan among all plans and x_ks the normal score of
parameter k. A least-squares fit with a small ridge gives r ~ sum_k b_k x_k, and

    share_k = b_k cov(x_k, r),    prior share = sum over undetermined k / sum over all k

The covariance shares add up to the variance explained, also when parameters are correlated. The
plans' mean cancels in the rank: a parameter that lifts all plans alike explains nothing. What the
fit leaves over belongs to the same parameters in a way that it cannot see (nothing else varies
between draws); it is split in proportion, and `explained` says how much was seen at all.
"""

from __future__ import annotations

import numpy as np

RIDGE = 1e-3


def ranks(values: np.ndarray) -> np.ndarray:
    """Ranks 1..P along the first axis, ties given their mean; shape as `values` (P, S)."""
    ranked = np.empty(values.shape)
    for s in range(values.shape[1]):
        _, inverse, counts = np.unique(values[:, s], return_inverse=True, return_counts=True)
        last = np.cumsum(counts)
        ranked[:, s] = (last - (counts - 1) / 2.0)[inverse]
    return ranked


def prior_shares(
    losses: np.ndarray, parameters: dict[str, np.ndarray], determined: set[str] | frozenset[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Share of each plan's rank that rests on undetermined parameters.

    Squares of the scores join the fit when there are at least ten draws per parameter.

    Args:
        losses: (P, S), common draws.
        parameters: name -> (S,) drawn values; those that do not vary are left out.
        determined: names that the data determined.

    Returns:
        Shares (P,) from 0 to 1, and the part of the variance of the rank that the fit explains
        (P,), corrected for the number of its terms (adjusted R², not below 0). A plan whose rank
        never changes has share 0 and explained 1.
    """
    count = losses.shape[1]
    names = [n for n, v in parameters.items() if np.ptp(v) > 0]
    if not names or count < 3:
        return np.zeros(len(losses)), np.zeros(len(losses))
    scores = np.stack([_normal_scores(parameters[n]) for n in names])
    undetermined = np.array([n not in determined for n in names])
    if count >= 10 * len(names):
        squares = scores**2
        scores = np.concatenate([scores, squares - squares.mean(axis=1, keepdims=True)])
        undetermined = np.concatenate([undetermined, undetermined])
    scores = scores / scores.std(axis=1, keepdims=True)
    response = ranks(losses)
    response -= response.mean(axis=1, keepdims=True)
    covariance = scores @ response.T / count
    gram = scores @ scores.T / count + RIDGE * np.eye(len(scores))
    parts = np.linalg.solve(gram, covariance) * covariance
    variance = response.var(axis=1)
    moving = variance > 1e-12
    total = parts.sum(axis=0)
    seen = moving & (total > 0)
    share = np.divide(parts[undetermined].sum(axis=0), total, out=np.zeros(len(losses)), where=seen)
    raw = np.divide(total, variance, out=np.ones(len(losses)), where=moving)
    freedom = max(count - 1 - len(scores), 1)
    explained = np.where(moving, 1.0 - (1.0 - raw) * (count - 1) / freedom, 1.0)
    return np.clip(share, 0.0, 1.0), np.clip(explained, 0.0, 1.0)


def _normal_scores(values: np.ndarray) -> np.ndarray:
    """Ranks mapped to quantiles of the normal distribution; shape (S,)."""
    share = (ranks(np.asarray(values, dtype=float)[:, None])[:, 0] - 0.5) / len(values)
    return _normal_quantile(share)


def _normal_quantile(p: np.ndarray) -> np.ndarray:
    from statistics import NormalDist

    normal = NormalDist()
    return np.array([normal.inv_cdf(float(x)) for x in p])

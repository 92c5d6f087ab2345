"""Clipped density and coverage: shares of synthetic patients that are real-like, and of real
patients that synthetic ones reach.

Salvy, Talbot and Thirion 2025, https://arxiv.org/abs/2507.01761. Neighborhoods are balls around
real patients up to their k-th real neighbor. For density no ball is larger than the median one and
no patient counts more than once; density is divided by what real patients reach among themselves.
Coverage is turned into the share of good patients that would give as much, from the law of the
number of patients in such a ball, which is beta-binomial whatever the cohort.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy import stats
from scipy.spatial.distance import cdist

from generative.metrics.figure import Figure, interval, resamples

NEIGHBORS = 5


def clipped_density(
    real: Float[np.ndarray, "n k"],
    synthetic: Float[np.ndarray, "m k"],
    *,
    draws: int = 200,
    seed: int = 0,
) -> Figure:
    """Share of synthetic patients that lie where real ones do; the interval is over synthetic
    patients."""
    among = _among(real)
    radius = _radius(among)
    radius = np.minimum(radius, np.median(radius))
    best = _clipped((among <= radius[:, None]).sum(axis=0)).mean()
    share = _clipped((cdist(real, synthetic) <= radius[:, None]).sum(axis=0)) / max(best, 1e-9)
    random = np.random.default_rng(seed)
    drawn = share[resamples(len(share), draws=draws, random=random)].mean(axis=1)
    found = interval(share.mean(), drawn)
    return Figure(min(found.value, 1.0), min(found.low, 1.0), min(found.high, 1.0))


def clipped_coverage(
    real: Float[np.ndarray, "n k"],
    synthetic: Float[np.ndarray, "m k"],
    *,
    draws: int = 200,
    seed: int = 0,
) -> Figure:
    """Share of good synthetic patients that would cover the real ones as much; the interval is
    over real patients."""
    radius = _radius(_among(real))
    covered = _clipped((cdist(real, synthetic) < radius[:, None]).sum(axis=1))
    expected = expected_coverage(len(real), len(synthetic))

    def share(coverage: np.ndarray) -> np.ndarray:
        return np.interp(coverage, expected, np.linspace(0.0, 1.0, len(expected)))

    random = np.random.default_rng(seed)
    drawn = covered[resamples(len(covered), draws=draws, random=random)].mean(axis=1)
    return interval(float(share(covered.mean(keepdims=True))[0]), share(drawn))


def expected_coverage(real: int, synthetic: int) -> Float[np.ndarray, " m"]:
    """Coverage that 0, 1, ... `synthetic` patients of the real law have on average.

    The ball of a real patient up to its k-th of n - 1 neighbors holds a beta-binomial number of m
    others; E min(J, k) / k is summed over J below k.
    """
    below = np.arange(NEIGHBORS)
    counts = np.arange(synthetic + 1)[:, None]
    chance = stats.betabinom.pmf(below, counts, NEIGHBORS, max(real - NEIGHBORS, 1))
    missing = ((NEIGHBORS - below) * chance).sum(axis=1) / NEIGHBORS
    return np.maximum.accumulate(1.0 - missing)


def _among(real: np.ndarray) -> np.ndarray:
    distances = cdist(real, real)
    np.fill_diagonal(distances, np.inf)
    return distances


def _radius(among: np.ndarray) -> np.ndarray:
    return np.partition(among, NEIGHBORS - 1, axis=1)[:, NEIGHBORS - 1]


def _clipped(counts: np.ndarray) -> np.ndarray:
    return np.minimum(counts / NEIGHBORS, 1.0)

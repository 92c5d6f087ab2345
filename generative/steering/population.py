"""What a population is made of: a normal law of constants for each response.

From simulated patients that stand for the real ones by their weights, the law of their constants is
estimated; new patients drawn from it are nearer to the real ones than those before. Repeated, this
is expectation maximization (Dempster et al. 1977, JRSS B 39), known as unfolding where a detector
blurs what is looked for (D'Agostini 1995, https://doi.org/10.1016/0168-9002(95)00274-X).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy import stats

_BOUNDED: Any = stats.truncnorm(-2.0, 2.0)
_UNCORRELATED = 40.0
"""Equal patients whose correlations count as much as none."""


@dataclass(frozen=True)
class Population:
    """Standard scores of patients without and with response.

    Attributes:
        shares: (2,) of all patients.
        means: (2, S) of their scores.
        covariances: (2, S, S) of their scores.
    """

    shares: Float[np.ndarray, "2"]
    means: Float[np.ndarray, "2 s"]
    covariances: Float[np.ndarray, "2 s s"]

    @classmethod
    def of(cls, scores: Float[np.ndarray, "m s"], weights: Float[np.ndarray, "m 2"]) -> Population:
        """The population that weighted patients come from.

        One patient of the prior is counted among them, so that no spread falls to zero.
        """
        laws = [_law(scores, column) for column in weights.T]
        means, covariances = (np.stack(part) for part in zip(*laws, strict=True))
        return cls(weights.sum(axis=0) / weights.sum(), means, covariances)

    def draw(self, patients: int, random: np.random.Generator) -> Float[np.ndarray, "n s"]:
        """Scores of new patients, none in the tails of the law: hospitals have no endless range."""
        responded = (random.random(patients) < self.shares[1]).astype(int)
        roots = np.linalg.cholesky(self.covariances)
        size = patients, self.means.shape[1]
        free = _BOUNDED.rvs(size=size, random_state=random) / _BOUNDED.std()
        return self.means[responded] + np.einsum("nij,nj->ni", roots[responded], free)


def _law(
    scores: Float[np.ndarray, "m s"], weights: Float[np.ndarray, " m"]
) -> tuple[Float[np.ndarray, " s"], Float[np.ndarray, "s s"]]:
    total = weights.sum()
    if total <= 0.0:
        return np.zeros(scores.shape[1]), np.eye(scores.shape[1])
    weights = weights / total
    count = effective_size(weights)
    mean = weights @ scores
    away = scores - mean
    covariance = (away * weights[:, None]).T @ away
    kept = count / (count + _UNCORRELATED)
    covariance = kept * covariance + (1.0 - kept) * np.diag(covariance.diagonal())
    return mean, (count * covariance + np.eye(len(mean))) / (count + 1.0)


def effective_size(weights: Float[np.ndarray, " m"]) -> float:
    """How many equal members the weighted ones are worth (Kish)."""
    return float(weights.sum() ** 2 / (weights**2).sum())

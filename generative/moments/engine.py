"""Train by noisy moments: one noisy sum of bounded statistics, then everything is post-processing.

Of each private patient one vector goes in: the response, the summaries, their squares and products,
and the same split by response. Summaries are in units of the public prior, cut at ±2.5. The vector
is shortened to the norm that 95 % of prior patients keep, summed over patients, and Gaussian noise
is added once. The weights of the prior then follow the noisy means (`generative.moments.tilting`).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from generative.cohort import ScanCohort
from generative.model import ScanProtocol
from generative.moments.model import MomentsModel, scaled_volumes_ml
from generative.moments.prior import Pool
from generative.moments.tilting import effective_size, tilt
from generative.privacy.accountant import Charge, least_noise
from generative.privacy.ledger import GuardedCohort
from generative.summaries import summarize
from twin.errors import TwinError

_CUT = 2.5
_KEPT = 0.95
_NAME = "moments of size, shape, brightness, texture, border and course, by response"
LEAST_PATIENTS = 20
USELESS_ERROR = 0.5
"""Noise of a mean, in standard deviations between patients, from which nothing is learned."""


def train_moments(
    private: GuardedCohort, protocol: ScanProtocol, pool: Pool, *, secret: np.random.Generator
) -> MomentsModel:
    """Steer a pool by the moments of a private cohort.

    Args:
        private: the cohort behind its ledger; without a budget its moments are used as they are.
        protocol: of its scans.
        pool: of the public prior, on the same grid.
        secret: draws the noise; its seed must not be known to anyone who gets the model.

    Raises:
        TwinError: too few patients, or the budget is too small for so few.
    """
    count = len(private)
    if count < LEAST_PATIENTS:
        raise TwinError(
            "too few patients for noisy moments",
            where="patients",
            expected=f"at least {LEAST_PATIENTS}",
            got=str(count),
        )
    center = pool.summaries.mean(axis=0)
    scale = pool.summaries.std(axis=0)

    def statistics_of(summaries: np.ndarray, responded: np.ndarray) -> np.ndarray:
        return _statistics((summaries - center) / scale, responded)

    members = len(pool.summaries)
    both = np.repeat(pool.summaries, 2, axis=0)
    statistics = statistics_of(both, np.tile([False, True], members))
    bound = float(np.quantile(np.linalg.norm(statistics, axis=1), _KEPT))

    def of(cohort: ScanCohort) -> np.ndarray:
        return statistics_of(summarize(cohort), cohort.response)

    if private.ledger.epsilon is None:
        mean = of(private.scans(_NAME)).mean(axis=0)
        error = 0.0
    else:
        noise = noise_of(private.ledger.epsilon, private.ledger.delta or 0.0)
        error = noise * bound / count
        if error > USELESS_ERROR:
            raise TwinError(
                "noise would drown the moments",
                where="epsilon",
                expected=f"at least {private.ledger.epsilon * error / USELESS_ERROR:.2g} "
                f"for {count} patients",
                got=f"{private.ledger.epsilon:g}",
                fix="Allow a larger epsilon, or join cohorts of several hospitals.",
            )
        total = private.noisy_sum(
            _NAME, of, bound=bound, noise_multiplier=noise, random=secret
        )
        mean = total / count
    variance = error**2 + statistics.var(axis=0) / count
    weights = tilt(statistics, mean, variance)
    return MomentsModel(
        protocol,
        private.ledger.statement(
            MomentsModel.ENGINE, weakness_of(count, error, effective_size(weights))
        ),
        pool.seed,
        weights.reshape(members, 2),
        scaled_volumes_ml(pool, protocol),
    )


def noise_of(epsilon: float, delta: float) -> float:
    """Noise multiplier of the one sum."""
    return least_noise(lambda noise: [Charge(_NAME, noise)], epsilon=epsilon, delta=delta)


def weakness_of(patients: int, error: float, size: float) -> str:
    """What a reader should know of a model of so many patients, in words."""
    sampling = 1.0 / np.sqrt(patients)
    return (
        f"Steered by means over {patients} patients: sampling blurs each by {sampling:.2f} and "
        f"privacy noise by {error:.2f} standard deviations between patients; what the summaries "
        f"do not name is the simulator's. The sample is worth {size:.0f} different patients."
    )


def _statistics(
    units: Float[np.ndarray, "n k"], responded: Bool[np.ndarray, " n"]
) -> Float[np.ndarray, "n m"]:
    """Response, summaries, squares and products, and their split by response."""
    values = np.clip(units, -_CUT, _CUT)
    sign = np.where(responded, 1.0, -1.0)[:, None]
    squares = values**2 - 1.0
    first, second = np.triu_indices(values.shape[1], 1)
    products = values[:, first] * values[:, second]
    return np.hstack([sign, values, sign * values, squares, sign * squares, products])

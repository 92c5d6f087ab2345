"""Train by noisy moments: one noisy sum of bounded statistics, then everything is post-processing.

Of each private patient one vector goes in: the response, the summaries, their squares and products,
and the first two split by response. Summaries are in units of the public prior, cut at ±2.5. The
vector is shortened to the norm that 70 % of prior patients keep, summed over patients, and Gaussian
noise is added once. Simulated patients are weighted to meet the noisy means
(`generative.moments.tilting`), the population that they come from is estimated
(`generative.steering.population`), new ones are drawn from it, and so on. Those of the last round
are kept, with weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from generative.cohort import ScanCohort
from generative.model import ScanProtocol
from generative.moments.tilting import tilt
from generative.parallel import Progress
from generative.privacy.ledger import GuardedCohort
from generative.privacy.recommend import USELESS_ERROR
from generative.steering.model import SteeredModel
from generative.steering.population import Population, effective_size
from generative.steering.prior import Pool, draw_scores
from generative.summaries import summarize
from twin.errors import TwinError

LEAST_PATIENTS = 20
_NAME = "moments of size, shape, brightness, texture, border and course, by response"
_CUT = 2.5
_KEPT = 0.7
_LOOSER = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
_ROUNDS = 8
"""Populations estimated, each from a third as many patients as the model keeps."""
_STEERING, _KEEPING = 0.1, 0.35
"""Share of the patients that weights must leave in play while steering, and in the model."""


def train_moments(
    private: GuardedCohort,
    protocol: ScanProtocol,
    *,
    members: int = 3000,
    seed: int = 0,
    secret: np.random.Generator,
    progress: Progress | None = None,
) -> SteeredModel:
    """Steer simulated patients by the moments of a private cohort.

    Args:
        private: the cohort behind its ledger; without a budget its moments are used as they are.
        protocol: of its scans.
        members: patients to simulate in the last round; a third of
            that in each of the eight rounds before.
        seed: of the simulated patients.
        secret: draws the noise; its seed must not be known to anyone who gets the model.
        progress: called with patients simulated and all of them.

    Raises:
        TwinError: too few patients, or the budget is too small for so few.
    """
    if len(private) < LEAST_PATIENTS:
        raise TwinError(
            "too few patients for noisy moments",
            where="patients",
            expected=f"at least {LEAST_PATIENTS}",
            got=str(len(private)),
        )
    each = max(members // 3, 1)
    total = _ROUNDS * each + members
    random = np.random.default_rng([seed, 1])

    def simulate(scores: np.ndarray) -> tuple[Pool, Float[np.ndarray, "m k"]]:
        nonlocal done
        numbers = np.arange(done, done + len(scores))
        pool = Pool(protocol, seed, scores, numbers)
        summaries, seen = pool.summarize(_shifted(progress, done, total))
        done += len(scores)
        return pool.select(seen), summaries[seen]

    done = 0
    pool, summaries = simulate(draw_scores(each, random))
    moments = measure(private, summaries, secret)
    for size in [each] * (_ROUNDS - 1) + [members]:
        population = Population.of(pool.scores, moments.weights(summaries, _STEERING))
        pool, summaries = simulate(population.draw(size, random))
    weights = moments.weights(summaries, _KEEPING)
    weakness = weakness_of(len(private), moments.error, effective_size(weights.sum(axis=1)))
    return SteeredModel(
        private.ledger.statement("moments", weakness),
        pool,
        weights,
        np.exp(summaries[:, 0]) * protocol.voxel_ml,
    )


@dataclass(frozen=True)
class Moments:
    """Measured means of the statistics of a cohort.

    Attributes:
        center, scale: (K,) of the summaries in the public prior.
        mean: (D,) of the statistics, noisy.
        error: standard deviation of the privacy noise in each mean.
        patients: whose mean it is.
    """

    center: Float[np.ndarray, " k"]
    scale: Float[np.ndarray, " k"]
    mean: Float[np.ndarray, " d"]
    error: float
    patients: int

    def weights(
        self, summaries: Float[np.ndarray, "m k"], in_play: float
    ) -> Float[np.ndarray, "m 2"]:
        """Weights of simulated patients without and with response, summing to 1.

        The means are met as closely as leaves a share `in_play` of the patients in play: beyond
        that, few patients would be drawn again and again.
        """
        statistics = _of_either(summaries, self.center, self.scale)
        variance = self.error**2 + statistics.var(axis=0) / self.patients
        for looser in _LOOSER:
            weights = tilt(statistics, self.mean, looser * variance).reshape(-1, 2)
            if effective_size(weights.sum(axis=1)) >= in_play * len(summaries):
                break
        return weights


def measure(
    private: GuardedCohort, prior: Float[np.ndarray, "m k"], secret: np.random.Generator
) -> Moments:
    """Take the moments of a private cohort, in units of the summaries of the prior.

    Raises:
        TwinError: the budget is too small for so few patients.
    """
    center = np.median(prior, axis=0)
    low, high = np.quantile(prior, (0.16, 0.84), axis=0)
    scale = np.maximum(0.5 * (high - low), 1e-6)

    def of(cohort: ScanCohort) -> Float[np.ndarray, "n d"]:
        return _statistics(summarize(cohort), cohort.response, center, scale)

    count, ledger = len(private), private.ledger
    if ledger.epsilon is None:
        return Moments(center, scale, of(private.scans(_NAME)).mean(axis=0), 0.0, count)
    norms = np.linalg.norm(_of_either(prior, center, scale), axis=1)
    bound = float(np.quantile(norms, _KEPT))
    noise = ledger.noise_of_one_sum(_NAME)
    error = noise * bound / count
    if error > USELESS_ERROR:
        raise TwinError(
            "noise would drown the moments",
            where="epsilon",
            expected=f"about {ledger.epsilon * error / USELESS_ERROR:.2g} for {count} patients",
            got=f"{ledger.epsilon:g}",
            fix="Allow a larger epsilon, or join cohorts of several hospitals.",
        )
    total = private.noisy_sum(_NAME, of, bound=bound, noise_multiplier=noise, random=secret)
    return Moments(center, scale, total / count, error, count)


def weakness_of(patients: int, error: float, size: float) -> str:
    """What a reader should know of a model of so many patients, in words."""
    sampling = 1.0 / np.sqrt(patients)
    return (
        f"Steered by means over {patients} patients: sampling blurs each by {sampling:.2f} and "
        f"privacy noise by {error:.2f} standard deviations between patients; what the summaries "
        f"do not name is the simulator's. The model is worth {size:.0f} different patients."
    )


def _statistics(
    summaries: Float[np.ndarray, "n k"],
    responded: Bool[np.ndarray, " n"],
    center: Float[np.ndarray, " k"],
    scale: Float[np.ndarray, " k"],
) -> Float[np.ndarray, "n d"]:
    """Response, summaries, squares and products, and their split by response."""
    values = np.clip((summaries - center) / scale, -_CUT, _CUT)
    sign = np.where(responded, 1.0, -1.0)[:, None]
    squares = values**2 - 1.0
    first, second = np.triu_indices(values.shape[1], 1)
    products = values[:, first] * values[:, second]
    return np.hstack([sign, values, sign * values, squares, sign * squares, products])


def _of_either(
    summaries: Float[np.ndarray, "m k"],
    center: Float[np.ndarray, " k"],
    scale: Float[np.ndarray, " k"],
) -> Float[np.ndarray, "m2 d"]:
    """Statistics of each simulated patient without and with response, which is left open."""
    either = np.tile([False, True], len(summaries))
    return _statistics(np.repeat(summaries, 2, axis=0), either, center, scale)


def _shifted(progress: Progress | None, before: int, total: int) -> Progress | None:
    """Progress of one round among all."""
    if progress is None:
        return None
    return lambda done, _: progress(before + done, total)

"""Judge by noisy moments: one noisy sum of bounded statistics, then everything is post-processing.

Of each private patient one vector goes in: the response, the summaries, their squares and products,
and the first two split by response. Summaries are in units of the public prior, cut at ±2.5. The
vector is shortened to the norm that 70 % of prior patients keep, summed over patients, and Gaussian
noise is added once. Simulated patients are weighted to meet the noisy means
(`generative.moments.tilting`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from generative.cohort import ScanCohort
from generative.moments.tilting import tilt
from generative.privacy.ledger import GuardedCohort, PrivacyStatement
from generative.privacy.recommend import USELESS_ERROR
from generative.steering.population import effective_size
from generative.summaries import summarize
from twin.errors import TwinError

LEAST_PATIENTS = 20
NAME = "moments of size, shape, brightness, texture, border and course, by response"
_CUT = 2.5
_KEPT = 0.7
_LEAST_VARIANCE = 0.01
_LOOSER = (1000.0, 300.0, 100.0, 30.0, 10.0, 3.0, 1.0)


class MomentsJudge:
    """Weighs simulated patients to meet the moments of a private cohort, measured once.

    Arguments:
        private: the cohort behind its ledger; without a budget its moments are used as they are.
        secret: seed of the noise, which must not be known to anyone who gets the model.
        noise_multiplier: of the sum; what spends the whole budget unless given.

    Raises:
        TwinError: too few patients.
    """

    def __init__(
        self, private: GuardedCohort, secret: int, noise_multiplier: float | None = None
    ) -> None:
        if len(private) < LEAST_PATIENTS:
            raise TwinError(
                "too few patients for noisy moments",
                where="patients",
                expected=f"at least {LEAST_PATIENTS}",
                got=str(len(private)),
            )
        self._private, self._secret, self._noise = private, secret, noise_multiplier
        self._measured: tuple[Units, Moments] | None = None

    def weights(
        self, summaries: Float[np.ndarray, "m k"], *, round_: int, in_play: float
    ) -> Float[np.ndarray, "m 2"]:
        """See `generative.steering.loop.Judge`; the patients of the first round give the units.

        Raises:
            TwinError: the budget is too small for so few patients.
        """
        if self._measured is None:
            self._measure(Units.of(summaries))
        assert self._measured is not None
        units, moments = self._measured
        statistics = units.of_either(summaries)
        spread = np.maximum(statistics.var(axis=0), _LEAST_VARIANCE)
        variance = moments.error**2 + spread / len(self._private)

        def enough(weights: Float[np.ndarray, " m2"]) -> bool:
            return effective_size(weights.reshape(-1, 2).sum(axis=1)) >= in_play * len(summaries)

        weights = tilt(statistics, moments.mean, variance, looser=_LOOSER, enough=enough)
        return weights.reshape(-1, 2)

    def state(self) -> dict[str, np.ndarray]:
        """The units of the moments; measured again with the same noise, they are the same."""
        assert self._measured is not None, "measured in the first round"
        return {name: np.asarray(value) for name, value in vars(self._measured[0]).items()}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """See `generative.steering.loop.Judge`."""
        self._measure(Units(state["center"], state["scale"], float(state["bound"])))

    def statement(self, worth: float) -> PrivacyStatement:
        """See `generative.steering.loop.Judge`."""
        return self._private.ledger.statement("moments", self.weakness(worth))

    def weakness(self, worth: float) -> str:
        """What a reader should know of a model that is worth so many different patients."""
        error = 0.0 if self._measured is None else self._measured[1].error
        patients = len(self._private)
        return (
            f"Steered by means over {patients} patients: sampling blurs each by "
            f"{1.0 / np.sqrt(patients):.2f} and privacy noise by {error:.2f} standard deviations "
            "between patients; what the summaries do not name is the simulator's. The model is "
            f"worth {worth:.0f} different patients."
        )

    def _measure(self, units: Units) -> None:
        random = np.random.default_rng(self._secret)
        moments = measure(self._private, units, random, self._noise)
        self._measured = units, moments


@dataclass(frozen=True)
class Units:
    """What summaries are measured in, from the public prior alone.

    Attributes:
        center, scale: (K,) of the summaries.
        bound: norm that `_KEPT` of the prior's patients keep.
    """

    center: Float[np.ndarray, " k"]
    scale: Float[np.ndarray, " k"]
    bound: float

    @classmethod
    def of(cls, prior: Float[np.ndarray, "m k"]) -> Units:
        """Units in which the prior is spread by about 1."""
        center = np.median(prior, axis=0)
        low, high = np.quantile(prior, (0.16, 0.84), axis=0)
        units = cls(center, np.maximum(0.5 * (high - low), 1e-6), 0.0)
        norms = np.linalg.norm(units.of_either(prior), axis=1)
        return cls(units.center, units.scale, float(np.quantile(norms, _KEPT)))

    def statistics(
        self, summaries: Float[np.ndarray, "n k"], responded: Bool[np.ndarray, " n"]
    ) -> Float[np.ndarray, "n d"]:
        """Response, summaries, squares and products, and their split by response."""
        values = np.clip((summaries - self.center) / self.scale, -_CUT, _CUT)
        sign = np.where(responded, 1.0, -1.0)[:, None]
        squares = values**2 - 1.0
        first, second = np.triu_indices(values.shape[1], 1)
        products = values[:, first] * values[:, second]
        return np.hstack([sign, values, sign * values, squares, sign * squares, products])

    def of_either(self, summaries: Float[np.ndarray, "m k"]) -> Float[np.ndarray, "m2 d"]:
        """Statistics of each simulated patient without and with response, which is left open."""
        either = np.tile([False, True], len(summaries))
        return self.statistics(np.repeat(summaries, 2, axis=0), either)


@dataclass(frozen=True)
class Moments:
    """Measured means of the statistics of a cohort.

    Attributes:
        mean: (D,) of the statistics, noisy.
        error: standard deviation of the privacy noise in each mean.
    """

    mean: Float[np.ndarray, " d"]
    error: float


def measure(
    private: GuardedCohort, units: Units, secret: np.random.Generator, noise: float | None = None
) -> Moments:
    """Take the moments of a private cohort, with a noise or with what spends the whole budget.

    Raises:
        TwinError: the budget is too small for so few patients.
    """

    def of(cohort: ScanCohort) -> Float[np.ndarray, "n d"]:
        return units.statistics(summarize(cohort), cohort.response)

    count, ledger = len(private), private.ledger
    if ledger.epsilon is None:
        return Moments(of(private.scans(NAME)).mean(axis=0), 0.0)
    if noise is None:
        noise = ledger.noise_of_one_sum(NAME)
    error = noise * units.bound / count
    if error > USELESS_ERROR:
        raise TwinError(
            "noise would drown the moments",
            where="epsilon",
            expected=f"about {ledger.epsilon * error / USELESS_ERROR:.2g} for {count} patients",
            got=f"{ledger.epsilon:g}",
            fix="Allow a larger epsilon, or join cohorts of several hospitals.",
        )
    total = private.noisy_sum(NAME, of, bound=units.bound, noise_multiplier=noise, random=secret)
    return Moments(total / count, error)

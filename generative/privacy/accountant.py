"""Privacy spent by Gaussian mechanisms on Poisson samples of patients.

The unit is the patient: all scans of one are together. Two cohorts are neighbors where one has a
patient more. Privacy loss distributions are composed by dp-accounting (Sommer et al. 2019,
https://doi.org/10.2478/popets-2019-0029; Koskela et al. 2020, AISTATS), which is tight where
moments accountants are not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dp_accounting import (
    ComposedDpEvent,
    DpEvent,
    GaussianDpEvent,
    PoissonSampledDpEvent,
    SelfComposedDpEvent,
)
from dp_accounting.pld import PLDAccountant
from dp_accounting.pld.privacy_loss_mechanism import GaussianPrivacyLoss
from scipy import optimize

from twin.errors import TwinError

_LEAST_LOG_NOISE = -4.0


@dataclass(frozen=True)
class Charge:
    """One use of private patients: a sum over a Poisson sample of them, with Gaussian noise.

    Attributes:
        name: what was taken.
        noise_multiplier: standard deviation of the noise, relative to the largest norm that one
            patient can add to the sum.
        sampling_probability: chance of each patient to be in the sum, 1 for all patients.
        steps: how often, each with a new sample and new noise.
    """

    name: str
    noise_multiplier: float
    sampling_probability: float = 1.0
    steps: int = 1

    def __post_init__(self) -> None:
        for name, good, expected in (
            ("noise_multiplier", self.noise_multiplier > 0.0, "above 0"),
            ("sampling_probability", 0.0 < self.sampling_probability <= 1.0, "in (0, 1]"),
            ("steps", self.steps >= 1, "at least 1"),
        ):
            if not good:
                raise TwinError(
                    f"charge {self.name!r} is not possible",
                    where=name,
                    expected=expected,
                    got=str(getattr(self, name)),
                )

    def event(self) -> DpEvent:
        """The same in the terms of dp-accounting."""
        event: DpEvent = GaussianDpEvent(self.noise_multiplier)
        if self.sampling_probability < 1.0:
            event = PoissonSampledDpEvent(self.sampling_probability, event)
        return SelfComposedDpEvent(event, self.steps)


def epsilon_of(charges: Sequence[Charge], delta: float) -> float:
    """Epsilon that all charges together spend at a delta."""
    if not charges:
        return 0.0
    if all(charge.sampling_probability == 1.0 for charge in charges):
        return _epsilon_of_gaussians(charges, delta)
    accountant = PLDAccountant()
    accountant.compose(ComposedDpEvent([charge.event() for charge in charges]))
    return float(accountant.get_epsilon(delta))


def _epsilon_of_gaussians(charges: Sequence[Charge], delta: float) -> float:
    """Sums of everyone compose to one Gaussian mechanism, whose epsilon needs no grid."""
    precision = sum(charge.steps / charge.noise_multiplier**2 for charge in charges)
    loss: Any = GaussianPrivacyLoss(precision**-0.5)
    delta_of: Callable[[float], float] = loss.get_delta_for_epsilon
    if delta_of(0.0) <= delta:
        return 0.0
    high = 1.0
    while delta_of(high) > delta:
        high *= 2.0
    return _root(lambda epsilon: delta_of(epsilon) - delta, 0.0, high, 1e-12)


def least_noise(
    charges: Callable[[float], Sequence[Charge]],
    *,
    epsilon: float,
    delta: float,
    tolerance: float = 1e-3,
) -> float:
    """Smallest noise multiplier whose charges stay within a budget, to a relative tolerance.

    Args:
        charges: from a noise multiplier to what would be charged; more noise must cost less.
        epsilon: budget.
        delta: at this delta.
        tolerance: relative.
    """

    def excess(log_noise: float) -> float:
        spent = epsilon_of(charges(math.exp(log_noise)), delta)
        return math.log(max(spent, 1e-12) / epsilon)

    low = high = 0.0
    while excess(high) > 0.0:
        low, high = high, high + 1.0
    while low == high or (excess(low) <= 0.0 and low > _LEAST_LOG_NOISE):
        high, low = low, low - 1.0
    # aimed at the middle of the tolerance, so that the root found stays within the budget
    aim = 0.5 * tolerance
    if excess(low) + aim <= 0.0:
        return math.exp(low)
    return math.exp(_root(lambda x: excess(x) + aim, low, high + tolerance, 0.2 * tolerance))


def _root(function: Callable[[float], float], low: float, high: float, xtol: float) -> float:
    found: Any = optimize.brentq(function, low, high, xtol=xtol)
    return float(found)


def check_budget(epsilon: float, delta: float, patients: int) -> None:
    """Refuse a budget that promises nothing.

    Raises:
        TwinError: epsilon not above 0, or delta not below 1 / patients.
    """
    if not (math.isfinite(epsilon) and epsilon > 0.0):
        raise TwinError(
            "privacy budget is not positive",
            where="epsilon",
            expected="a number above 0, or none for no privacy",
            got=f"{epsilon:g}",
        )
    if not 0.0 < delta < 1.0 / patients:
        raise TwinError(
            "delta promises nothing",
            where="delta",
            expected=f"between 0 and 1 / patients = {1.0 / patients:.2g}",
            got=f"{delta:g}",
            fix="Choose 1 / (10 patients) or less.",
        )

"""Privacy spent by Gaussian mechanisms on Poisson samples of patients.

The unit is the patient: all scans of one are together. Two cohorts are neighbours where one has a
patient more. Privacy loss distributions are composed by dp-accounting (Sommer et al. 2019,
https://doi.org/10.2478/popets-2019-0029; Koskela et al. 2020, AISTATS), which is tight where
moments accountants are not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dp_accounting import (
    ComposedDpEvent,
    DpEvent,
    GaussianDpEvent,
    PoissonSampledDpEvent,
    SelfComposedDpEvent,
)
from dp_accounting.pld import PLDAccountant

from twin.errors import TwinError


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
    accountant = PLDAccountant()
    accountant.compose(ComposedDpEvent([charge.event() for charge in charges]))
    return float(accountant.get_epsilon(delta))


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

    def fits(noise: float) -> bool:
        return epsilon_of(charges(noise), delta) <= epsilon

    high = 1.0
    while not fits(high):
        high *= 2.0
    low = high / 2.0
    while fits(low) and low > 1e-2:
        high, low = low, low / 2.0
    while high / low > 1.0 + tolerance:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if fits(middle) else (middle, high)
    return high


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

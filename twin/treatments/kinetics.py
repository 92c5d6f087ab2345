"""A drug's concentration after a dose: one or two compartments, given at once or absorbed.

    dA/dt = −k_a A                                  depot (oral, subcutaneous)
    dC/dt = k_a A − (k_10 + k_12) C + k_21 P        central compartment, where the effect is
    dP/dt = k_12 C − k_21 P                         peripheral compartment

given at once     c(t) = Σ_i w_i exp(−k_i t),  Σ w_i = 1
absorbed          c(t) = Σ_i w_i k_a D_i(t),   D_i(t) = (exp(−k_i t) − exp(−k_a t)) / (k_a − k_i)

Concentrations are relative to what the dose reaches at once in the central compartment, F dose / V;
twin/treatments/concentration.py turns them into mg/L. The area under c is 1 / k_10, absorbed or
not. Gibaldi & Perrier 1982, Pharmacokinetics, 2nd ed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from twin.errors import TwinError

HOURS = 24.0
"""Hours of a day: textbooks give rates per hour, this package keeps them per day."""


@dataclass(frozen=True)
class Kinetics:
    """Rates between compartments, and the volume that makes mg/L of them.

    Attributes:
        elimination_rate_per_day: k_10, from the central compartment.
        outward_rate_per_day: k_12, to the peripheral compartment; 0 for a single compartment.
        return_rate_per_day: k_21, back from it.
        absorption_rate_per_day: k_a of the depot; None where the dose is in the blood at once.
        central_volume_l: V of a typical patient, L, or L/m²; None where it is not known.
        volume_per_m2: True where the volume grows with body surface.
        bioavailability: share F of the dose that reaches the blood.
        clearance_cv, volume_cv: variability between patients, as coefficients of variation.

    Raises:
        TwinError: a rate, volume or share that is out of range.
    """

    elimination_rate_per_day: float
    outward_rate_per_day: float = 0.0
    return_rate_per_day: float = 0.0
    absorption_rate_per_day: float | None = None
    central_volume_l: float | None = None
    volume_per_m2: bool = False
    bioavailability: float = 1.0
    clearance_cv: float | None = None
    volume_cv: float | None = None

    def __post_init__(self) -> None:
        check_positive("elimination_rate_per_day", self.elimination_rate_per_day)
        for name in ("absorption_rate_per_day", "central_volume_l"):
            if getattr(self, name) is not None:
                check_positive(name, getattr(self, name))
        if not 0.0 < self.bioavailability <= 1.0:
            raise TwinError(
                "bioavailability is a share of the dose",
                where="kinetics",
                expected="above 0, at most 1",
                got=f"{self.bioavailability:g}",
            )
        if self.outward_rate_per_day or self.return_rate_per_day:
            check_positive("outward_rate_per_day", self.outward_rate_per_day)
            check_positive("return_rate_per_day", self.return_rate_per_day)

    @property
    def phases(self) -> tuple[tuple[float, float], ...]:
        """(weight, rate in 1/day) of each exponential after a dose given at once; fastest first."""
        k10, k12, k21 = (
            self.elimination_rate_per_day,
            self.outward_rate_per_day,
            self.return_rate_per_day,
        )
        if k12 == 0.0:
            return ((1.0, k10),)
        total = k10 + k12 + k21
        gap = math.sqrt((k10 + k12 - k21) ** 2 + 4.0 * k12 * k21)
        fast = 0.5 * (total + gap)
        slow = k10 * k21 / fast
        return (((fast - k21) / gap, fast), ((k21 - slow) / gap, slow))

    @property
    def half_life_days(self) -> float:
        """Half-life of the slowest phase of the disposition, days."""
        return math.log(2.0) / self.phases[-1][1]

    @property
    def exposure_days(self) -> float:
        """Area under the relative concentration after one dose, days."""
        return 1.0 / self.elimination_rate_per_day

    @property
    def clearance_l_per_day(self) -> float | None:
        """Volume cleared per day, L (or L/m² where the volume is per m²)."""
        volume = self.central_volume_l
        return None if volume is None else volume * self.elimination_rate_per_day

    def levels(
        self, relative_doses: Float[np.ndarray, " d"], ages_days: Float[np.ndarray, "t d"]
    ) -> Float[np.ndarray, "t levels"]:
        """What doses given `ages_days` ago have left: the depot, then each phase of the blood.

        Args:
            relative_doses: (D,) doses as multiples of the reference dose.
            ages_days: (T, D) days since each dose; a dose with a negative age is still to come.
        """
        given = ages_days >= 0.0
        ages = np.maximum(ages_days, 0.0)

        def left(per_dose: np.ndarray) -> np.ndarray:
            return (relative_doses * np.where(given, per_dose, 0.0)).sum(axis=1)

        absorption = self.absorption_rate_per_day
        if absorption is None:
            blood = [weight * left(np.exp(-rate * ages)) for weight, rate in self.phases]
            return np.stack([np.zeros(len(ages)), *blood], axis=1)
        blood = [
            weight * absorption * left(_difference(rate, absorption, ages))
            for weight, rate in self.phases
        ]
        return np.stack([left(np.exp(-absorption * ages)), *blood], axis=1)

    def later(
        self, levels: Float[np.ndarray, "t levels"], days: Float[np.ndarray, " t"]
    ) -> Float[np.ndarray, "t levels"]:
        """The levels `days` later if no dose is given in between."""
        absorption, depot = self.absorption_rate_per_day, levels[:, 0]
        blood = [
            levels[:, number] * np.exp(-rate * days)
            for number, (_, rate) in enumerate(self.phases, start=1)
        ]
        if absorption is None:
            return np.stack([depot, *blood], axis=1)
        for number, (weight, rate) in enumerate(self.phases):
            blood[number] += weight * absorption * depot * _difference(rate, absorption, days)
        return np.stack([depot * np.exp(-absorption * days), *blood], axis=1)

    def exposure(
        self, levels: Float[np.ndarray, "t levels"], days: Float[np.ndarray, "t nodes"]
    ) -> Float[np.ndarray, "t nodes"]:
        """Integral of the relative concentration over the next `days` if no dose is given.

        What is absorbed and not in the blood any more has passed through it: the integral is
        (1 − exp(−k_a t) − k_a D(t)) / k, which no coincidence of rates can spoil.
        """
        total = np.zeros(days.shape)
        for number, (weight, rate) in enumerate(self.phases, start=1):
            total = total + levels[:, number, None] * -np.expm1(-rate * days) / rate
            if self.absorption_rate_per_day is not None:
                entered = -np.expm1(-self.absorption_rate_per_day * days)
                held = self.absorption_rate_per_day * _difference(
                    rate, self.absorption_rate_per_day, days
                )
                total = total + weight * levels[:, 0, None] * (entered - held) / rate
        return total

    def varied(self, *, clearance: float = 1.0, volume: float = 1.0) -> Kinetics:
        """Another patient: both clearances and both volumes times a factor each.

        Absorption stays. The relative concentration is that of the patient's own volume.
        """
        factor = clearance / volume
        own = self.central_volume_l
        return replace(
            self,
            elimination_rate_per_day=self.elimination_rate_per_day * factor,
            outward_rate_per_day=self.outward_rate_per_day * factor,
            return_rate_per_day=self.return_rate_per_day * factor,
            central_volume_l=None if own is None else own * volume,
        )


def one_compartment(half_life_days: float, **rest: object) -> Kinetics:
    """One compartment from its half-life; `rest` as in `Kinetics`."""
    return Kinetics(math.log(2.0) / half_life_days, **rest)  # type: ignore[arg-type]


def from_clearance(
    clearance_l_per_day: float,
    central_volume_l: float,
    exchange_l_per_day: float = 0.0,
    peripheral_volume_l: float = 1.0,
    **rest: object,
) -> Kinetics:
    """One or two compartments from CL, V_1, Q and V_2, all in L or all in L/m²."""
    return Kinetics(
        clearance_l_per_day / central_volume_l,
        exchange_l_per_day / central_volume_l,
        exchange_l_per_day / peripheral_volume_l,
        central_volume_l=central_volume_l,
        **rest,  # type: ignore[arg-type]
    )


def from_half_lives(
    distribution_half_life_days: float,
    terminal_half_life_days: float,
    clearance_l_per_day: float,
    steady_state_volume_l: float,
    **rest: object,
) -> Kinetics:
    """Two compartments from what a label states: both half-lives, CL and V_ss.

    The mean residence time V_ss / CL fixes how the area is shared between the two phases.

    Raises:
        TwinError: no two compartments have these four numbers.
    """
    fast = math.log(2.0) / distribution_half_life_days
    slow = math.log(2.0) / terminal_half_life_days
    residence = steady_state_volume_l / clearance_l_per_day
    if not 1.0 / fast < residence < 1.0 / slow:
        raise TwinError(
            "no two compartments have these half-lives, clearance and volume",
            where="from_half_lives",
            expected=f"a mean residence time of {1 / fast:.4g} to {1 / slow:.4g} days",
            got=f"{residence:.4g} days",
        )
    slow_area = (residence - 1.0 / fast) / (1.0 / slow - 1.0 / fast)
    elimination = (1.0 - slow_area) * fast + slow_area * slow
    back = fast * slow / elimination
    return Kinetics(
        elimination,
        fast + slow - elimination - back,
        back,
        central_volume_l=clearance_l_per_day / elimination,
        **rest,  # type: ignore[arg-type]
    )


def _difference(first: float, second: float, days: np.ndarray) -> np.ndarray:
    """(exp(−first t) − exp(−second t)) / (second − first), also where the rates coincide."""
    gap = abs(second - first) * days
    share = np.divide(-np.expm1(-gap), gap, out=np.ones_like(gap), where=gap > 0.0)
    return days * np.exp(-min(first, second) * days) * share


def check_positive(name: str, value: float) -> None:
    """Refuse what is not a finite number above 0."""
    if not (math.isfinite(value) and value > 0.0):
        raise TwinError("not positive", where=name, expected="above 0", got=f"{value:g}")

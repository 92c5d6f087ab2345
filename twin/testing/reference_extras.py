"""The NumPy reference with every extra of the protocol: kinetics, normal tissue, risk, posterior.

Closed forms, so short that they can be read as their definition. BED and EQD2: Fowler 1989 (doi
10.1259/0007-1285-62-740-679); gEUD: Niemierko 1999 (doi 10.1118/1.598063, abstract); NTCP: Lyman
1985 (doi 10.2307/3583506); CVaR: Rockafellar and Uryasev 2000 (doi 10.21314/JOR.2000.038). The
organ's constants are assumed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import ndtr

from twin.testing.case import Case
from twin.testing.reference import NumpySimulator

TD50_GY, SLOPE, VOLUME_EXPONENT = 60.0, 0.15, 0.25
CLONOGENS, ALPHA, ALPHA_BETA_RATIO = 1e7, 0.3, 10.0


class FullSimulator(NumpySimulator):
    """`NumpySimulator` and everything that the kit can ask about beside densities."""

    name = "NumPy reference, all extras"
    water_adc = 3.0

    def variants(self) -> dict[str, Callable[[Case], np.ndarray]]:
        """Arrays in the other memory order."""

        def run(case: Case) -> np.ndarray:
            return self(case.but(initial=np.asfortranarray(case.initial)))

        return {"Fortran order": run}

    def adc_to_cells(self, adc: np.ndarray) -> np.ndarray:
        """1 at 0.5e-3 mm²/s, 0 at free water."""
        return np.clip((self.water_adc - adc) / (self.water_adc - 0.5), 0.0, 1.0)

    def survival(self, dose_gy: float, alpha: float, alpha_beta_ratio: float) -> float:
        """Linear-quadratic."""
        _check(dose_gy, alpha_beta_ratio=alpha_beta_ratio)
        return float(np.exp(-alpha * dose_gy * (1.0 + dose_gy / alpha_beta_ratio)))

    def eqd2(self, dose_gy: float, fractions: int, alpha_beta_ratio: float) -> float:
        """n d (d + r) / (2 + r)."""
        _check(dose_gy, alpha_beta_ratio=alpha_beta_ratio)
        return fractions * dose_gy * (dose_gy + alpha_beta_ratio) / (2.0 + alpha_beta_ratio)

    def geud(self, doses_gy: np.ndarray, n: float) -> float:
        """(mean d^(1/n))^n, scaled by the largest dose so that no power overflows."""
        _check(doses_gy, n=n)
        top = doses_gy.max()
        if top == 0.0:
            return 0.0
        return float(top * np.mean((doses_gy / top) ** (1.0 / n)) ** n)

    def ntcp(self, doses_gy: np.ndarray) -> float:
        """Phi((gEUD - TD50) / (m TD50))."""
        dose = self.geud(doses_gy, VOLUME_EXPONENT)
        return float(ndtr((dose - TD50_GY) / (SLOPE * TD50_GY)))

    def tcp(self, doses_gy: np.ndarray) -> float:
        """exp(-N mean S) for doses in 2 Gy fractions."""
        _check(doses_gy)
        survival = np.exp(-ALPHA * doses_gy * (1.0 + 2.0 / ALPHA_BETA_RATIO))
        return float(np.exp(-CLONOGENS * survival.mean()))

    def concentration(
        self, doses: tuple[tuple[float, float], ...], rate: float, times: np.ndarray
    ) -> np.ndarray:
        """sum_i a_i exp(-k (t - t_i)) over the doses given by then."""
        age = times[:, None] - np.array([t for t, _ in doses])
        left = np.exp(-rate * np.maximum(age, 0.0))
        return np.where(age >= 0.0, left, 0.0) @ np.array([a for _, a in doses])

    def auc(self, dose: float, clearance: float) -> float:
        """Dose over clearance."""
        return dose / clearance

    def cvar(self, losses: np.ndarray, level: float) -> float:
        """Mean of the worst share `1 - level`, the last draw counted by its fraction."""
        tail = (1.0 - level) * len(losses)
        weights = np.clip(tail - np.arange(len(losses)), 0.0, 1.0) / tail
        return float(weights @ np.sort(losses)[::-1])

    def pareto(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Points that no other is at least as good as in both and better in one."""
        kept = []
        for a, b in zip(first, second, strict=True):
            no_worse = (first <= a) & (second <= b)
            kept.append(not (no_worse & ((first < a) | (second < b))).any())
        return np.array(kept)

    def best_plan(self, losses: np.ndarray, level: float) -> int:
        """The plan of least CVaR."""
        return int(np.argmin([self.cvar(row, level) for row in losses]))

    def posterior_sd(self, values: np.ndarray, noise_sd: float, prior_sd: float) -> float:
        """1 / sqrt(1/prior² + n/noise²)."""
        return float((prior_sd**-2 + len(values) * noise_sd**-2) ** -0.5)

    def draws(self, seed: int, count: int) -> np.ndarray:
        """Standard normal draws."""
        return np.random.default_rng(seed).normal(size=(count, 2))


full_reference = FullSimulator()


def _check(doses_gy: np.ndarray | float, **positive: float) -> None:
    doses = np.asarray(doses_gy)
    if not (doses.size and (doses >= 0.0).all()):
        raise ValueError(f"doses of at least one voxel, Gy, 0 or up, expected, not {doses}")
    for name, value in positive.items():
        if not value > 0.0:
            raise ValueError(f"{name} must be positive, not {value}")

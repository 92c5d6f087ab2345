"""Which engine suits a cohort and a budget, from the noise that each would have to add."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from generative.privacy.accountant import Charge, check_budget, least_noise

MOMENTS_NORM = 20.0
"""Norm of the vector that noisy moments take of a patient with three scans, in its units."""
USELESS = 0.5
"""Noise of a mean, in standard deviations between patients, that is as large as effects are."""


@dataclass(frozen=True)
class Recommendation:
    """An engine, or none, and why."""

    engine: str | None
    reason: str


def recommend(patients: int, epsilon: float | None, delta: float | None = None) -> Recommendation:
    """The engine to train with.

    Args:
        patients: of the private cohort.
        epsilon: budget, none where scans may be recognised.
        delta: at which it holds, 1 / (10 patients) unless given.

    Raises:
        TwinError: a budget that promises nothing.
    """
    if epsilon is None:
        return Recommendation("moments", "no privacy is asked for: moments without noise")
    delta = 0.1 / patients if delta is None else delta
    check_budget(epsilon, delta, patients)
    noise = least_noise(lambda noise: [Charge("", noise)], epsilon=epsilon, delta=delta)
    error = noise * MOMENTS_NORM / patients
    blur = f"noise of {error:.2f} and sampling of {1.0 / sqrt(patients):.2f} standard deviations"
    if error > USELESS:
        return Recommendation(
            None,
            f"{blur} in every moment: nothing of {patients} patients would be left at epsilon "
            f"{epsilon:g}; allow more, or join cohorts of several hospitals",
        )
    return Recommendation("moments", f"{blur} in every moment")

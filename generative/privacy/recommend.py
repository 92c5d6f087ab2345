"""Which engine suits a cohort and a budget, from the noise that each would have to add."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from generative.privacy.ledger import Ledger

MOMENTS_NORM = 20.0
"""Norm of the vector that noisy moments take of a patient with three scans, in its units."""
USELESS_ERROR = 0.5
"""Noise of a mean, in standard deviations between patients, from which nothing is learned."""


@dataclass(frozen=True)
class Recommendation:
    """An engine, or none, and why."""

    engine: str | None
    reason: str


def recommend(patients: int, epsilon: float | None, delta: float | None = None) -> Recommendation:
    """The engine to train with.

    Args:
        patients: of the private cohort.
        epsilon: budget, none where scans may be recognized.
        delta: at which it holds, 1 / (10 patients) unless given.

    Raises:
        TwinError: a budget that promises nothing.
    """
    if epsilon is None:
        return Recommendation("moments", "no privacy is asked for: moments without noise")
    noise = Ledger(patients, epsilon, delta).noise_of_one_sum("moments")
    error = noise * MOMENTS_NORM / patients
    blur = f"noise of {error:.2f} and sampling of {1.0 / sqrt(patients):.2f} standard deviations"
    if error > USELESS_ERROR:
        return Recommendation(
            None,
            f"{blur} in every moment: nothing of {patients} patients would be left at epsilon "
            f"{epsilon:g}; allow more, or join cohorts of several hospitals",
        )
    return Recommendation("moments", f"{blur} in every moment")

"""Which engine suits a cohort and a budget, from the noise that each would have to add."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from generative.privacy.ledger import Ledger

DISCRIMINATOR = 1000
"""Parameters of a discriminator under a budget, about."""
MOMENTS_NORM = 26.0
"""Norm of the vector that noisy moments take of a patient with three scans, in its units."""
DISCRIMINATOR_SHARE = 0.2
"""Of the budget, as inverse squared noise, that the discriminator gets."""
STEPS = 60
"""Gradients that it is trained by."""
USELESS_ERROR = 0.5
"""Noise of a mean, in standard deviations between patients, from which nothing is learned."""
DROWNED = 2.0
"""Noise of a gradient, in lengths of the longest that a patient may have, up to which 60 of them
were seen to help (1,000 patients, epsilon 1: docs/decisions/0009)."""


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
        return Recommendation("adversarial", "no privacy is asked for: patients as they are")
    noise = Ledger(patients, epsilon, delta).noise_of_one_sum("moments")
    error = noise * MOMENTS_NORM / patients
    blur = f"noise of {error:.2f} and sampling of {1.0 / sqrt(patients):.2f} standard deviations"
    if error > USELESS_ERROR:
        return Recommendation(
            None,
            f"{blur} in every moment: nothing of {patients} patients would be left at epsilon "
            f"{epsilon:g}; allow more, or join cohorts of several hospitals",
        )
    drowned = noise * sqrt(STEPS / DISCRIMINATOR_SHARE * DISCRIMINATOR) / patients
    reason = f"{blur} in every moment; in a gradient noise of {drowned:.2g} times the longest"
    return Recommendation("moments" if drowned > DROWNED else "adversarial", reason)

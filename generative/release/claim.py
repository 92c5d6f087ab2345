"""Whether a statement of privacy holds together: its epsilon follows from its charges."""

from __future__ import annotations

import math

from generative.privacy.accountant import Charge, check_budget, epsilon_of
from generative.privacy.ledger import PrivacyStatement
from twin.errors import TwinError

_AGREEMENT = 0.02
_LEAST_NOISE = 0.1
_MOST_LOSS = 300.0
"""Sum of the loss of all steps; more promises nothing and takes minutes to compute."""


def recomputed_epsilon(statement: PrivacyStatement) -> float | None:
    """Epsilon from the charges of a statement, none where none is claimed.

    Raises:
        TwinError: the claim does not agree with the charges within 2 %, something was taken
            without payment, delta promises nothing, or the noise is too little to promise
            anything.
    """
    epsilon, delta = statement.epsilon, statement.delta
    if epsilon is None:
        return None
    if delta is None:
        raise TwinError("epsilon has no delta", where="delta", expected="a number below 1 / N")
    if statement.unpaid:
        raise TwinError(
            "private patients were used without payment, yet privacy is claimed",
            where="unpaid",
            expected="nothing unpaid, or epsilon none",
            got="; ".join(statement.unpaid),
        )
    check_budget(epsilon or 1.0, delta, max(statement.patients, 1))
    _check_noise(statement)
    found = epsilon_of(statement.charges, delta)
    if not (math.isfinite(found) and abs(epsilon - found) <= _AGREEMENT * found + 1e-9):
        raise TwinError(
            "epsilon does not follow from the charges",
            where="epsilon",
            expected=f"{found:.4g} within 2 %",
            got=f"{epsilon:.4g}",
        )
    return found


def _check_noise(statement: PrivacyStatement) -> None:
    least = min((charge.noise_multiplier for charge in statement.charges), default=math.inf)
    loss = sum(charge.steps * _loss(charge) for charge in statement.charges)
    if not (least >= _LEAST_NOISE and loss <= _MOST_LOSS):
        raise TwinError(
            "there is too little noise to promise anything",
            where="charges",
            expected=f"noise multipliers of at least {_LEAST_NOISE:g}, and not too many steps",
            got=f"{least:g} at least, in {len(statement.charges)} charges",
            fix="Add noise, or claim no privacy (epsilon none).",
        )


def _loss(charge: Charge) -> float:
    """About the privacy loss of one step: chi-squared divergence, at most that of all patients."""
    whole = charge.noise_multiplier**-2
    sampled = charge.sampling_probability**2 * math.expm1(min(whole, 700.0))
    return min(whole, sampled)

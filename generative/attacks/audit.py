"""A lower bound on epsilon from one training: canaries of which each was in or out by a coin.

Steinke, Nasr and Jagielski 2023, https://arxiv.org/abs/2305.08846, as jax-privacy computes it. With
m canaries no attack, however good, can show more than

    ε ≤ logit(0.05^(1/m)),

since a guess right m times out of m has probability (e^ε / (1 + e^ε))^m. An audit that stays below
its ceiling says little; one that exceeds the claimed epsilon says that the claim is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import logit

from twin.errors import TwinError

SIGNIFICANCE = 0.05


@dataclass(frozen=True)
class Audit:
    """Outcome of an audit.

    Attributes:
        epsilon: lower bound at 95 % confidence; 0 where nothing was shown.
        delta: that it holds with.
        canaries: how many, in and out.
        ceiling: what no audit with so many canaries can exceed.
        reachable: bound that scores which tell all canaries apart would give with this method,
            whose guesses are one-sided and corrected for the choice of a threshold.
    """

    epsilon: float
    delta: float
    canaries: int
    ceiling: float
    reachable: float

    def refutes(self, epsilon: float) -> bool:
        """Whether the training took more than a claimed epsilon."""
        return self.epsilon > epsilon

    def __str__(self) -> str:
        return (
            f"epsilon is at least {self.epsilon:.2f} (95 %, delta {self.delta:g}); with"
            f" {self.canaries} canaries no audit can show more than {self.ceiling:.2f}, and this"
            f" method no more than {self.reachable:.2f}"
        )


def one_run_audit(
    inside: Float[np.ndarray, " i"], outside: Float[np.ndarray, " o"], *, delta: float
) -> Audit:
    """Audit a training from scores of its canaries.

    Args:
        inside: scores of canaries that were in the training; they should be higher.
        outside: scores of those that were not.
        delta: of the claim.

    Raises:
        TwinError: no canaries on one side, or a delta outside 0 to 1.
    """
    if len(inside) == 0 or len(outside) == 0 or not 0.0 < delta < 1.0:
        raise TwinError(
            "an audit needs canaries in and out of the training, and a delta",
            where="canaries",
            expected="scores on both sides and 0 < delta < 1",
            got=f"{len(inside)} in, {len(outside)} out, delta {delta:g}",
        )
    canaries = len(inside) + len(outside)
    perfect = len(outside) + np.arange(len(inside)), np.arange(len(outside))
    return Audit(
        _bound(inside, outside, delta),
        delta,
        canaries,
        ceiling(canaries),
        _bound(*perfect, delta),
    )


def ceiling(canaries: int) -> float:
    """Largest epsilon that an audit with so many canaries can show at 95 % confidence."""
    return float(logit(SIGNIFICANCE ** (1.0 / canaries)))


def _bound(inside: np.ndarray, outside: np.ndarray, delta: float) -> float:
    from jax_privacy.auditing import CanaryScoreAuditor

    return float(CanaryScoreAuditor(inside, outside).epsilon_one_run(SIGNIFICANCE, delta))

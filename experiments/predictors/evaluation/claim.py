"""When a result may be called a gain: never on one figure alone."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.predictors.evaluation.bootstrap import Figure
from experiments.predictors.evaluation.leakage import Leakage
from experiments.predictors.evaluation.permutation import BAND, PermutationControl

P_VALUE = 0.01
"""Largest p of the permutation control that lets a claim stand."""
NO_GAIN = "No gain over the baseline"


@dataclass(frozen=True)
class Claim:
    """Whether a gain is claimed, and the sentence that says so or why not."""

    claimed: bool
    sentence: str


def claim(
    *,
    model: Figure,
    difference: Figure,
    permutation: PermutationControl | None,
    leakage: Leakage,
    baseline: str,
) -> Claim:
    """A gain needs all of these, in this order.

    No leak; permutations with a mean in `BAND` and p at most `P_VALUE` (so at least 99 of them);
    a paired bootstrap whose lower bound is above 0.
    """
    if not leakage.clean:
        return Claim(False, f"No claim: leakage was found ({'; '.join(leakage.leaks)}).")
    if permutation is None:
        return Claim(False, "No claim: the permutation control was not run.")
    if not permutation.in_band:
        return Claim(
            False,
            f"No claim: shuffled labels score {permutation.mean:.3f} on average, outside"
            f" {BAND[0]} to {BAND[1]}.",
        )
    text = f"{difference.value:+.3f} ({difference.low:+.3f} to {difference.high:+.3f})"
    if difference.low <= 0:
        return Claim(False, f"{NO_GAIN} ({baseline}): difference {text}.")
    if permutation.p_value > P_VALUE:
        return Claim(
            False,
            f"{NO_GAIN} ({baseline}): shuffled labels score as high too often"
            f" (p = {permutation.p_value:.3f} of {permutation.count} permutations, needed"
            f" {P_VALUE}).",
        )
    return Claim(True, f"Gain over the baseline ({baseline}): {text}, concordance {model}.")

"""What a virtual trial found, in plain sentences: gains with intervals, and where there is none."""

from __future__ import annotations

from collections.abc import Sequence

from twin.scenarios.trial_result import Arm, Estimate, TrialResult
from twin.scenarios.trial_worlds import WORLDS

MATCHED = "matched"
FEW = 20
"""Patients below which bootstrap intervals are too narrow (assumed)."""


def in_words(results: Sequence[TrialResult]) -> list[str]:
    """Sentences on every world, and on what does not survive from the matched world to others."""
    return [sentence for result in results for sentence in _of_world(result)] + _survival(results)


def days(estimate: Estimate) -> str:
    """A number of days with its 95 % interval."""
    return f"{estimate.value:.1f} ({estimate.low:.1f} to {estimate.high:.1f})"


def gained(estimate: Estimate) -> str:
    """A difference with its sign and 95 % interval."""
    return f"{estimate.value:+.1f} ({estimate.low:+.1f} to {estimate.high:+.1f})"


def _of_world(result: TrialResult) -> list[str]:
    broken = WORLDS[result.world].description if result.world in WORLDS else "not listed"
    sentences = [
        f"World {result.world}: {result.patients} simulated patients; assumptions of the twin that"
        f" it breaks: {broken}."
    ]
    if result.patients < FEW:
        sentences.append(
            f"{result.patients} patients are few: do not rely on these intervals below {FEW}."
        )
    sentences += [_of_arm(arm) for arm in result.arms[1:]]
    if result.adaptive_gain_days is not None:
        gain = result.adaptive_gain_days
        sentences.append(
            "Adaptive against open loop, with the same information at the start: re-planning at"
            f" each scan changed the days without progression of the plan it began with by"
            f" {gained(gain)}: {gain.verdict}."
        )
    if result.scan_value_days is not None and result.perfect_value_days is not None:
        sentences.append(
            "Value of information, apart from any of that: before it was made, the twin expected"
            " the scan after the first period of a drug alone to be worth"
            f" {gained(result.scan_value_days)} days, and to know everything"
            f" {gained(result.perfect_value_days)} days."
        )
    return sentences


def _of_arm(arm: Arm) -> str:
    toxic = (
        "no more toxic than the standard of care in any patient"
        if arm.more_toxic == 0.0
        else f"more toxic than the standard of care in {arm.more_toxic:.0%} of patients"
    )
    return (
        f"{arm.name}: {arm.gain_days.verdict} over the standard of care in days without"
        f" progression, {gained(arm.gain_days)}; {arm.worst_gain_days.verdict} in the worst fifth"
        f" of patients, {gained(arm.worst_gain_days)}; the twin had promised"
        f" {gained(arm.promised_days)} for its first plan; {toxic}."
    )


def _survival(results: Sequence[TrialResult]) -> list[str]:
    """Gains of the matched world, and whether they are found in another."""
    matched = next((result for result in results if result.world == MATCHED), None)
    if matched is None:
        return []
    return [
        _compared(arm.name, what, own, other, there)
        for other in results
        if other is not matched
        for arm in matched.arms[1:]
        for what, own, there in (
            ("mean", arm.gain_days, other.arm(arm.name).gain_days),
            ("worst fifth", arm.worst_gain_days, other.arm(arm.name).worst_gain_days),
        )
        if own.verdict == "gain"
    ]


def _compared(name: str, what: str, own: Estimate, other: TrialResult, there: Estimate) -> str:
    end = f"is found in {other.world} too ({gained(there)})"
    if there.verdict != "gain":
        end = (
            f"vanishes in {other.world} ({gained(there)}): as far as {other.patients} patients"
            " tell, it does not survive this model error"
        )
    return f"{name}, {what}: the gain of the matched world ({gained(own)} days) {end}."

"""Criteria of a synthetic cohort, and what may be said of it: passed, failed or not shown.

A criterion is failed only where the interval of its figure lies beyond the limit; where the figure
lies beyond and its interval does not, the cohorts are too small to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from generative.attacks.copies import Copies
from generative.attacks.outcome import FALSE_ALARMS, Membership
from generative.metrics.distances import Frechet
from generative.metrics.figure import Figure
from generative.metrics.preservation import Effects
from generative.metrics.utility import Utility

Status = Literal["passed", "failed", "not shown", "not examined"]
Group = Literal["fidelity", "utility", "privacy"]
GROUPS: tuple[Group, ...] = ("fidelity", "utility", "privacy")
LEAST_VOLUME = 0.95
LEAST_EFFECTS = 0.9
MOST_ATTACK = 0.55
MOST_FOUND = 0.02
CHANCE_AUC = 0.5
STRONG_BUDGET = 8.0
"""Epsilon from which on a budget counts as loose."""


@dataclass(frozen=True)
class Limits:
    """Limits that noise for privacy loosens."""

    frechet: float = 1.5
    two_sample: float = 0.70
    utility: float = 0.03


@dataclass(frozen=True)
class Criterion:
    """One criterion and how a cohort meets it.

    Attributes:
        group: what it belongs to.
        name: what is measured.
        demand: the limit, in words.
        found: the figure, in words.
        status: whether it is met.
    """

    group: Group
    name: str
    demand: str
    found: str
    status: Status


def limits_for(epsilon: float | None) -> Limits:
    """Limits for a generator trained under a budget; None where it had none."""
    if epsilon is None:
        return Limits()
    return Limits(3.0, 0.85, 0.05 if epsilon >= STRONG_BUDGET else 0.10)


def verdict(criteria: Sequence[Criterion], group: Group) -> Status:
    """What the criteria of a group say together: the worst of them."""
    found = {c.status for c in criteria if c.group == group}
    for status in ("failed", "not shown", "passed"):
        if status in found:
            return status
    return "not examined"


def fidelity_criteria(
    limits: Limits, frechet: Frechet, two_sample: Figure, volume: Figure | None
) -> list[Criterion]:
    """Features as far apart as those of real cohorts, not told apart, volumes as requested."""
    return [
        Criterion(
            "fidelity",
            "Fréchet distance over that of two real halves",
            f"at most {limits.frechet:g}",
            str(frechet.ratio),
            _at_most(frechet.ratio, limits.frechet),
        ),
        Criterion(
            "fidelity",
            "AUC of telling synthetic from real patients",
            f"at most {limits.two_sample:.2f}",
            str(two_sample),
            _at_most(two_sample, limits.two_sample),
        ),
        Criterion(
            "fidelity",
            "R² of measured on requested volume",
            f"at least {LEAST_VOLUME}",
            "no volume was requested" if volume is None else str(volume),
            "not examined" if volume is None else _at_least(volume, LEAST_VOLUME),
        ),
    ]


def utility_criteria(
    limits: Limits, effects: Effects | None, utility: Utility | None, why_not: str
) -> list[Criterion]:
    """Effects on the response as in real patients, and as good a prediction of it."""
    ccc = None if effects is None else effects.corrected
    too_small = "effects do not rise above their noise" if effects is not None else why_not
    return [
        Criterion(
            "utility",
            "agreement of effects on the response (CCC without sampling noise)",
            f"at least {LEAST_EFFECTS}",
            too_small if ccc is None else str(ccc),
            _missing(effects) if ccc is None else _at_least(ccc, LEAST_EFFECTS),
        ),
        Criterion(
            "utility",
            "AUC on real patients, trained on synthetic minus trained on real ones",
            f"at least −{limits.utility:.2f}",
            why_not if utility is None else str(utility.difference),
            "not examined" if utility is None else _at_least(utility.difference, -limits.utility),
        ),
    ]


def privacy_criteria(membership: Membership | None, copies: Copies | None) -> list[Criterion]:
    """No attack on membership worth its name, few members given away, no copy."""
    if membership is None or copies is None:
        nothing = "no training patients were given"
        return [
            Criterion("privacy", name, demand, nothing, "not examined")
            for name, demand in (
                (_ATTACK, f"at most {MOST_ATTACK}"),
                (_FOUND, f"at most {MOST_FOUND:.0%}"),
                (_COPIES, "0"),
            )
        ]
    low, high = membership.auc_bounds
    tpr, tpr_low = membership.strongest_tpr()
    attacks = len(membership.attacks)
    return [
        Criterion(
            "privacy",
            _ATTACK,
            f"at most {MOST_ATTACK}",
            f"{high:.3f} (AUC {membership.strongest.auc.value:.3f}, {membership.strongest.name})",
            "passed" if high <= MOST_ATTACK else "failed" if low > CHANCE_AUC else "not shown",
        ),
        Criterion(
            "privacy",
            _FOUND,
            f"at most {MOST_FOUND:.0%}",
            f"{tpr.value:.1%} ({tpr.low:.1%} to {tpr.high:.1%}; largest of {attacks} attacks)",
            "passed"
            if tpr.value <= MOST_FOUND
            else "failed"
            if tpr_low > FALSE_ALARMS[0]
            else "not shown",
        ),
        Criterion(
            "privacy", _COPIES, "0", str(copies.count), "failed" if copies.count else "passed"
        ),
    ]


_ATTACK = "upper bound of the strongest attack's AUC, corrected for all attacks"
_FOUND = "members found at 1 % false alarms"
_COPIES = "copies of training patients"


def _missing(effects: Effects | None) -> Status:
    return "not examined" if effects is None else "not shown"


def _at_most(figure: Figure, limit: float) -> Status:
    if figure.value <= limit:
        return "passed"
    return "failed" if figure.low > limit else "not shown"


def _at_least(figure: Figure, limit: float) -> Status:
    if figure.value >= limit:
        return "passed"
    return "failed" if figure.high < limit else "not shown"

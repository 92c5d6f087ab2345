"""Strategies of a virtual trial by name."""

from __future__ import annotations

from collections.abc import Sequence

from twin.errors import TwinError
from twin.models.model import TumorModel
from twin.scenarios.choice import Replanning, RobustChoice
from twin.scenarios.strategies import (
    AdaptiveDrug,
    AlwaysPlan,
    Strategy,
    SwitchAtProgression,
)
from twin.scenarios.trial_protocol import TrialProtocol

STANDARD = "standard"
ROBUST, REPLANNING = "robust", "replanning"
DESCRIPTIONS = {
    STANDARD: "standard of care, whatever the scans show",
    "switch": "standard of care, second line from a progression confirmed at two scans on",
    ROBUST: "the plan whose worst draws are best, no more toxic than standard, followed to the end",
    REPLANNING: "the same plan at first; at each scan all scans are fitted and the rest is chosen"
    " anew",
    "adaptive": "standard of care, drug off once the tumor has halved, on again at its first size",
}
DEFAULT = (STANDARD, "switch", ROBUST, REPLANNING)


def make_strategies(
    names: Sequence[str], protocol: TrialProtocol, model: TumorModel, *, seed: int = 0
) -> tuple[Strategy, ...]:
    """Strategies by name, the standard of care first whether named or not.

    Args:
        names: of `DESCRIPTIONS`.
        protocol: of the trial.
        model: that the twin fits.
        seed: of the posterior draws that plans are chosen on.

    Raises:
        TwinError: an unknown name, naming those there are.
    """
    unknown = [name for name in names if name not in DESCRIPTIONS]
    if unknown:
        raise TwinError(
            "unknown strategy",
            where="strategies",
            expected=", ".join(DESCRIPTIONS),
            got=", ".join(unknown),
        )
    standard = AlwaysPlan(protocol.standard)
    robust = RobustChoice(
        protocol.candidates, seed=seed, next_scan_day=protocol.informative_scan_day
    )
    switch = SwitchAtProgression(protocol.second_line, protocol.end_day)
    parts = {
        STANDARD: (standard, None),
        "switch": (standard, switch),
        ROBUST: (robust, None),
        REPLANNING: (robust, Replanning(robust, model)),
        "adaptive": (standard, AdaptiveDrug(protocol.drug_course, protocol.end_day)),
    }
    wanted = dict.fromkeys((STANDARD, *names))
    return tuple(Strategy(name, DESCRIPTIONS[name], *parts[name]) for name in wanted)

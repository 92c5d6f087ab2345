"""Who finds first that a tumor does not respond: filter, network or RECIST, at one false-alarm
rate.

RECIST 1.1 calls progression where the diameter (of the ball of the outlined volume) exceeds its
nadir by 20 % and 5 mm (Eisenhauer et al. 2009, doi 10.1016/j.ejca.2008.10.026). It has one rate of
false alarms among tumors that respond. The others raise an alarm above a chance of no response,
chosen on other courses to have that rate there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from twin.observation.volume import ball_diameters_mm

RISE, LEAST_RISE_MM = 1.2, 5.0
_DRAWS = 2000


@dataclass(frozen=True)
class Detection:
    """How a rule did on courses that did not choose its threshold.

    Attributes:
        false_alarms: share of the responding tumors with an alarm at any scan.
        found: share of the others with an alarm at any scan.
        days: (non-responders,) day of the alarm, the end of the course where there was none.
        area: area under the receiver operating characteristic of the chance at each scan; empty
            for a rule without one.
    """

    false_alarms: float
    found: float
    days: np.ndarray
    area: np.ndarray


def recist_alarms(volumes_ml: Float[np.ndarray, "n t"]) -> Bool[np.ndarray, "n s"]:
    """Progression at each scan after the second: (N, T - 2) of (N, T) outlined volumes.

    The nadir is the smallest diameter so far, that before treatment included.
    """
    diameter = ball_diameters_mm(volumes_ml)[:, 1:]
    nadir = np.minimum.accumulate(diameter, axis=1)[:, :-1]
    later = diameter[:, 1:]
    return (later > RISE * nadir) & (later - nadir >= LEAST_RISE_MM)


def threshold_at(
    chance: Float[np.ndarray, "n t"], responded: Bool[np.ndarray, " n"], false_alarm_rate: float
) -> float:
    """Chance that tumors which respond exceed at any scan with a rate of at most this."""
    highest = np.sort(chance[responded].max(axis=1))
    allowed = int(np.floor(false_alarm_rate * highest.size))
    return float(highest[highest.size - 1 - allowed]) if allowed < highest.size else 0.0


def detection(
    alarms: Bool[np.ndarray, "n t"],
    responded: Bool[np.ndarray, " n"],
    scan_days: np.ndarray,
    end_day: float,
    chance: Float[np.ndarray, "n t"] | None = None,
) -> Detection:
    """What alarms at each scan amount to."""
    from sklearn.metrics import roc_auc_score

    first = np.where(alarms.any(axis=1), np.asarray(scan_days)[alarms.argmax(axis=1)], end_day)
    area = np.zeros(0)
    if chance is not None:
        area = np.array([roc_auc_score(~responded, column) for column in chance.T])
    return Detection(
        float(alarms[responded].any(axis=1).mean()),
        float(alarms[~responded].any(axis=1).mean()),
        first[~responded],
        area,
    )


def weeks_gained(
    rule_days: Float[np.ndarray, " n"], other_days: Float[np.ndarray, " n"], seed: int = 0
) -> tuple[float, float, float]:
    """Mean weeks by which a rule is earlier than another, and its 95 % interval."""
    gain = (other_days - rule_days) / 7.0
    random = np.random.default_rng([seed, 0xB007])
    means = gain[random.integers(0, gain.size, (_DRAWS, gain.size))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(gain.mean()), float(low), float(high)


def compare_rules(
    chances: Mapping[str, Float[np.ndarray, "n t"]],
    volumes_ml: Float[np.ndarray, "n v"],
    responded: Bool[np.ndarray, " n"],
    scan_days: np.ndarray,
    choosing: Bool[np.ndarray, " n"],
) -> dict[str, Detection]:
    """RECIST and every other rule, judged on the courses that did not choose the thresholds.

    Args:
        chances: rule -> chance of no response after each scan.
        volumes_ml: outlined volumes at all visits, the two before treatment first.
        responded: what is true.
        scan_days: of the scans under treatment and after.
        choosing: courses on which thresholds are chosen; the others judge.
    """
    judging = ~choosing
    recist = recist_alarms(volumes_ml)
    end = float(scan_days[-1]) + 14.0
    rate = float(recist[choosing & responded].any(axis=1).mean())
    found = {"RECIST": detection(recist[judging], responded[judging], scan_days, end)}
    for name, chance in chances.items():
        limit = threshold_at(chance[choosing], responded[choosing], rate)
        found[name] = detection(
            chance[judging] > limit, responded[judging], scan_days, end, chance[judging]
        )
    return found

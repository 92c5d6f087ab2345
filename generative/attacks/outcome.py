"""What an attack on membership achieves, with intervals that allow for several attacks.

The area under the ROC curve averages over all patients; the share of members that are found at few
false alarms (TPR at 1 % FPR) sees the few who are given away completely (Carlini et al. 2022,
https://arxiv.org/abs/2112.03570).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import stats

from generative.metrics.figure import Figure, auc, interval, normal_interval

FALSE_ALARMS = (0.01, 0.001)
_DRAWS = 1000


@dataclass(frozen=True)
class Attack:
    """One attack on membership.

    Attributes:
        name: what it looks at.
        auc: with its interval.
        error: standard error of the AUC.
        tpr: share of members found at each false-alarm rate of `FALSE_ALARMS`, with intervals.
        tpr_bounds: lower bounds of them at the corrected level.
    """

    name: str
    auc: Figure
    error: float
    tpr: tuple[Figure, Figure]
    tpr_bounds: tuple[float, float]


@dataclass(frozen=True)
class Membership:
    """All attacks on membership of one cohort.

    Attributes:
        attacks: strongest first.
        members, nonmembers: how many of each were attacked.
        auc_bounds: lower and upper bound of the strongest AUC, one-sided 95 % each, corrected for
            the number of attacks (Bonferroni).
    """

    attacks: tuple[Attack, ...]
    members: int
    nonmembers: int
    auc_bounds: tuple[float, float]

    @property
    def strongest(self) -> Attack:
        """The attack of largest AUC."""
        return self.attacks[0]

    def strongest_tpr(self, rate: int = 0) -> tuple[Figure, float]:
        """Largest share of members found at a false-alarm rate, and the corrected lower bound.

        Args:
            rate: place in `FALSE_ALARMS`.
        """
        best = max(self.attacks, key=lambda attack: attack.tpr[rate].value)
        return best.tpr[rate], max(attack.tpr_bounds[rate] for attack in self.attacks)


def judge(
    scores: dict[str, tuple[Float[np.ndarray, " m"], Float[np.ndarray, " q"]]], *, seed: int = 0
) -> Membership:
    """Sum up attacks.

    Args:
        scores: name -> scores of members and of non-members; members should score higher.
        seed: of the bootstrap over both.
    """
    random = np.random.default_rng(seed)
    level = 1.0 - 0.05 / len(scores)
    found = [_attack(name, *pair, level, random) for name, pair in scores.items()]
    found.sort(key=lambda attack: attack.auc.value, reverse=True)
    reach = float(stats.norm.ppf(level))
    members, nonmembers = next(iter(scores.values()))
    bounds = (
        max(attack.auc.value - reach * attack.error for attack in found),
        min(1.0, max(attack.auc.value + reach * attack.error for attack in found)),
    )
    return Membership(tuple(found), len(members), len(nonmembers), bounds)


def tpr_at(
    members: Float[np.ndarray, "... m"], nonmembers: Float[np.ndarray, "... q"], rate: float
) -> Float[np.ndarray, "..."]:
    """Share of members above the threshold that at most a share `rate` of non-members exceeds.

    Between two non-members the threshold is drawn, as in the area under the ROC curve.
    """
    ordered = -np.sort(-nonmembers, axis=-1)
    place = rate * ordered.shape[-1]
    below = int(np.floor(place))
    part = place - below

    def found(rank: int) -> np.ndarray:
        if rank >= ordered.shape[-1]:
            return np.ones(members.shape[:-1])
        return np.asarray((members > ordered[..., rank, None]).mean(axis=-1))

    return (1.0 - part) * found(below) + part * found(below + 1)


def _attack(name: str, members: np.ndarray, nonmembers: np.ndarray, level: float, random) -> Attack:
    value, error = auc(members, nonmembers)
    drawn_members = members[random.integers(0, len(members), (_DRAWS, len(members)))]
    drawn_others = nonmembers[random.integers(0, len(nonmembers), (_DRAWS, len(nonmembers)))]
    shares, bounds = [], []
    for rate in FALSE_ALARMS:
        drawn = tpr_at(drawn_members, drawn_others, rate)
        shares.append(interval(float(tpr_at(members, nonmembers, rate)), drawn))
        bounds.append(float(np.quantile(drawn, 1.0 - level)))
    figure = normal_interval(value, error)
    return Attack(name, figure, error, (shares[0], shares[1]), (bounds[0], bounds[1]))

"""Losses of plans on common draws: the sweep's, and fresh ones of the finalists."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin.errors import TwinError
from twin.scenarios.outcomes import Outcomes
from twin.scenarios.prior_share import prior_shares
from twin.scenarios.risk import pareto_front, probability_better

OBJECTIVES = ("residual_ml", "endpoint_ml", "outside_margin_ml", "progression_days")
FLOOR_ML = 1e-6
ORDERED_PROBABILITY = 0.9
FAILED_SHARE = 0.1
AT_LIMIT = 1.0 + 1e-9
"""Toxicity up to here is feasible; the slack is for rounding of a dose exactly at its limit."""


def losses(outcomes: Outcomes, objective: str = "residual_ml") -> np.ndarray:
    """Loss of every plan under every draw, lower is better; (P, S), NaN where the run failed.

    log10(burden + 1e-6 mL) of "residual_ml", "endpoint_ml" or "outside_margin_ml", or minus
    "progression_days".

    Raises:
        TwinError: unknown objective.
    """
    check_objective(objective)
    values = np.asarray(getattr(outcomes, objective), dtype=float)
    if objective == "progression_days":
        loss = -values
    else:
        loss = np.log10(np.maximum(values, 0.0) + FLOOR_ML)
    return np.where(np.asarray(outcomes.status) == 0, loss, np.nan)


def check_objective(objective: str) -> None:
    """Raise a TwinError unless the objective is one of `OBJECTIVES`."""
    if objective not in OBJECTIVES:
        raise TwinError(
            "unknown objective",
            where="objective",
            expected=", ".join(OBJECTIVES),
            got=repr(objective),
        )


@dataclass(frozen=True)
class Judged:
    """Losses of every plan in the sweep, and of the finalists on fresh draws.

    Two plans are only ever compared on common draws: on the fresh ones where both have them.

    Attributes:
        sweep: (P, S) on the draws that ended well for every usable plan.
        draw_ok: (all draws,) which those are.
        usable: (P,) plans that failed in at most 10 % of draws.
        fresh: index of a finalist -> its losses on the fresh draws.
        fresh_ok: (all fresh draws,) which of them ended well.
    """

    sweep: np.ndarray
    draw_ok: np.ndarray
    usable: np.ndarray
    fresh: dict[int, np.ndarray]
    fresh_ok: np.ndarray

    def of(self, i: int) -> np.ndarray:
        """Losses that plan `i` is judged by."""
        return self.fresh[i] if i in self.fresh else self.sweep[i]

    def better(self, i: int, j: int) -> float:
        """Probability that plan `i` is better than plan `j`."""
        if i in self.fresh and j in self.fresh:
            return probability_better(self.fresh[i], self.fresh[j])
        return probability_better(self.sweep[i], self.sweep[j])

    def expected(self) -> np.ndarray:
        """Mean loss of every plan; (P,)."""
        return np.array([self.of(i).mean() for i in range(len(self.sweep))])

    def comparable(self) -> np.ndarray:
        """Mean losses on one footing; (P,).

        Plans without fresh draws are moved by the difference that fresh draws make to finalists
        of similar loss (linear between them, constant beyond), which takes the luck of the
        sweep's draws out of the comparison.
        """
        expected = self.expected()
        if not self.fresh:
            return expected
        judged = np.array(sorted(self.fresh, key=lambda i: self.sweep[i].mean()))
        before = self.sweep[judged].mean(axis=1)
        rest = np.array([i not in self.fresh for i in range(len(expected))])
        expected[rest] += np.interp(expected[rest], before, expected[judged] - before)
        return expected


def judge(outcomes: Outcomes, fresh: Outcomes | None, objective: str) -> Judged:
    """Losses on the draws that ended well.

    Raises:
        TwinError: unknown objective, no draw that ended well, or fresh plans that are not in the
            sweep.
    """
    sweep, draw_ok, usable = _ended_well(losses(outcomes, objective))
    if fresh is None:
        return Judged(sweep, draw_ok, usable, {}, np.zeros(0, dtype=bool))
    index = {name: i for i, name in enumerate(outcomes.names)}
    for name in fresh.names:
        if name not in index:
            raise TwinError(
                "a plan with fresh draws is not in the sweep", where="fresh", got=repr(name)
            )
    again, fresh_ok, kept = _ended_well(losses(fresh, objective))
    places = [index[name] for name in fresh.names]
    rows = {i: row for i, row, ok in zip(places, again, kept, strict=True) if ok and usable[i]}
    return Judged(sweep, draw_ok, usable, rows, fresh_ok)


def best_order(judged: Judged, toxicity: np.ndarray) -> list[int]:
    """Usable plans, best first: those within their limits, then the rest."""
    order = np.lexsort((judged.comparable(), toxicity > AT_LIMIT))
    return [int(i) for i in order if judged.usable[i]]


def undetermined_groups(judged: Judged, order: list[int], toxicity: np.ndarray) -> list[int]:
    """Group number of each place in `order`, from 1.

    A plan joins the group of the leader above unless the leader is better than it in at least
    90 % of common draws; plans above a limit never join plans within.
    """
    groups: list[int] = []
    leader = None
    for i in order:
        if (
            leader is None
            or (toxicity[leader] > AT_LIMIT) != (toxicity[i] > AT_LIMIT)
            or judged.better(leader, i) >= ORDERED_PROBABILITY
        ):
            leader = i
            groups.append(groups[-1] + 1 if groups else 1)
        else:
            groups.append(groups[-1])
    return groups


def finalist_indices(
    outcomes: Outcomes, judged: Judged, toxicity: np.ndarray, count: int
) -> tuple[int, ...]:
    """The best feasible plans, the Pareto set (thinned evenly) and the standard of care."""
    expected = judged.sweep.mean(axis=1)
    allowed = np.flatnonzero(judged.usable & (toxicity <= AT_LIMIT))
    best = allowed[np.argsort(expected[allowed], kind="stable")][:count]
    plans = np.flatnonzero(judged.usable)
    front = plans[pareto_front(expected[plans], toxicity[plans])]
    front = front[np.argsort(toxicity[front], kind="stable")]
    if len(front) > count:
        front = front[np.unique(np.linspace(0, len(front) - 1, max(count, 1)).astype(int))]
    standard = [i for i in plans if outcomes.plans[i].standard_of_care]
    return tuple(dict.fromkeys(int(i) for i in (*best, *front, *standard)))


def shares(
    outcomes: Outcomes,
    fresh: Outcomes | None,
    judged: Judged,
    determined: set[str] | frozenset[str],
) -> dict[int, tuple[float, float]]:
    """Plan -> (prior share of its rank, part of the rank's changes that the fit explains).

    The rank of a finalist with fresh draws is the one among the finalists.
    """
    usable = np.flatnonzero(judged.usable)
    drawn = {name: values[judged.draw_ok] for name, values in outcomes.parameters.items()}
    found = zip(usable, *prior_shares(judged.sweep[usable], drawn, determined), strict=True)
    result = {int(i): (float(share), float(seen)) for i, share, seen in found}
    if fresh is not None and len(judged.fresh) > 1:
        drawn = {name: values[judged.fresh_ok] for name, values in fresh.parameters.items()}
        again = prior_shares(np.stack(list(judged.fresh.values())), drawn, determined)
        for i, share, seen in zip(judged.fresh, *again, strict=True):
            result[i] = (float(share), float(seen))
    return result


def left_out(outcomes: Outcomes, judged: Judged) -> str:
    """Which plans and how many draws failed, in plain words; empty when none did."""
    parts = []
    names = [p.name for p, ok in zip(outcomes.plans, judged.usable, strict=True) if not ok]
    if names:
        listed = "; ".join(names[:5]) + ("; and more" if len(names) > 5 else "")
        parts.append(
            f"{len(names)} plans failed in more than 10 % of draws and are left out ({listed})."
        )
    failed = int((~judged.draw_ok).sum())
    if failed:
        parts.append(f"{failed} of {len(judged.draw_ok)} draws failed and are left out.")
    return " ".join(parts)


def _ended_well(loss: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Losses on the draws that ended well for every usable plan, those draws, those plans."""
    failed = ~np.isfinite(loss)
    usable = failed.mean(axis=1) <= FAILED_SHARE
    draw_ok = ~failed[usable].any(axis=0)
    if not usable.any() or not draw_ok.any():
        raise TwinError(
            "no draw ended well for the plans",
            where="outcomes",
            expected="status 0",
            fix="Check the calibration: its draws may lie outside what the solver can run.",
        )
    return loss[:, draw_ok], draw_ok, usable

"""Ranks plans by what they are expected to leave behind, and says what the data cannot decide.

    loss = log10(burden left at the horizon / mL + 1e-6)          (lower is better)

Plans are compared on common draws. The best are re-judged on fresh draws, because the best of
many estimates looks better than it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from twin.errors import TwinError
from twin.scenarios.outcomes import Outcomes, restricted_mean_days
from twin.scenarios.plan_set import Plan
from twin.scenarios.prior_share import prior_shares
from twin.scenarios.risk import cvar, pareto_front, probability_better
from twin.scenarios.toxicity import drug_exposure, organ_toxicity, worst_ratio
from twin.treatments.schedule import Schedule

if TYPE_CHECKING:
    from twin.patient import Organ

OBJECTIVES = ("residual_ml", "endpoint_ml", "outside_margin_ml", "progression_days")
FLOOR_ML = 1e-6
ORDERED_PROBABILITY = 0.9
FAILED_SHARE = 0.1


@dataclass(frozen=True)
class RankedPlan:
    """One plan in its place.

    Attributes:
        plan: the plan; index: its place in the outcomes.
        expected, interval, cvar: of the loss (log10 mL, or minus days): mean, 5-95 % and mean of
            the worst draws.
        organ_eqd2_gy: EQD2 of every organ, given and planned together, Gy.
        drug_mg_m2: cumulative dose of every drug, given and planned together, mg/m².
        toxicity: worst ratio to a limit over organs and drugs; 1 is at the limit.
        feasible: toxicity <= 1.
        on_pareto: no other plan is better in both expected loss and toxicity.
        prior_share: share of its rank that rests on parameters the data did not determine.
        explained: part of the changes of its rank that the fit behind `prior_share` sees.
        group: plans of one group cannot be ordered by the data.
        undetermined: its group has more than one plan.
        probability_best_of_next: probability that it is better than the next plan; 1 for the last.
        probability_beats_standard: probability that it is better than the standard of care, or
            0.5 where there is none or it is the standard itself.
        progression_free_mean_days: restricted mean within the horizon.
        finalist: re-judged, where there were fresh draws.
        fresh_draws: number of fresh draws behind its numbers; 0 when they come from the sweep.
    """

    plan: Plan
    index: int
    expected: float
    interval: tuple[float, float]
    cvar: float
    organ_eqd2_gy: dict[str, float]
    drug_mg_m2: dict[str, float]
    toxicity: float
    feasible: bool
    on_pareto: bool
    prior_share: float
    group: int
    probability_best_of_next: float
    progression_free_mean_days: float
    finalist: bool
    fresh_draws: int
    explained: float = 1.0
    undetermined: bool = False
    probability_beats_standard: float = 0.5


@dataclass(frozen=True)
class Ranking:
    """Plans, best first: feasible ones by expected loss, then those above a limit.

    Attributes:
        rows: (P,) ranked plans.
        objective: one of `OBJECTIVES`.
        level: of the CVaR; 0.9 is the mean of the worst 10 %.
        note: what was left out, in plain words; empty when nothing was.
        draws: common draws behind the numbers of the sweep.
        undetermined_parameters: sampled parameters that the data did not determine.
    """

    rows: tuple[RankedPlan, ...]
    objective: str
    level: float
    note: str
    draws: int = 0
    undetermined_parameters: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def best(self) -> RankedPlan:
        """The first plan."""
        return self.rows[0]

    @property
    def standard_of_care(self) -> RankedPlan:
        """The best placed plan that is marked as standard of care.

        Raises:
            TwinError: there is none.
        """
        for row in self.rows:
            if row.plan.standard_of_care:
                return row
        raise TwinError("no plan is marked as standard of care", where="ranking")

    @property
    def finalists(self) -> tuple[RankedPlan, ...]:
        """Plans judged on fresh draws (or that would be), best first."""
        return tuple(row for row in self.rows if row.finalist)

    def in_words(self) -> list[str]:
        """What the ranking says and what the data cannot decide, in plain sentences."""
        from twin.scenarios.ranking_text import in_words

        return in_words(self)

    def to_json(self) -> str:
        """The ranking as JSON; plans by index and name."""
        from twin.scenarios.ranking_text import to_json

        return to_json(self)

    @staticmethod
    def from_json(text: str, plans: Sequence[Plan]) -> Ranking:
        """The ranking that `to_json` wrote, for the plans of the same sweep in the same order.

        Raises:
            TwinError: not a ranking, another major schema, or plans that do not match.
        """
        from twin.scenarios.ranking_text import from_json

        return from_json(text, plans)


def losses(outcomes: Outcomes, objective: str = "residual_ml") -> np.ndarray:
    """Loss of every plan under every draw, lower is better; (P, S), NaN where the run failed.

    log10(burden + 1e-6 mL) of "residual_ml", "endpoint_ml" or "outside_margin_ml", or minus
    "progression_days".

    Raises:
        TwinError: unknown objective.
    """
    if objective not in OBJECTIVES:
        raise TwinError(
            "unknown objective", where="objective", expected=", ".join(OBJECTIVES), got=repr(objective)
        )
    values = np.asarray(getattr(outcomes, objective), dtype=float)
    if objective == "progression_days":
        loss = -values
    else:
        loss = np.log10(np.maximum(values, 0.0) + FLOOR_ML)
    return np.where(np.asarray(outcomes.status) == 0, loss, np.nan)


def choose_finalists(
    outcomes: Outcomes,
    organs: Sequence[Organ],
    given: Schedule,
    *,
    body_surface_m2: float,
    objective: str = "residual_ml",
    count: int = 10,
) -> tuple[int, ...]:
    """Indices of the plans worth fresh draws: the best feasible, the Pareto set, standard of care.

    Args:
        outcomes, organs, given, body_surface_m2, objective: as in `rank`.
        count: how many of the best feasible plans; the Pareto set is thinned evenly to as many.
    """
    loss, _, usable = _usable(losses(outcomes, objective))
    toxicity = np.array(
        [_burden_of(p, organs, given, body_surface_m2)[2] for p in outcomes.plans], dtype=float
    )
    return _finalists(outcomes, usable, loss.mean(axis=1), toxicity, count)


def rank(
    outcomes: Outcomes,
    organs: Sequence[Organ],
    given: Schedule,
    *,
    body_surface_m2: float,
    determined: set[str] | frozenset[str] = frozenset(),
    objective: str = "residual_ml",
    level: float = 0.9,
    fresh: Outcomes | None = None,
    finalist_count: int = 10,
) -> Ranking:
    """Plans, best first, with their risk, their cost and what their place rests on.

    Feasible plans come first, by expected loss. With `fresh` outcomes the finalists among the
    feasible lead, on their fresh numbers; where finalists and others meet (below them, and among
    infeasible plans), the others are moved by the mean difference that the fresh draws make.
    Groups: walking down, a plan joins the group of the leader above unless the leader is better
    than it in at least 90 % of common draws. Finalists are compared on fresh draws, and their
    `prior_share` is that of their rank among the finalists.

    Args:
        outcomes: of the sweep.
        organs: the patient's organs with alpha/beta, sparing and limits.
        given: treatments already given; their toxicity counts.
        body_surface_m2: turns mg into mg/m².
        determined: names of the parameters that the data determined.
        objective: one of `OBJECTIVES`.
        level: of the CVaR.
        fresh: outcomes of some of the plans (matched by name) on draws not used before. Which ones
            to run is what `choose_finalists` says.
        finalist_count: how many of the best are finalists, when `fresh` is not given.

    Raises:
        TwinError: unknown objective, fresh plans that are not in the sweep, or no draw that ended
            well.
    """
    sweep, draw_ok, usable = _usable(losses(outcomes, objective))
    costs = [_burden_of(p, organs, given, body_surface_m2) for p in outcomes.plans]
    toxicity = np.array([c[2] for c in costs], dtype=float)
    share, explained = prior_shares(
        sweep[usable], {k: v[draw_ok] for k, v in outcomes.parameters.items()}, determined
    )
    place = {index: number for number, index in enumerate(np.flatnonzero(usable))}
    judged = _Judged(sweep, _fresh_losses(outcomes, fresh, objective, usable))
    expected = judged.expected()
    if fresh is None:
        finalists = set(_finalists(outcomes, usable, sweep.mean(axis=1), toxicity, finalist_count))
    else:
        finalists = set(judged.fresh)
    fresh_share = _fresh_shares(judged, fresh, determined)
    pareto = np.zeros(len(usable), dtype=bool)
    pareto[usable] = pareto_front(expected[usable], toxicity[usable])
    order = _order(judged, toxicity, usable, expected)
    groups = _groups(judged, order, toxicity)
    standard = next((i for i in order if outcomes.plans[i].standard_of_care), None)
    horizon = float(np.max(outcomes.progression_days))
    free = restricted_mean_days(outcomes.progression_days, horizon)
    rows = []
    for position, i in enumerate(order):
        own = judged.of(i)
        after = order[position + 1] if position + 1 < len(order) else None
        low, high = np.quantile(own, (0.05, 0.95))
        part, seen = fresh_share.get(i, (share[place[i]], explained[place[i]]))
        rows.append(
            RankedPlan(
                plan=outcomes.plans[i],
                index=int(i),
                expected=float(expected[i]),
                interval=(float(low), float(high)),
                cvar=float(cvar(own, level)),
                organ_eqd2_gy=costs[i][0],
                drug_mg_m2=costs[i][1],
                toxicity=float(toxicity[i]),
                feasible=bool(toxicity[i] <= 1.0 + 1e-9),
                on_pareto=bool(pareto[i]),
                prior_share=float(part),
                group=groups[position],
                probability_best_of_next=1.0 if after is None else judged.better(i, after),
                progression_free_mean_days=float(free[i]),
                finalist=i in finalists,
                fresh_draws=len(own) if i in judged.fresh else 0,
                explained=float(seen),
                undetermined=groups.count(groups[position]) > 1,
                probability_beats_standard=0.5
                if standard in (None, i)
                else judged.better(i, standard),
            )
        )
    rows = [replace(r, progression_free_mean_days=d) for r, d in _fresh_days(rows, fresh, horizon)]
    names = tuple(sorted(n for n, v in outcomes.parameters.items() if np.ptp(v) > 0))
    return Ranking(
        rows=tuple(rows),
        objective=objective,
        level=level,
        note=_note(outcomes, usable, draw_ok),
        draws=int(draw_ok.sum()),
        undetermined_parameters=tuple(n for n in names if n not in determined),
    )


class _Judged:
    """Losses of the sweep, and fresh ones of the finalists, compared only on common draws."""

    def __init__(self, sweep: np.ndarray, fresh: dict[int, np.ndarray]) -> None:
        self.sweep, self.fresh = sweep, fresh

    def of(self, i: int) -> np.ndarray:
        return self.fresh[i] if i in self.fresh else self.sweep[i]

    def better(self, i: int, j: int) -> float:
        if i in self.fresh and j in self.fresh:
            return probability_better(self.fresh[i], self.fresh[j])
        return probability_better(self.sweep[i], self.sweep[j])

    def expected(self) -> np.ndarray:
        return np.array([self.of(i).mean() for i in range(len(self.sweep))])

    def shift(self) -> float:
        """Mean difference that fresh draws make to the finalists' expected losses."""
        differences = [self.fresh[i].mean() - self.sweep[i].mean() for i in self.fresh]
        return float(np.mean(differences)) if differences else 0.0


def _usable(loss: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
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


def _burden_of(
    plan: Plan, organs: Sequence[Organ], given: Schedule, body_surface_m2: float
) -> tuple[dict[str, float], dict[str, float], float]:
    together = given + plan.schedule
    eqd2 = organ_toxicity(together, organs)
    exposure = drug_exposure(together, body_surface_m2)
    return eqd2, exposure, float(worst_ratio(eqd2, exposure, organs))


def _finalists(
    outcomes: Outcomes, usable: np.ndarray, expected: np.ndarray, toxicity: np.ndarray, count: int
) -> tuple[int, ...]:
    allowed = np.flatnonzero(usable & (toxicity <= 1.0 + 1e-9))
    best = allowed[np.argsort(expected[allowed], kind="stable")][:count]
    plans = np.flatnonzero(usable)
    front = plans[pareto_front(expected[plans], toxicity[plans])]
    front = front[np.argsort(toxicity[front], kind="stable")]
    if len(front) > count:
        front = front[np.unique(np.linspace(0, len(front) - 1, max(count, 1)).astype(int))]
    standard = [i for i in plans if outcomes.plans[i].standard_of_care]
    return tuple(dict.fromkeys(int(i) for i in (*best, *front, *standard)))


def _fresh_losses(
    outcomes: Outcomes, fresh: Outcomes | None, objective: str, usable: np.ndarray
) -> dict[int, np.ndarray]:
    """Index in the sweep -> losses on the fresh draws that ended well for all finalists."""
    if fresh is None:
        return {}
    index = {name: i for i, name in enumerate(outcomes.names)}
    unknown = [name for name in fresh.names if name not in index]
    if unknown:
        raise TwinError(
            "a plan with fresh draws is not in the sweep", where="fresh", got=repr(unknown[0])
        )
    loss, _, kept = _usable(losses(fresh, objective))
    pairs = [(index[name], row) for name, row, ok in zip(fresh.names, loss, kept, strict=True) if ok]
    return {i: row for i, row in pairs if usable[i]}


def _fresh_shares(
    judged: _Judged, fresh: Outcomes | None, determined: set[str] | frozenset[str]
) -> dict[int, tuple[float, float]]:
    if fresh is None or len(judged.fresh) < 2:
        return {}
    kept = np.stack(list(judged.fresh.values()))
    ok = _usable(losses(fresh))[1]
    share, explained = prior_shares(
        kept, {k: v[ok] for k, v in fresh.parameters.items()}, determined
    )
    return {i: (float(s), float(e)) for i, s, e in zip(judged.fresh, share, explained, strict=True)}


def _fresh_days(rows: list[RankedPlan], fresh: Outcomes | None, horizon: float):
    """Rows with the progression-free mean of their own draws."""
    days = {}
    if fresh is not None:
        days = dict(
            zip(fresh.names, restricted_mean_days(fresh.progression_days, horizon), strict=True)
        )
    return [
        (r, float(days[r.plan.name]) if r.fresh_draws else r.progression_free_mean_days)
        for r in rows
    ]


def _order(
    judged: _Judged, toxicity: np.ndarray, usable: np.ndarray, expected: np.ndarray
) -> list[int]:
    """Usable plans, best first: feasible finalists, other feasible plans, the rest."""
    shift = judged.shift()
    key = np.array([e if i in judged.fresh else e + shift for i, e in enumerate(expected)])
    allowed = toxicity <= 1.0 + 1e-9
    return [int(i) for i in np.lexsort((key, ~allowed)) if usable[i]]


def _groups(judged: _Judged, order: list[int], toxicity: np.ndarray) -> list[int]:
    """Group number of each place, from 1; plans above a limit never share one with others."""
    groups, leader = [], None
    for i in order:
        same_side = leader is not None and (toxicity[leader] <= 1.0 + 1e-9) == (
            toxicity[i] <= 1.0 + 1e-9
        )
        if leader is None or not same_side or judged.better(leader, i) >= ORDERED_PROBABILITY:
            leader = i
            groups.append(groups[-1] + 1 if groups else 1)
        else:
            groups.append(groups[-1])
    return groups


def _note(outcomes: Outcomes, usable: np.ndarray, draw_ok: np.ndarray) -> str:
    parts = []
    if not usable.all():
        names = [p.name for p, ok in zip(outcomes.plans, usable, strict=True) if not ok]
        listed = "; ".join(names[:5]) + (" and more" if len(names) > 5 else "")
        parts.append(f"{len(names)} plans failed in more than 10 % of draws and are left out: {listed}.")
    if not draw_ok.all():
        parts.append(f"{int((~draw_ok).sum())} of {len(draw_ok)} draws failed and are left out.")
    return " ".join(parts)

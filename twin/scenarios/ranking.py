"""Ranks plans by what they are expected to leave behind, and says what the data cannot decide.

    loss = log10(burden left at the horizon / mL + 1e-6)          (lower is better)

Plans are compared on common draws. The best are re-judged on fresh draws, because the best of
many estimates looks better than it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from twin.errors import TwinError
from twin.patient import Organ
from twin.scenarios.constraints import Cost, Limits, cost_of
from twin.scenarios.judging import (
    AT_LIMIT,
    OBJECTIVES,
    best_order,
    finalist_indices,
    judge,
    left_out,
    losses,
    shares,
    undetermined_groups,
)
from twin.scenarios.outcomes import Outcomes, restricted_mean_days
from twin.scenarios.plan_set import Plan
from twin.scenarios.risk import cvar, pareto_front
from twin.treatments.schedule import Schedule

__all__ = ["OBJECTIVES", "RankedPlan", "Ranking", "choose_finalists", "losses", "rank"]


@dataclass(frozen=True)
class RankedPlan:
    """One plan in its place.

    Attributes:
        plan: the plan; index: its place in the outcomes.
        expected, interval, cvar: of the loss (log10 mL, or minus days): mean, 5-95 % and mean of
            the worst draws. Where finalists were judged on fresh draws, those of the other plans
            are moved by what that changed in finalists of similar loss.
        organ_eqd2_gy: EQD2 of every organ, given and planned together, Gy.
        drug_mg_m2: cumulative dose of every drug, given and planned together, mg/m².
        organ_ntcp: complication probability of organs under whose name one is listed.
        neutrophil_nadir_1e9_per_l: lowest count; None unless limited, or without effect on it.
        clinic_days: days of the plan on which the patient has to come.
        toxicity: worst ratio to a limit over all of these; 1 is at the limit.
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
    organ_ntcp: dict[str, float] = field(default_factory=dict)
    neutrophil_nadir_1e9_per_l: float | None = None
    clinic_days: int = 0


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


def choose_finalists(
    outcomes: Outcomes,
    organs: Sequence[Organ],
    given: Schedule,
    *,
    body_surface_m2: float,
    objective: str = "residual_ml",
    count: int = 10,
    limits: Limits | None = None,
) -> tuple[int, ...]:
    """Indices of the plans worth fresh draws: the best feasible, the Pareto set, standard of care.

    Args:
        outcomes, organs, given, body_surface_m2, objective, limits: as in `rank`.
        count: how many of the best feasible plans; the Pareto set is thinned evenly to as many.

    Raises:
        TwinError: unknown objective, or no draw that ended well.
    """
    _, toxicity = _costs(outcomes.plans, organs, given, body_surface_m2, limits)
    return finalist_indices(outcomes, judge(outcomes, None, objective), toxicity, count)


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
    limits: Limits | None = None,
) -> Ranking:
    """Plans, best first, with their risk, their cost and what their place rests on.

    Feasible plans come first, by expected loss. The finalists' numbers are those of the fresh
    draws, where given; to place the others among them, see `Judged.comparable`.

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
        finalist_count: how many of the best are marked finalists when `fresh` is not given.
        limits: of complications, neutrophils and days in the clinic; by default only organs and
            drugs have limits.

    Raises:
        TwinError: unknown objective, fresh plans that are not in the sweep, or no draw that ended
            well.
    """
    judged = judge(outcomes, fresh, objective)
    costs, toxicity = _costs(outcomes.plans, organs, given, body_surface_m2, limits)
    share = shares(outcomes, fresh, judged, determined)
    comparable, usable = judged.comparable(), np.flatnonzero(judged.usable)
    pareto = set(usable[pareto_front(comparable[usable], toxicity[usable])].tolist())
    finalists = set(
        judged.fresh
        if fresh is not None
        else finalist_indices(outcomes, judged, toxicity, finalist_count)
    )
    order = best_order(judged, toxicity)
    groups = undetermined_groups(judged, order, toxicity)
    members = Counter(groups)
    standard = next((i for i in order if outcomes.plans[i].standard_of_care), None)
    free_days = _progression_free_days(outcomes, fresh)
    rows = []
    for place, (i, group) in enumerate(zip(order, groups, strict=True)):
        own = judged.of(i)
        # On one footing with the finalists, so that table and figure show the order they are in.
        moved = own + (comparable[i] - own.mean())
        low, high = np.quantile(moved, (0.05, 0.95))
        following = order[place + 1 : place + 2]
        beats = 0.5 if standard in (None, i) else judged.better(i, standard)
        rows.append(
            RankedPlan(
                plan=outcomes.plans[i],
                index=i,
                expected=float(moved.mean()),
                interval=(float(low), float(high)),
                cvar=float(cvar(moved, level)),
                organ_eqd2_gy=costs[i].organ_eqd2_gy,
                drug_mg_m2=costs[i].drug_mg_m2,
                toxicity=float(toxicity[i]),
                feasible=bool(toxicity[i] <= AT_LIMIT),
                on_pareto=i in pareto,
                prior_share=share[i][0],
                group=group,
                probability_best_of_next=judged.better(i, following[0]) if following else 1.0,
                progression_free_mean_days=free_days[i],
                finalist=i in finalists,
                fresh_draws=len(own) if i in judged.fresh else 0,
                explained=share[i][1],
                undetermined=members[group] > 1,
                probability_beats_standard=beats,
                organ_ntcp=costs[i].organ_ntcp,
                neutrophil_nadir_1e9_per_l=costs[i].neutrophil_nadir_1e9_per_l,
                clinic_days=costs[i].clinic_days,
            )
        )
    drawn = sorted(name for name, v in outcomes.parameters.items() if np.ptp(v) > 0)
    return Ranking(
        rows=tuple(rows),
        objective=objective,
        level=level,
        note=left_out(outcomes, judged),
        draws=int(judged.draw_ok.sum()),
        undetermined_parameters=tuple(name for name in drawn if name not in determined),
    )


def _costs(
    plans: Sequence[Plan],
    organs: Sequence[Organ],
    given: Schedule,
    body_surface_m2: float,
    limits: Limits | None,
) -> tuple[list[Cost], np.ndarray]:
    """What every plan costs, and its worst ratio to a limit; neutrophils only where limited."""
    limits = limits or Limits()
    counted = limits.neutrophil_nadir_1e9_per_l is not None
    costs = [
        cost_of(plan.schedule, organs, body_surface_m2, given=given, neutrophils=counted)
        for plan in plans
    ]
    return costs, np.array([cost.worst_ratio(organs, limits) for cost in costs])


def _progression_free_days(outcomes: Outcomes, fresh: Outcomes | None) -> dict[int, float]:
    """Restricted means over the draws that ended well, on fresh draws where there are some."""
    index = {name: i for i, name in enumerate(outcomes.names)}
    result: dict[int, float] = {}
    for source in (outcomes, fresh):
        if source is None:
            continue
        horizon = float(np.nanmax(source.progression_days))
        for name, days, status in zip(
            source.names, source.progression_days, source.status, strict=True
        ):
            if (status == 0).any():
                result[index[name]] = float(restricted_mean_days(days[status == 0], horizon))
    return result

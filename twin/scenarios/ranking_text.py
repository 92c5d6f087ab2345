"""A ranking in plain words and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields

from twin.errors import TwinError
from twin.scenarios.plan_set import Plan
from twin.scenarios.ranking import RankedPlan, Ranking

SCHEMA = "oncotwin-ranking/1"
_LEFT = {
    "residual_ml": "viable burden left at the horizon",
    "endpoint_ml": "viable burden at surgery, or at the horizon without surgery",
    "outside_margin_ml": "viable burden outside the resection margin",
}


def in_words(ranking: Ranking) -> list[str]:
    """The best plan, standard of care, what the data cannot decide and what was left out."""
    best = ranking.best
    if not best.feasible:
        sentences = ["No plan stays within the limits of every organ and drug."]
    else:
        sentences = [f"Best plan: {best.plan.name}. {_effect(ranking.objective, best)}"]
    sentences += _against_standard(ranking)
    sentences += _undecided(ranking)
    over = sum(not row.feasible for row in ranking.rows)
    if over:
        sentences.append(
            f"{over} of {len(ranking)} plans exceed the limit of an organ or drug, counting what"
            " was already given, and are ranked last."
        )
    fresh = max((row.fresh_draws for row in ranking.rows), default=0)
    if fresh:
        count = sum(row.fresh_draws > 0 for row in ranking.rows)
        sentences.append(
            f"{count} finalists were judged again on {fresh} fresh draws; the numbers of the others"
            f" rest on the {ranking.draws} draws of the sweep, moved by what fresh draws changed in"
            " finalists of similar loss."
        )
    else:
        sentences.append(
            f"All numbers rest on the {ranking.draws} draws that also chose the order, so the best"
            " plans look somewhat better than they are."
        )
    if ranking.note:
        sentences.append(ranking.note)
    sentences.append("Research use, not for clinical decisions.")
    return sentences


def to_json(ranking: Ranking) -> str:
    """The ranking as JSON text; plans by index and name."""
    rows = []
    for row in ranking.rows:
        entry = {f.name: getattr(row, f.name) for f in fields(RankedPlan) if f.name != "plan"}
        rows.append({"plan": row.plan.name, **entry, "interval": list(row.interval)})
    data = {f.name: getattr(ranking, f.name) for f in fields(Ranking) if f.name != "rows"}
    data["undetermined_parameters"] = list(ranking.undetermined_parameters)
    return json.dumps({"schema": SCHEMA, **data, "rows": rows}, indent=1)


def from_json(text: str, plans: Sequence[Plan]) -> Ranking:
    """The ranking that `to_json` wrote, for the plans of the same sweep in the same order.

    Raises:
        TwinError: not a ranking, another major schema, or plans that do not match.
    """
    try:
        data = json.loads(text)
        schema = data.pop("schema")
    except (ValueError, KeyError, AttributeError, TypeError):
        raise TwinError("not a stored ranking", where="ranking", expected=SCHEMA) from None
    if schema != SCHEMA:
        raise TwinError("another schema", where="ranking", expected=SCHEMA, got=repr(schema))
    rows = []
    try:
        for entry in data.pop("rows"):
            name, index = entry.pop("plan"), entry["index"]
            if not 0 <= index < len(plans) or plans[index].name != name:
                raise TwinError(
                    "the ranking belongs to other plans",
                    where=f"ranking, plan {index}",
                    expected=repr(name),
                    got=repr(plans[index].name) if 0 <= index < len(plans) else "no such plan",
                    fix="Rank the sweep again.",
                )
            low, high = entry.pop("interval")
            rows.append(RankedPlan(plan=plans[index], interval=(low, high), **entry))
        undetermined = tuple(data.pop("undetermined_parameters"))
        return Ranking(rows=tuple(rows), undetermined_parameters=undetermined, **data)
    except (KeyError, TypeError) as error:
        raise TwinError("the ranking is incomplete", where="ranking", got=str(error)) from None


def _effect(objective: str, row: RankedPlan) -> str:
    low, high = row.interval
    if objective == "progression_days":
        return f"Progression-free for {-row.expected:.0f} days (5-95 %: {-high:.0f} to {-low:.0f})."
    return (
        f"Its {_LEFT[objective]} is {10**row.expected:.2g} mL (geometric mean;"
        f" 5-95 %: {10**low:.2g} to {10**high:.2g} mL)."
    )


def _against_standard(ranking: Ranking) -> list[str]:
    standard = [row for row in ranking.rows if row.plan.standard_of_care]
    if not standard:
        return ["No standard of care is among the plans."]
    row = standard[0]
    place = ranking.rows.index(row) + 1
    if row is ranking.best:
        return ["The standard of care is the best placed plan."]
    text = f"The standard of care ({row.plan.name}) is at place {place} of {len(ranking)}"
    if row.group == ranking.best.group:
        return [text + "; the data cannot tell it from the best plan."]
    share = ranking.best.probability_beats_standard
    return [text + f"; the best plan is better in {share:.0%} of draws."]


def _undecided(ranking: Ranking) -> list[str]:
    best = ranking.best
    together = [row for row in ranking.rows if row.group == best.group]
    sentences = []
    if len(together) > 1:
        names = "; ".join(row.plan.name for row in together[1:4])
        more = f"; and {len(together) - 4} more" if len(together) > 4 else ""
        sentences.append(
            f"Undetermined: the data cannot order the first {len(together)} plans. As good as the"
            f" best may be: {names}{more}."
        )
    else:
        sentences.append("The data put the best plan ahead of the next in at least 90 % of draws.")
    names = ", ".join(ranking.undetermined_parameters)
    if names and best.prior_share > 0:
        sentences.append(
            f"{best.prior_share:.0%} of what moves the best plan's rank are parameters that the"
            f" data did not determine ({names}): that part is assumption, not measurement."
        )
        if best.explained < 0.5:
            sentences.append(
                f"This split is rough: it accounts for only {best.explained:.0%} of the changes of"
                " the rank."
            )
    return sentences

"""The sensitivity section: Sobol and Morris tables of a run, or the command that makes them."""

from __future__ import annotations

from typing import Any

from experiments.credibility.pieces import lines, missing, no_evidence, numeric, small
from experiments.report.markup import Markup, element, join, number, paragraph, span_text, table
from experiments.sensitivity import TITLES, index_text
from twin.scenarios.sensitivity import INFORMED

Record = dict[str, Any]


def sensitivity(record: Record) -> Markup:
    """Sobol and Morris tables."""
    found = record["sensitivity"]
    if found is None:
        return missing(
            "Sobol and Morris tables of the quantities of interest", "oncotwin sensitivity RUN"
        )
    plans = list(dict.fromkeys(quantity["plan"] for quantity in found["quantities"]))
    parts: list[object] = [
        paragraph(
            f"{found['scenarios']:,} simulated courses; base sample {found['samples']},"
            f" {found['trajectories']} Morris trajectories, seed {found['seed']}. After"
            " calibration the parameters that the visits can inform are correlated. Indices of"
            " one of them alone would ignore that and be wrong; they are one factor together: ",
            ", ".join(found["informed"]) or "none",
            ".",
        ),
        _spreads(found),
    ]
    for key, title in TITLES.items():
        for plan in plans:
            chosen = [i for i, q in enumerate(found["quantities"]) if q["plan"] == plan]
            parts.append(element("h3", f"{title}: {plan}"))
            parts.append(_indices(found, key, chosen))
    if found["sobol_posterior"] is None:
        parts.append(paragraph("Over the posterior no factor is independent of the others."))
    return join(parts)


def _spreads(found: Record) -> Markup:
    rows = []
    for quantity in found["quantities"]:
        cells: list[object] = [
            join([quantity["name"], small(f"{quantity['plan']}, day {quantity['day']:g}")]),
            quantity["unit"],
        ]
        for over in ("prior", "posterior"):
            spread = quantity.get(over)
            text = "–"
            if spread is not None:
                text = f"{number(spread['mean'])} ({span_text(spread['low'], spread['high'])})"
            cells.append(numeric(text))
        rows.append(cells)
    head = ["Quantity of interest", "Unit", "Prior: mean (90 %)", "Posterior: mean (90 %)"]
    caption = "Days to progression count at most to the horizon: their mean is the restricted mean."
    return table(head, lines(rows), caption=caption, right=(2, 3))


def _indices(found: Record, key: str, chosen: list[int]) -> Markup:
    table_of = found[key]
    if table_of is None:
        return paragraph(no_evidence())
    unit = key.startswith("morris")
    head = [
        found["quantities"][i]["name"] + (f", {found['quantities'][i]['unit']}" if unit else "")
        for i in chosen
    ]
    rows = [
        [
            factor if factor == INFORMED else element("code", factor, class_="name"),
            *(numeric(index_text(table_of, row, i)) for i in chosen),
        ]
        for row, factor in enumerate(table_of["factors"])
    ]
    caption = "Mean absolute effect | spread of the effects, in the unit of the quantity."
    if not unit:
        caption = (
            "First order | total, ± half of the 95 % bootstrap interval; below 0 is noise of the"
        )
        caption += " estimate. –: does not vary."
    return table(
        ["Parameter", *head], lines(rows), caption=caption, right=range(1, 1 + len(chosen))
    )

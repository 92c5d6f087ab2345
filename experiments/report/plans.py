"""The ranked plans as a table, grouped where the data cannot order them."""

from itertools import groupby

from experiments.report.markup import Markup, cell, element, join, number, table
from experiments.report.material import Material, describe_plan
from twin.scenarios.ranking import RankedPlan

SHOWN = 20


def plan_table(material: Material) -> Markup:
    """The best 20 plans and the standard of care, with groups, toxicity and the share on priors."""
    ranking = material.ranking
    assert ranking is not None
    organs = list(material.patient.organs)
    drugs = sorted({drug for row in ranking.rows for drug in row.drug_mg_m2})
    head = ["Rank", "Plan", "Expected log₁₀ mL", "90 % interval", f"CVaR ({_level(ranking.level)})"]
    head += ["Worst toxicity"]
    for organ in organs:
        limit = "" if organ.eqd2_limit_gy is None else f", limit {number(organ.eqd2_limit_gy)}"
        head.append(f"EQD2 {material.names.organ(organ.name)} (Gy{limit})")
    head += [f"{material.names.drug(drug)} (mg/m²)" for drug in drugs]
    head += ["Days without progression", "Better than next", "Share on priors"]
    columns = [index for index in range(len(head)) if index != 1]
    ranked = list(enumerate(ranking.rows, start=1))
    shown = ranked[:SHOWN]
    sizes = {row.group: 0 for row in ranking.rows}
    for row in ranking.rows:
        sizes[row.group] += 1
    rows: list[Markup] = []
    for group, members in groupby(shown, key=lambda pair: pair[1].group):
        rows.append(_heading(group, sizes[group], len(head)))
        rows += [_row(material, rank, row, organs, drugs) for rank, row in members]
    outside = [pair for pair in ranked[SHOWN:] if pair[1].plan.standard_of_care]
    if outside:
        text = "Standard of care, further down"
        rows.append(element("tr", element("th", text, colspan=len(head)), class_="group"))
        rows += [_row(material, rank, row, organs, drugs) for rank, row in outside]
    caption = (
        f"The best {len(shown)} of {len(ranking.rows)} plans and the standard of care, ordered by "
        f"expected log₁₀ of {material.names.objective(ranking.objective)}. CVaR is the mean of the "
        "worst draws. Worst toxicity is the largest ratio of a dose to its limit over organs and "
        "drugs (1 = at the limit). Days without progression are counted after the decision day and "
        "end at the horizon. “Better than next” is the probability that a plan beats the one below "
        "it. Share on priors is the part of a plan's place that the scans do not determine."
    )
    return join(
        [table(head, rows, caption=caption, class_="wide plans", right=columns), _note(material)]
    )


def _heading(group: int, size: int, width: int) -> Markup:
    text = f"Group {group}"
    if size > 1:
        text += f": {size} plans undetermined among each other (the data cannot order them)"
    else:
        text += ": one plan, separated from the next by the data"
    return element("tr", element("th", text, colspan=width, scope="rowgroup"), class_="group")


def _row(material: Material, rank: int, row: RankedPlan, organs: list, drugs: list) -> Markup:
    marks = []
    if row.plan.standard_of_care:
        marks.append(element("span", "standard of care", class_="tag standard"))
    if row.finalist:
        note = f"finalist, {row.fresh_draws} fresh draws" if row.fresh_draws else "finalist"
        marks.append(element("span", note, class_="tag plain"))
    if row.on_pareto:
        marks.append(element("span", "Pareto front", class_="tag yes"))
    if not row.feasible:
        marks.append(element("span", "over a limit", class_="tag no"))
    name = element("strong", material.plan_name(row))
    words = element("span", describe_plan(row.plan, material.names), class_="small block")
    cells = [
        cell(str(rank), class_="number"),
        element("th", join([name, *marks], " "), words, scope="row"),
        cell(f"{row.expected:.2f}".replace("-", "−"), class_="number"),
        cell(f"{row.interval[0]:.2f} to {row.interval[1]:.2f}".replace("-", "−"), class_="number"),
        cell(f"{row.cvar:.2f}".replace("-", "−"), class_="number"),
        cell(f"{row.toxicity:.2f}", class_="number over" if row.toxicity > 1 else "number"),
    ]
    for organ in organs:
        dose = float(row.organ_eqd2_gy.get(organ.name, float("nan")))
        over = organ.eqd2_limit_gy is not None and dose > organ.eqd2_limit_gy
        cells.append(cell(number(dose), class_="number over" if over else "number"))
    cells += [cell(number(float(row.drug_mg_m2.get(drug, 0.0))), class_="number") for drug in drugs]
    cells += [
        cell(f"{row.progression_free_mean_days:.0f}", class_="number"),
        cell(_percent(row.probability_best_of_next), class_="number"),
        cell(_percent(row.prior_share), class_="number"),
    ]
    classes = [] if row.feasible else ["infeasible"]
    classes += ["standard-row"] if row.plan.standard_of_care else []
    return element("tr", *cells, class_=" ".join(classes) or None)


def _note(material: Material) -> Markup:
    assert material.ranking is not None
    note = material.names.text(material.ranking.note)
    return element("p", note, class_="small") if note else Markup("")


def _level(level: float) -> str:
    worst = level if level <= 0.5 else 1 - level
    return f"worst {100 * worst:.0f} %"


def _percent(value: float) -> str:
    return "–" if value != value else f"{100 * value:.0f} %"

"""Head of the report: what it is, the result in plain words, and what may not be concluded."""

from experiments.report.markup import Markup, bullets, element, escape, join, number, paragraph
from experiments.report.material import Material, describe_plan
from twin.scenarios.ranking import RankedPlan


def banner(material: Material) -> Markup:
    """The notices that stand above everything else."""
    badges = [element("span", "Research use, not for clinical decisions", class_="badge stop")]
    if material.shareable:
        badges.append(element("span", "Shareable: no voxels, no identifiers", class_="badge plain"))
    else:
        badges.append(element("span", "Contains patient images", class_="badge private"))
    if material.simulated_note:
        badges.append(element("span", "Contains simulated data", class_="badge simulated"))
    notices = [element("div", *badges, class_="badges")]
    if material.simulated_note:
        simulated = element("strong", "Simulated: ")
        notices.append(paragraph(simulated, material.simulated_note, class_="notice simulated"))
    forecast = material.forecast
    if not material.posterior.converged or (forecast is not None and not forecast.converged):
        notices.append(
            paragraph(
                element("strong", "The calibration did not converge. "),
                "Its intervals, the forecast and the ranking below cannot be relied on.",
                class_="notice stop",
            )
        )
    return join(notices)


def summary(material: Material) -> Markup:
    """The result in a few sentences, and the list of what may not be concluded."""
    found = [*_ranking_found(material), *_data_found(material), *_forecast_found(material)]
    return join(
        [
            element("div", element("h3", "In short"), bullets(found), class_="panel"),
            element(
                "div",
                element("h3", "What may not be concluded"),
                bullets(_limits(material)),
                class_="panel quiet",
            ),
        ]
    )


def _ranking_found(material: Material) -> list[Markup]:
    ranking, best, standard = material.ranking, material.best, material.standard
    if ranking is None or best is None:
        return [Markup("No plans have been ranked yet.")]
    loss = _loss(best, ranking.objective)
    among = "comes first among those within every dose limit"
    where = among if best.feasible else "comes first, although it exceeds a dose limit"
    lines = [
        join(
            [
                f"Of {len(ranking.rows)} simulated plans, ",
                element("strong", material.plan_name(best)),
                f" ({describe_plan(best.plan, material.names)}) {where}. ",
                f"Expected {material.names.objective(ranking.objective)}: ",
                loss,
                f"; its worst dose is {100 * best.toxicity:.0f} % of a limit.",
            ]
        )
    ]
    if standard is not None:
        lines.append(_against_standard(material, best, standard))
    peers = sum(row.group == best.group for row in ranking.rows)
    if peers > 1:
        bold = element("strong", f"{peers} plans are undetermined among each other")
        text = " at the top: the data cannot say which of them is better."
        lines.append(join([bold, text]))
    over = sum(not row.feasible for row in ranking.rows)
    if over:
        lines.append(escape(f"{over} plans exceed the limit of an organ or a drug."))
    return lines


def _against_standard(material: Material, best: RankedPlan, standard: RankedPlan) -> Markup:
    assert material.ranking is not None
    ranking = material.ranking
    place = ranking.rows.index(standard) + 1
    head = f"The standard of care ({describe_plan(standard.plan, material.names)}) ranks {place} "
    head += f"of {len(ranking.rows)}: "
    tail = f"; its worst dose is {100 * standard.toxicity:.0f} % of a limit. "
    if standard is best:
        verdict = "No simulated plan within the limits does better."
    elif standard.group == best.group:
        verdict = "The data cannot tell it apart from the first plan."
    else:
        verdict = "In the model the first plan does better on average"
        if ranking.objective != "progression_days":
            factor = number(10 ** (standard.expected - best.expected), 2)
            verdict = f"In the model the first plan leaves {factor} times less burden "
            verdict += "(geometric mean)"
        verdict += ", under the assumptions listed here."
    return join([head, _loss(standard, ranking.objective), tail, element("strong", verdict)])


def _data_found(material: Material) -> list[Markup]:
    open_names, best = material.undetermined(), material.best
    if not open_names:
        return [Markup("The scans determine every sampled parameter.")]
    codes = join((element("code", name) for name in open_names), ", ")
    lines = [join(["The scans do not determine ", codes, ": these rest on their priors."])]
    if best is not None:
        share = f"{100 * best.prior_share:.0f} %"
        lines.append(
            join(
                [
                    element("strong", share),
                    " of the first plan's place in the ranking rests on priors rather than "
                    "on this patient's scans.",
                ]
            )
        )
    return lines


def _forecast_found(material: Material) -> list[Markup]:
    held = [item for item in material.forecast.visits if item.held_out] if material.forecast else []
    pairs = [
        (item.scores["burden_crps"], item.scores["burden_crps_no_change"])
        for item in held
        if {"burden_crps", "burden_crps_no_change"} <= item.scores.keys()
    ]
    if not pairs:
        return [Markup("The forecast was not scored on held-out visits.")]
    better = sum(model < naive for model, naive in pairs)
    hits = [item.scores["burden_hit_90"] for item in held if "burden_hit_90" in item.scores]
    text = f"On {len(pairs)} held-out visit{'s' if len(pairs) > 1 else ''} the forecast of the "
    text += f"burden was better than “no change” on {better} (CRPS)"
    if hits:
        text += f"; its 90 % interval held {sum(hits):.0f} of {len(hits)}"
    if all(material.simulated(item.name) for item in held):
        text += ". These visits are simulated, so this says nothing about real patients"
    return [Markup(text + ".")]


def _limits(material: Material) -> list[str]:
    limits = [
        "Nothing here is a treatment recommendation. No statement was validated in patients.",
        "Intervals hold what this one model leaves open. If its equations are wrong for this "
        "tumor, the truth can lie outside all of them.",
        "Where a parameter rests on its prior, differences between plans repeat what the "
        "literature or an assumption says about other patients.",
        "Burden is given in mL of tissue at full carrying capacity. It is not a number of cells, "
        "and a small value in the model is not a cure.",
        "Toxicity is a dose relative to a limit (EQD2 per organ, cumulative drug exposure), not a "
        "probability of harm.",
    ]
    if material.simulated_note:
        limits.insert(
            1,
            "Part of the data is simulated: agreement with it shows that the methods work on "
            "such data, not that they predict a patient.",
        )
    return limits


def _loss(row: RankedPlan, objective: str) -> Markup:
    """Expected loss with its interval, in mL (or days, where days are ranked)."""
    low, high = row.interval
    if objective == "progression_days":
        days = f"{-row.expected:.0f} days (90 % interval {-high:.0f} to {-low:.0f})"
        return Markup(days)
    shown = [_power(value) for value in (row.expected, low, high)]
    return join([shown[0], " mL (90 % interval ", shown[1], " to ", shown[2], " mL)"])


def _power(logarithm: float) -> Markup:
    return join(["10", element("sup", f"{logarithm:.1f}".replace("-", "−"))])

"""Sections with figures: verification, calibration, validation, uncertainty."""

from __future__ import annotations

from typing import Any

from experiments.credibility.fit_evidence import BASELINES, QUANTITIES
from experiments.credibility.pieces import (
    figure,
    lines,
    maybe,
    missing,
    no_evidence,
    numeric,
    small,
    verdict,
)
from experiments.report.markup import (
    Markup,
    bullets,
    element,
    join,
    number,
    paragraph,
    span_text,
    table,
)

Record = dict[str, Any]


def code(record: Record) -> Markup:
    """Checks measured by this command, and verdicts that were recorded earlier."""
    model = record["question"]["model"]
    intro = "Measured by this command, just now, on the solver that all spatial models share, with"
    intro += " the Fisher-KPP equations."
    rows = [_check(check) for check in (*record["code"]["checks"], record["emergent"])]
    head = ["What", "Against", "Measured", "Accepted", "Arithmetic", ""]
    recorded = record["code"]["recorded"]
    if recorded is None:
        after = paragraph(f"Conformance of the model {model}: ", no_evidence(), ".")
    else:
        counts = ", ".join(f"{n} {outcome}" for outcome, n in recorded["outcomes"].items())
        failed = ", ".join(recorded["failed"]) or "none"
        after = paragraph(
            f"Recorded, not measured now: {recorded['simulator']} under the conformance kit on"
            f" {recorded['date']}, {recorded['properties']} properties: {counts}; failed: {failed}."
        )
    return join([paragraph(intro), table(head, lines(rows), right=(2, 3)), after])


def _check(check: Record) -> list[object]:
    measured = "not finite" if check["figure"] is None else figure(check["figure"])
    sign = "≥" if check["at_least"] else "≤"
    return [
        check["name"],
        check["against"],
        numeric(join([measured, element("span", check["unit"], class_="small block")])),
        numeric(join([f"{sign} ", figure(check["bound"])])),
        check["precision"],
        verdict(check["passed"], "pass", "fail"),
    ]


def calculation(record: Record) -> Markup:
    """Halved step and voxel for this patient."""
    rows = [
        [
            join([change["quantity"], small(f"{change['plan']}, day {change['day']:g}")]),
            change["refinement"],
            change["unit"],
            maybe(change["median"]),
            maybe(change["sd"]),
            maybe(change["change"]),
            maybe(change["percent"]),
            maybe(change["in_sd"]),
        ]
        for change in record["calculation"]["changes"]
    ]
    head = ["Quantity of interest", "Refinement", "Unit", "Median", "Posterior sd", "Change"]
    caption = (
        "Simulated courses of this patient, computed again for the same posterior draws. Change:"
        " root mean square, in the unit; percent: median of the absolute change, of the burden in"
        " mL where its logarithm is given. –: the quantity is 0 or does not vary."
    )
    refinements = {change["refinement"] for change in record["calculation"]["changes"]}
    note = Markup("")
    if "twice the voxel" in refinements:
        note = paragraph(
            "The grid is too large to be refined here: it was coarsened to twice the voxel instead."
        )
    body = table(
        [*head, "%", "in posterior sd"],
        lines(rows),
        caption=caption,
        class_="wide",
        right=range(3, 8),
    )
    return join([note, body])


def calibration(record: Record) -> Markup:
    """Convergence, noise, information, and checks at the fitted visits."""
    fit = record["calibration"]
    directions = fit["directions"]
    spans = ", ".join(number(sd, 2) for sd in directions["sd_over_prior"])
    state = verdict(fit["converged"], "converged", "did not converge")
    found: list[object] = [
        join(["The fit ", state, "."]),
        f"Independent directions of the parameters that the visits inform: {directions['informed']}"
        f" of {len(directions['sd_over_prior'])}; posterior over prior standard deviation along"
        f" each: {spans}.",
        *fit["warnings"],
    ]
    figures = [
        [name.replace("_", " "), maybe(value)]
        for name, value in (*fit["figures"].items(), *fit["noise"].items())
    ]
    parts = [
        bullets(found),
        table(["Figure of the fit or of its noise", "value"], lines(figures), right=(1,)),
        element("h3", "Posterior predictive checks at the fitted visits"),
    ]
    if fit["fitted_visits"] is None:
        parts.append(missing("Checks at the fitted visits", "oncotwin forecast RUN"))
        return join(parts)
    rows = [[*_observed(row), _agreement(row)] for row in fit["fitted_visits"]]
    head = [*_OBSERVED, "Map agreement"]
    parts.append(table(head, lines(rows), caption=_MAPS, right=(1, 3, 4, 5)))
    return join(parts)


_OBSERVED = ["Visit", "Day", "Quantity", "Observed", "Median", "90 % interval", "Inside?"]
_MAPS = "Map agreement: concordance (CCC) of cell fractions, overlap (Dice) of outlines."


def _observed(row: Record) -> list[object]:
    simulated = small("simulated visit") if row["simulated"] else ""
    return [
        join([row["visit"], simulated]),
        numeric(f"{row['day']:g}"),
        QUANTITIES[row["quantity"]],
        maybe(row["observed"]),
        maybe(row["median"]),
        numeric(span_text(row["low"], row["high"])),
        verdict(row["inside_90"], "inside", "outside"),
    ]


def _agreement(row: Record) -> object:
    if row["map_agreement"] is None:
        return "–"
    return f"{row['map_score'].upper() if row['map_score'] == 'ccc' else 'Dice'} " + number(
        row["map_agreement"], 2
    )


def validation(record: Record) -> Markup:
    """Scores of held-out visits against the baselines."""
    found = record["validation"]
    if found is None and not record["has_forecast"]:
        return missing("Forecast of visits that the fit did not see", "oncotwin forecast RUN")
    if found is None:
        return missing(
            "Visits that the fit did not see",
            "oncotwin calibrate PATIENT -o RUN --visits N, with fewer visits than there are",
        )
    real = found["visits"] - found["simulated_visits"]
    text = f"{found['visits']} held-out visits, {found['simulated_visits']} of them simulated."
    if real == 0:
        text += " They show how the method does on such data, and are no evidence about a person."
    means = [
        [
            QUANTITIES[mean["quantity"]],
            numeric(str(mean["visits"])),
            maybe(mean["crps"]),
            *(maybe(mean[f"crps_{name}"]) for name in BASELINES),
            _better(mean),
            numeric(f"{mean['inside_90']} of {mean['visits']}"),
        ]
        for mean in found["means"]
    ]
    head = [
        "Mean over visits",
        "Visits",
        "Twin",
        *(name.capitalize() for name in BASELINES.values()),
    ]
    rows = [
        [
            *_observed(row),
            maybe(row["crps"]),
            *(maybe(row[f"crps_{name}"]) for name in BASELINES),
            _agreement(row),
        ]
        for row in found["rows"]
    ]
    names = ["CRPS twin", *(f"CRPS {name}" for name in BASELINES.values())]
    caption = "CRPS: continuous ranked probability score, mL, lower is better (doi"
    caption += " 10.1198/016214506000001437). Baselines know the same measurement noise. " + _MAPS
    return join(
        [
            paragraph(text),
            table(
                [*head, "Twin better than", "In 90 % interval"],
                lines(means),
                right=(1, 2, 3, 4, 5, 7),
            ),
            element("h3", "Visit by visit"),
            table(
                [*_OBSERVED, *names, "Maps"],
                lines(rows),
                caption=caption,
                class_="wide",
                right=(1, 3, 4, 5, *range(7, 11)),
            ),
        ]
    )


def _better(mean: Record) -> Markup:
    won = [BASELINES[name] for name in mean["better_than"]]
    lost = [BASELINES[n] for n in mean["compared_with"] if n not in mean["better_than"]]
    parts = [element("span", name, class_="tag yes") for name in won]
    parts += [element("span", f"not {name}", class_="tag no") for name in lost]
    return join(parts, " ") if parts else no_evidence()


def uncertainty(record: Record) -> Markup:
    """Which sources the intervals hold."""
    rows = [
        [row["source"], verdict(row["included"], "in the intervals", "not in them"), row["how"]]
        for row in record["uncertainty"]
    ]
    found = record["validation"]
    coverage = missing("Coverage on held-out visits", "oncotwin forecast RUN")
    if found is not None:
        hits, count = (sum(m[key] for m in found["means"]) for key in ("inside_90", "visits"))
        coverage = paragraph(
            f"Coverage on held-out visits: {hits} of {count} observed values lie in their 90 %"
            " interval. So few say little."
        )
    return join([table(["Source", "", "How"], rows), coverage])

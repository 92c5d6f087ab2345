"""Tables of the calibration: parameters with priors, noise, and scores on held-out visits."""

import math
import re

from experiments.report.markup import (
    Markup,
    bullets,
    cell,
    element,
    escape,
    join,
    number,
    paragraph,
    span_text,
    table,
)
from experiments.report.material import Material
from experiments.report.names import DOI, MODALITIES
from twin.calibration.parametrization import MEANINGS, front_summary
from twin.models.priors import growth_priors, radiotherapy_priors

SCORES = {
    "ccc": ("Concordance of cell-fraction maps (CCC)", "higher is better", True),
    "dice": ("Overlap of visible tumor (Dice)", "higher is better", True),
    "burden_crps": ("Cell burden, CRPS (mL)", "lower is better", False),
    "visible_crps": ("Visible volume, CRPS (mL)", "lower is better", False),
    "burden_relative_error": ("Cell burden, relative error", "lower is better", False),
    "visible_relative_error": ("Visible volume, relative error", "lower is better", False),
    "burden_hit_90": ("Cell burden inside the 90 % interval", "", True),
    "visible_hit_90": ("Visible volume inside the 90 % interval", "", True),
    "burden_width_90": (
        "Cell burden, width of the 90 % interval (mL)",
        "narrower is sharper",
        False,
    ),
    "visible_width_90": (
        "Visible volume, width of the 90 % interval (mL)",
        "narrower is sharper",
        False,
    ),
}
NOISE = {
    "noise_sd": "Independent noise (sd)",
    "discrepancy_sd": "Model discrepancy (sd)",
    "sd": "Together (sd)",
    "correlated_voxels": "Voxels per piece of information",
    "visit_correlation": "Correlation between visits",
    "effective_count": "Effective count",
}
_NAMELESS = re.compile(
    r"The fit did not converge: do not rely on its intervals\."
    r"|The front is [\d.]+ mm wide, less than two voxels of [\d.]+ mm: its speed depends on the "
    r"grid\. Use a finer grid\."
)
RIVALS = {"_prior": "Prior only", "_no_change": "No change", "_exponential": "Exponential"}


def parameter_table(material: Material) -> Markup:
    """Each sampled parameter with its posterior, its prior and where that comes from."""
    names = material.names
    rows = []
    for row in [*material.posterior.summary(), *front_summary(material.posterior)]:
        unit = names.unit(str(row["unit"]))
        prior = str(row.get("prior_text", row.get("prior", "")))
        citation = names.citation(str(row["citation"]))
        rows.append(
            element(
                "tr",
                element(
                    "th",
                    _name(names.parameter(row["name"]), _description(material, row)),
                    _shift_note(material, row["name"]),
                    scope="row",
                ),
                cell(unit or "–"),
                cell(number(row["point"]), class_="number"),
                cell(span_text(row["low"], row["high"]), class_="number"),
                cell(
                    join([names.prior(prior), element("br"), _interval(row)]),
                    class_="small",
                ),
                cell(_contraction(row["contraction"])),
                cell(_verdict(row["determined"])),
                cell(
                    join([names.origin(str(row["provenance"])), element("br"), _source(citation)]),
                    class_="small",
                ),
            )
        )
    head = ["Parameter", "Unit", "Point", "90 % interval", "Prior", "Contraction"]
    head += ["Determined by the scans?", "Prior comes from"]
    caption = (
        "Posterior of the sampled parameters. Contraction is one minus the ratio of posterior to "
        "prior standard deviation (on the prior's own normal scale): 0 % means that the scans "
        "added nothing, 100 % that they fix the value."
    )
    return join(
        [
            table(head, rows, caption=caption, class_="wide", right=(2, 3)),
            _warnings(material),
            _noise(material),
        ]
    )


def score_table(material: Material) -> Markup:
    """Scores of the forecast beside the baselines, one block per held-out visit."""
    forecast = material.forecast
    assert forecast is not None
    rows: list[Markup] = []
    for visit in forecast.visits:
        if not visit.held_out or not visit.scores:
            continue
        simulated = " (simulated visit)" if material.simulated(visit.name) else ""
        title = f"{material.names.visit(visit.name)}, day {visit.time_days:.4g}{simulated}"
        rows.append(
            element("tr", element("th", title, colspan=5, scope="rowgroup"), class_="group")
        )
        rows += [_score_row(visit.scores, name) for name in SCORES if _known(visit.scores, name)]
    if not rows:
        return paragraph("No visit was held out, so the forecast could not be scored.")
    head = ["Score", "Forecast", *RIVALS.values()]
    caption = (
        "Scores on visits that were not fitted; the best value of each row is bold. CRPS is the "
        "continuous ranked probability score of the predictive distribution. “No change” repeats "
        "the last fitted visit, “exponential” extrapolates the fitted visits, “prior only” is the "
        "same model without this patient's scans."
    )
    return table(head, rows, caption=caption, right=range(1, 5))


def _known(scores: dict[str, float], name: str) -> bool:
    return name in scores or any(name + rival in scores for rival in RIVALS)


def _score_row(scores: dict[str, float], name: str) -> Markup:
    label, direction, high = SCORES[name]
    values = [float(scores.get(name + rival, math.nan)) for rival in ("", *RIVALS)]
    finite = [value for value in values if math.isfinite(value)]
    ranked = bool(direction) and "width" not in name and len(finite) > 1
    best = (max if high else min)(finite, default=math.nan)
    cells = []
    for value in values:
        shown: object = number(value)
        if name.endswith("hit_90") and math.isfinite(value):
            shown = "yes" if value >= 0.5 else "no"
        if ranked and value == best:
            shown = element("strong", shown)
        cells.append(element("td", shown, class_="number"))
    note = element("span", direction, class_="small block")
    return element("tr", element("td", label, note), *cells)


def _noise(material: Material) -> Markup:
    """What was estimated of the noise of each kind of observation."""
    kinds: dict[str, dict[str, float]] = {}
    for name, value in material.posterior.noise.items():
        key = next((key for key in NOISE if name.endswith(f"_{key}")), None)
        if key is not None:
            kinds.setdefault(name.removesuffix(f"_{key}"), {})[key] = float(value)
    if not kinds:
        return Markup("")
    rows = [
        [_kind(material, kind), *(found.get(key, math.nan) for key in NOISE)]
        for kind, found in kinds.items()
    ]
    caption = (
        "Estimated from the residuals of the fit; standard deviations in the unit that is fitted "
        "(cell fraction, or probability inside an outline). The effective count is the number of "
        "independent pieces of information that the voxels of all visits amount to."
    )
    head = ["Observation", *NOISE.values()]
    title = element("h3", "Noise and model discrepancy")
    return join([title, table(head, rows, caption=caption, right=range(1, len(head)))])


def _kind(material: Material, kind: str) -> str:
    known = {*(name.lower() for name in MODALITIES), "volume", "outline"}
    return kind if kind.lower() in known else material.names.label(kind)


def _warnings(material: Material) -> Markup:
    """Warnings of the calibration; in a shareable report only those that hold no name."""
    found = [str(text) for text in material.posterior.diagnostics.get("warnings", ())]
    shown = [text for text in found if not material.shareable or _NAMELESS.fullmatch(text)]
    if not shown:
        return Markup("")
    return element(
        "div", element("strong", "The calibration warns:"), bullets(shown), class_="notice stop"
    )


def _interval(row: dict) -> Markup:
    if not math.isfinite(float(row["prior_low"])):
        return Markup("")
    return escape(f"90 %: {span_text(row['prior_low'], row['prior_high'])}")


def _name(name: str, description: str) -> Markup:
    """The name, which may break after an underscore, and what it means."""
    parts = join(name.split("_"), Markup("_<wbr>"))
    return join(
        [element("code", parts, class_="name"), element("span", description, class_="small block")]
    )


def _shift_note(material: Material, parameter: str) -> Markup:
    """What the patient's markers did to the prior; only the factor in a shareable report."""
    notes = []
    for shift in material.patient.applied_shifts:
        if shift.parameter == parameter:
            bare = f"prior median x {shift.factor:g}, through a marker of the patient"
            note = material.names.text(shift.describe(material.patient.markers), bare)
            notes.append(element("span", note, class_="small block"))
    return join(notes)


def _description(material: Material, row: dict) -> str:
    """The description; in a shareable report the package's own words or none."""
    if not material.shareable:
        return str(row.get("description", ""))
    if row["name"] in MEANINGS:
        return MEANINGS[row["name"]][1]
    known = (*growth_priors("generic"), *radiotherapy_priors("generic"))
    return next((p.description for p in known if p.name == row["name"]), "")


def _contraction(value: float | None) -> Markup:
    if value is None or not math.isfinite(value):
        return Markup("–")
    percent = min(max(100 * value, 0.0), 100.0)
    fill = element("span", style=f"width:{percent:.0f}%", class_="fill")
    bar = element("span", fill, class_="bar", aria_hidden="true")
    return join([bar, element("span", f"{100 * value:.0f} %", class_="bar-text")])


def _verdict(determined: bool | None) -> Markup:
    if determined is None:
        return element("span", "fixed", class_="tag plain")
    if determined:
        return element("span", "determined", class_="tag yes")
    return element("span", "rests on prior", class_="tag no")


def _source(citation: str) -> Markup:
    """The citation with its DOI as plain text: the page holds no link that could be requested."""
    if not citation:
        return Markup("")
    match = DOI.search(citation)
    if match is None:
        return escape(citation)
    before, after = citation[: match.start()], citation[match.end() :]
    return join([before, element("span", match.group(), class_="doi"), after])

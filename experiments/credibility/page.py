"""The credibility report as one offline HTML page, made from the record alone."""

from __future__ import annotations

from typing import Any

from experiments.console import NOT_CLINICAL
from experiments.credibility import evidence_sections as evidence
from experiments.credibility import framing_sections as framing
from experiments.credibility.sensitivity_section import sensitivity
from experiments.report.markup import Markup, element, join, paragraph
from experiments.report.plain_page import Section, plain_page

_SECTIONS = (
    ("question", "Question", "Question of interest and context of use", framing.question),
    ("risk", "Risk", "Model risk and sign-off", framing.risk),
    ("versions", "Versions", "Versions and hashes", framing.versions),
    ("parameters", "Parameters", "Equations and parameters", framing.parameters),
    ("code", "Code", "Code verification", evidence.code),
    ("calculation", "Calculation", "Calculation verification", evidence.calculation),
    ("calibration", "Calibration", "Calibration", evidence.calibration),
    ("validation", "Validation", "Validation on held-out visits", evidence.validation),
    ("uncertainty", "Uncertainty", "Uncertainty", evidence.uncertainty),
    ("sensitivity", "Sensitivity", "Sensitivity", sensitivity),
    (
        "applicability",
        "Applicability",
        "Distance from where the model was tested",
        framing.applicability,
    ),
    ("limits", "Limits", "Limits", framing.limits),
    ("fda", "FDA", "Evidence by the categories of FDA 2023", framing.fda),
    ("nasem", "NASEM", "As a digital twin: NASEM 2024", framing.nasem),
)


_STYLE = """
.fields { display: grid; grid-template-columns: max-content 1fr; gap: 12px 18px; margin: 0; }
.fields dt { color: var(--soft); }
.fields dd { margin: 0; border-bottom: 1px solid #9aa1a6; min-height: 1.6em; }
.none { color: #8f2d00; font-weight: 600; }
@media print { .fields dd { min-height: 2.4em; } section { break-inside: auto; } }
"""


def render(record: dict[str, Any]) -> str:
    """The page of a record."""
    asked = record["question"]
    return plain_page(
        f"Credibility report: {asked['patient']}",
        f"{asked['site']}, {asked['visits']} visits, {len(asked['fitted_visits'])} of them"
        f" fitted by {asked['model']} ({asked['method']}); made {record['made']}",
        window_title=f"oncotwin credibility: {asked['patient']}",
        notices=_notices(record),
        sections=[
            Section(f"{number}. {heading}", content(record), link, key)
            for number, (key, link, heading, content) in enumerate(_SECTIONS, start=1)
        ],
        style=_STYLE,
        footer=join(
            [
                NOT_CLINICAL,
                " Every figure stands in credibility.json beside this page; ",
                element("code", "oncotwin credibility RUN"),
                " makes both anew.",
            ]
        ),
    )


def _notices(record: dict[str, Any]) -> list[Markup]:
    """What a reader has to know first."""
    badges = [
        element("span", "Research use, not for clinical decisions", class_="badge stop"),
        element("span", "Holds names of the patient and its visits", class_="badge private"),
    ]
    if record["simulated"]:
        badges.append(element("span", "Contains simulated data", class_="badge simulated"))
    parts = [element("div", *badges, class_="badges")]
    if record["simulated"]:
        bold = element("strong", "Simulated: ")
        parts.append(paragraph(bold, record["simulated"], class_="notice simulated"))
    if not record["calibration"]["converged"]:
        bold = element("strong", "The calibration did not converge. ")
        text = "Its intervals, and every forecast, ranking and figure below that rests on them,"
        parts.append(paragraph(bold, text, " cannot be relied on.", class_="notice stop"))
    return parts

"""The credibility report as one offline HTML page, made from the record alone."""

from __future__ import annotations

from importlib.resources import files
from string import Template
from typing import Any

from experiments.credibility import evidence_sections as evidence
from experiments.credibility import framing_sections as framing
from experiments.credibility.sensitivity_section import sensitivity
from experiments.report.markup import Markup, element, join, paragraph

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


def render(record: dict[str, Any]) -> str:
    """The page of a record."""
    sections = [
        element("section", element("h2", f"{number}. {title}"), content(record), id=key)
        for number, (key, _, title, content) in enumerate(_SECTIONS, start=1)
    ]
    own = files(__package__).joinpath("template.html").read_text(encoding="utf-8")
    style = files("experiments.report").joinpath("style.css").read_text(encoding="utf-8")
    return Template(own).substitute(
        title=element("title", f"oncotwin credibility: {record['question']['patient']}"),
        style=style.replace("\r\n", "\n"),
        head=_head(record),
        links=join(element("a", short, href=f"#{key}") for key, short, _, _ in _SECTIONS),
        sections=join(sections, "\n"),
    )


def _head(record: dict[str, Any]) -> Markup:
    asked = record["question"]
    badges = [
        element("span", "Research use, not for clinical decisions", class_="badge stop"),
        element("span", "Holds names of the patient and its visits", class_="badge private"),
    ]
    if record["simulated"]:
        badges.append(element("span", "Contains simulated data", class_="badge simulated"))
    parts: list[Markup] = [
        element("h1", f"Credibility report: {asked['patient']}"),
        paragraph(
            f"{asked['site']}, {asked['visits']} visits, {len(asked['fitted_visits'])} of them"
            f" fitted by {asked['model']} ({asked['method']}); made {record['made']}",
            class_="subtitle",
        ),
        element("div", *badges, class_="badges"),
    ]
    if record["simulated"]:
        bold = element("strong", "Simulated: ")
        parts.append(paragraph(bold, record["simulated"], class_="notice simulated"))
    if not record["calibration"]["converged"]:
        bold = element("strong", "The calibration did not converge. ")
        text = "Its intervals, and every forecast, ranking and figure below that rests on them,"
        parts.append(paragraph(bold, text, " cannot be relied on.", class_="notice stop"))
    return join(parts)

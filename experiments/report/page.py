"""One self-contained HTML file: everything inline, no request of any kind, every text escaped.

The content security policy allows only the scripts whose hash it names, so that a script that got
in through a name would not run even if escaping failed.
"""

import base64
import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from experiments.atomic_files import write_bytes
from experiments.report import figures, parameters, plans, provenance, summary, timeline, viewer
from experiments.report.markup import Markup, element, json_text, paragraph
from experiments.report.material import Material
from experiments.report.names import Names
from experiments.report.volumes import collect_volumes
from twin.errors import TwinError

if TYPE_CHECKING:
    from twin.calibration.posterior import Posterior
    from twin.forecasting import Forecast
    from twin.patient import Patient
    from twin.scenarios.outcomes import Outcomes
    from twin.scenarios.ranking import Ranking

MAX_BYTES = 8_000_000
_FOLDER = Path(__file__).parent
_RESERVE_BYTES = 20_000
_UNIT = re.compile(r"(\d) (%|mL|Gy|mg|times|days|plans)")


def write_report(
    patient: "Patient",
    posterior: "Posterior",
    outcomes: "Outcomes | None",
    path: str | os.PathLike[str],
    *,
    forecast: "Forecast | None" = None,
    ranking: "Ranking | None" = None,
    provenance: Mapping[str, Any] | None = None,
    shareable: bool = False,
) -> Path:
    """Write the report, whole or not at all, as one HTML file of at most 8 MB that opens offline.

    Args:
        patient: the patient, with visits and the treatments given.
        posterior: the calibration.
        outcomes: the simulated plans; None leaves their curves out.
        path: file to write; its folder must exist.
        forecast: forecast with scores; without it the page says how to make one.
        ranking: ranked plans; without it the page says how to make them.
        provenance: versions, hashes, seeds, configuration and command lines of the run.
        shareable: leave out every voxel and every identifier.

    Returns:
        The path of the file.

    Raises:
        TwinError: if the page cannot be made small enough, a vendored script is missing, or the
            file cannot be written.
    """
    names = Names(
        (visit.name for visit in patient.visits),
        (organ.name for organ in patient.organs),
        shareable=shareable,
    )
    material = Material(
        patient, posterior, outcomes, forecast, ranking, dict(provenance or {}), names
    )
    target = Path(path)
    write_bytes(target, render(material).encode("utf-8"))
    return target


def render(material: Material) -> str:
    """The HTML of a report."""
    scripts = {"plotly": _vendor("plotly"), "charts_script": _own("charts.js")}
    scripts |= {"niivue": "", "slices_script": "", "viewer_script": ""}
    if not material.shareable:
        scripts |= {"niivue": _vendor("niivue"), "slices_script": _own("slices.js")}
        scripts["viewer_script"] = _own("viewer.js")
    fields: dict[str, str] = {
        "title": escape_title(material),
        "policy": _policy(scripts.values()),
        "style": _own("style.css"),
        "figures": json_text(_figures(material)),
        **{name: _script(text) for name, text in scripts.items()},
        **_sections(material),
    }
    used = sum(len(text.encode()) for text in fields.values()) + _RESERVE_BYTES
    volumes, factor = collect_volumes(material, MAX_BYTES - used)
    fields["scans"] = viewer.viewer_section(material, volumes, factor)
    fields["volumes"] = json_text(viewer.viewer_data(volumes)) if volumes else "null"
    return Template(_own("template.html")).substitute(fields)


def escape_title(material: Material) -> Markup:
    """Title of the page."""
    return element("title", f"oncotwin report: {material.names.patient(material.patient.id)}")


def _sections(material: Material) -> dict[str, str]:
    names, patient = material.names, material.patient
    subtitle = f"{names.site(patient.site)}, {len(patient.visits)} visits, "
    subtitle += f"{len(material.posterior.fitted_visits)} of them fitted"
    missing_forecast = paragraph(
        "There is no forecast yet. Make one with ", element("code", "oncotwin forecast RUN"), "."
    )
    missing_plans = paragraph(
        "No plans have been simulated yet. Make them with ",
        element("code", "oncotwin sweep RUN --plans plans.yaml --draws 32"),
        ".",
    )
    scores = missing_forecast if material.forecast is None else parameters.score_table(material)
    burden = missing_forecast if material.forecast is None else _charts(_BURDEN)
    ranked = material.ranking is not None
    effects = _charts(_EFFECTS) if ranked and material.outcomes is not None else Markup("")
    return {
        "patient": element("h1", f"Digital twin report: {names.patient(patient.id)}"),
        "subtitle": paragraph(subtitle, class_="subtitle"),
        "banner": summary.banner(material),
        "summary": _UNIT.sub("\\1\u00a0\\2", summary.summary(material)),
        "timeline": timeline.timeline(material),
        "burden": burden,
        "scores": scores,
        "parameters": parameters.parameter_table(material),
        "pareto": _charts(_PARETO) + effects if ranked else missing_plans,
        "plans": plans.plan_table(material) if ranked else missing_plans,
        "provenance": provenance_html(material),
    }


def provenance_html(material: Material) -> Markup:
    """The last section."""
    return provenance.provenance_section(material)


_BURDEN = {
    "burden-seen": "Cell burden that an ADC map shows (living cells and killed ones not yet "
    "cleared), in mL of tissue at full carrying capacity.",
    "burden-visible": "Visible tumor volume in mL.",
}
_PARETO = {
    "pareto": "Every plan: expected log₁₀ of the ranked burden (lower is better) against the worst "
    "toxicity, the largest dose over limit of any organ or drug. The line joins plans that no "
    "other plan beats in both. −6 is the floor (10⁻⁶ mL). Point at a plan to see its name.",
}
_EFFECTS = {
    "plan-effects": "Viable burden in mL at capacity under the best-ranked plan and the standard "
    "of care: median and 90 % band over posterior draws; a band at 10⁻⁶ mL stands for less than "
    "that.",
}


def _charts(captions: dict[str, str]) -> Markup:
    boxes = [
        element(
            "figure",
            element("div", id=f"chart-{key}", class_="chart", data_chart=key),
            element("figcaption", text),
        )
        for key, text in captions.items()
    ]
    return element("div", *boxes, class_="charts" if len(boxes) > 1 else "charts one")


def _figures(material: Material) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if material.forecast is not None:
        made["burden-seen"] = figures.burden_figure(material, "burden_ml")
        made["burden-visible"] = figures.burden_figure(material, "visible_ml")
    if material.ranking is not None:
        made["pareto"] = figures.pareto_figure(material)
        if material.outcomes is not None:
            made["plan-effects"] = figures.plan_figure(material)
    return made


def _own(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8").replace("\r\n", "\n")


def _vendor(name: str) -> str:
    found = sorted((_FOLDER / "vendor").glob(f"{name}*.js"))
    if not found:
        raise TwinError(
            f"the vendored script {name} is missing",
            where="experiments/report/vendor",
            fix="Install oncotwin again; NOTICE names the script's version.",
        )
    text = found[0].read_text(encoding="utf-8").replace("\r\n", "\n").replace("\r", "\n")
    if "</script" in text.lower() or "<!--" in text:
        raise TwinError(f"the vendored script {name} cannot stand inside an HTML page")
    return text


def _script(text: str) -> str:
    return f"<script>{text}</script>" if text else ""


def _policy(scripts) -> str:
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
        for text in scripts
        if text
    )
    return (
        f"default-src 'none'; script-src {hashes} 'wasm-unsafe-eval'; style-src 'unsafe-inline'; "
        "img-src data: blob:; connect-src data: blob:; worker-src blob:; font-src data:; "
        "base-uri 'none'; form-action 'none'"
    )

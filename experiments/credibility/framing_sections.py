"""Sections that frame the evidence: question, risk, versions, parameters, applicability, limits."""

from __future__ import annotations

from typing import Any

from experiments.credibility.pieces import (
    lines,
    maybe,
    no_evidence,
    numeric,
    percent,
    small,
    verdict,
)
from experiments.report.markup import (
    Markup,
    bullets,
    element,
    join,
    paragraph,
    span_text,
    table,
)
from experiments.report.names import ANIMAL

Record = dict[str, Any]


def question(record: Record) -> Markup:
    """What was asked of this run, and what it may not be used for."""
    asked = record["question"]
    fitted = ", ".join(asked["fitted_visits"])
    use = (
        f"Research on the digital twin of one {asked['site']}: the {asked['model']} model,"
        f" calibrated by {asked['method']} to the visits {fitted}; what is simulated starts on"
        f" day {asked['decision_day']:g}, the day of the last of them."
    )
    return join(
        [
            element("h3", "Questions that this run was asked"),
            bullets(asked["asked"]),
            element("h3", "Context of use"),
            paragraph(use),
            element("h3", "Forbidden uses"),
            bullets(asked["forbidden_uses"]),
        ]
    )


def risk(record: Record) -> Markup:
    """Fields that no program can fill."""
    fields = (
        "Influence of the model on the decision",
        "Consequence of a wrong decision",
        "Model risk (influence and consequence)",
        "Evidence judged adequate for it",
        "Name and role",
        "Date and signature",
    )
    pairs = [part for name in fields for part in (element("dt", name), element("dd", ""))]
    text = "To be judged by the user, and left empty by the program (ASME V&V 40: risk is the"
    text += " influence of the model on a decision times the consequence of its being wrong)."
    return join([paragraph(text), element("dl", *pairs, class_="fields")])


def versions(record: Record) -> Markup:
    """What the run was made with."""
    found = record["versions"]
    made, now = found["made_with"].get("versions", {}), found["reported_with"]["versions"]
    rows = [
        [name, made.get(name, "–"), now.get(name, "–")] for name in dict.fromkeys([*made, *now])
    ]
    platforms = [found["made_with"].get("platform", "–"), found["reported_with"]["platform"]]
    facts = f"Run made {found['created']}, seed {found['seed']}, schema {found['schema']}. Steps: "
    facts += ", ".join(f"{step['step']} {step['time']}" for step in found["steps"])
    hashes = [
        [element("code", name), element("code", digest)]
        for name, digest in found["inputs_sha256"].items()
    ]
    return join(
        [
            paragraph(facts, "."),
            table(["", "run made with", "this report"], [*rows, ["platform", *platforms]]),
            element("h3", "Files of the patient"),
            table(["File", "SHA-256"], hashes),
        ]
    )


def parameters(record: Record) -> Markup:
    """Equations, and every parameter with what stands behind it."""
    found, model = record["parameters"], record["equations"]
    counts = [
        [ANIMAL if kind == "animal" else kind, count, resting_on(found, kind)]
        for kind, count in found["counts"].items()
    ]
    rows = [
        [
            join([element("code", row["name"], class_="name"), small(row["description"])]),
            row["unit"] if row["unit"] != "1" else "–",
            maybe(row["point"]),
            numeric(span_text(row["low"], row["high"])),
            row["prior"],
            _determined(row),
            join(
                [
                    ANIMAL if row["provenance"] == "animal" else row["provenance"],
                    small(row["citation"]),
                ]
            ),
        ]
        for row in found["rows"]
    ]
    head = ["Parameter", "Unit", "Point", "90 % interval", "Prior", "By the scans"]
    return join(
        [
            paragraph(model["summary"]),
            paragraph("Sources named by the model: ", ", ".join(model["sources"]) or "none", "."),
            table(
                ["Kind of evidence behind the prior", "parameters", "of them resting on it"],
                counts,
                right=(1, 2),
            ),
            element("h3", "Parameters"),
            table([*head, "Evidence"], lines(rows), class_="wide", right=(2, 3)),
        ]
    )


def resting_on(found: Record, kind: str) -> int:
    """How many undetermined parameters have a prior of a kind."""
    return found["resting_on_prior_by_provenance"].get(kind, 0)


def _determined(row: Record) -> Markup:
    if row["determined"] is None:
        return element("span", "fixed", class_="tag plain")
    share = f"{100 * row['contraction']:.0f} % narrower"
    if row["determined"]:
        return element("span", share, class_="tag yes")
    return element("span", "rests on prior", class_="tag no")


def applicability(record: Record) -> Markup:
    """The patient beside the tested cases, its priors and outlined tumors."""
    found = record["applicability"]
    cases = [case["name"] for case in found["cases"]]
    rows = [
        [row["quantity"], maybe(row["here"]), *(maybe(v) for v in row["tested"]), _inside(row)]
        for row in found["rows"]
    ]
    followed = found["real_patients_followed"]
    said: list[object] = [
        join(
            [
                "Real patients in whose later scans a spatial model of this package was tested: ",
                element("strong", followed or "0 (no evidence)"),
                f". The {len(cases)} cases below have simulated follow-up.",
            ]
        )
    ]
    if found["is_a_case"]:
        said.append(
            f"This patient is {found['is_a_case'][0]}: that column does not count as a test of it."
        )
    if not found["site_tested"]:
        said.append("The site of this tumor is that of no other case.")
    ahead = found["extrapolation"]
    said.append(
        f"The simulated courses reach {ahead['simulated_days_after_the_decision']:.0f} days beyond"
        f" {ahead['observed_days']:.0f} observed days, {ahead['ratio']:.1f} times as far."
    )
    odd = [p for p in found["prior_percentiles"] if not p["central_90"]]
    said += [
        f"{p['name']} stands at the {p['percentile']:.1f}th percentile of its prior, outside the"
        " central 90 %."
        for p in odd
    ]
    if not odd:
        said.append("Every parameter that the visits determine is in its prior's central 90 %.")
    among = found["outlines"]
    if among is None:
        said.append(join(["Place among outlined real tumors of this site: ", no_evidence()]))
    else:
        said.append(
            f"Its outlined volume is at the {among['percentile']:.0f}th percentile of"
            f" {among['count']} real outlines of this site ({among['smallest_ml']:.3g} to"
            f" {among['largest_ml']:.4g} mL), on which only image features were tested."
        )
    head = ["Quantity", "this patient", *cases, "within other cases?"]
    return join([bullets(said), table(head, lines(rows), right=range(1, 2 + len(cases)))])


def _inside(row: Record) -> Markup:
    if row["inside"] is None:
        return no_evidence()
    return verdict(row["inside"], "within", "outside")


def limits(record: Record) -> Markup:
    """What may not be concluded, with what this run itself warns of."""
    said = [
        "Checks that pass show that the equations are solved; they do not show that the equations"
        " hold for this tumor.",
        "Intervals hold what this one model leaves open. If its equations are wrong, the truth can"
        " lie outside all of them.",
        "The halved step and voxel are computed at the calibrated parameters; a calibration on"
        " the finer grid could move them.",
        "Burden is in mL of tissue at full carrying capacity, not a number of cells.",
        *record["calibration"]["warnings"],
    ]
    resting = record["parameters"]["resting_on_prior"]
    if resting:
        said.append(f"{resting} parameters rest on their priors: so does what depends on them.")
    if record["simulated"]:
        said.append(
            "Agreement with simulated data shows that the methods work on such data, not that"
            " they predict a person."
        )
    return bullets(said)


def fda(record: Record) -> Markup:
    """The eight categories."""
    rows = [
        [
            str(index),
            row["category"],
            row["evidence"] if row["evidence"] else no_evidence(),
            row["remark"],
            element("a", row["section"], href=f"#{row['section']}") if row["section"] else "–",
        ]
        for index, row in enumerate(record["fda"], start=1)
    ]
    caption = (
        "Categories of the FDA guidance “Assessing the credibility of computational modeling and"
        " simulation in medical device submissions” (17 November 2023, docket FDA-2021-D-0980)."
    )
    return table(["", "Category", "Evidence", "Remark", "Section"], rows, caption=caption)


def nasem(record: Record) -> Markup:
    """Themes of the report on digital twins."""
    caption = "After “Foundational research gaps and future directions for digital twins”,"
    caption += f" doi 10.17226/26894. Worst change by finer numerics: {_worst(record)}."
    rows = [[row["theme"], row["state"]] for row in record["nasem"]]
    return table(["Theme", "State of this twin"], rows, caption=caption)


def _worst(record: Record) -> str:
    worst = record["calculation"]["worst_in_sd"]
    return "no evidence" if worst is None else f"{percent(worst)} of a posterior sd"

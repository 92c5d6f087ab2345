"""The eight evidence categories of FDA 2023 and the themes of NASEM 2024, filled from a record."""

from __future__ import annotations

from typing import Any

NO_EVIDENCE = "no evidence"


def fda_categories(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Category, what there is (None: no evidence), why not or what it is worth, and its section."""
    rows = [
        ("Code verification results", _code(record), "", "code"),
        ("Model calibration evidence", _calibration(record), "", "calibration"),
        (
            "Bench test validation results",
            None,
            "No experiment on cells, tissue or phantoms belongs to this run.",
            "",
        ),
        ("In vivo validation results", *_in_vivo(record), "validation"),
        (
            "Population-based validation results",
            None,
            "The forecasts of this model were compared with no group of real patients.",
            "applicability",
        ),
        ("Emergent model behavior", *_emergent(record), "code"),
        ("Model plausibility evidence", _plausibility(record), "", "parameters"),
        (
            "Calculation verification/UQ results using COU simulations",
            _calculation(record),
            "",
            "calculation",
        ),
    ]
    return [
        {"category": name, "evidence": found, "remark": remark, "section": section}
        for name, found, remark, section in rows
    ]


def _code(record: dict[str, Any]) -> str:
    checks, recorded = record["code"]["checks"], record["code"]["recorded"]
    text = f"{sum(c['passed'] for c in checks)} of {len(checks)} checks keep their bound"
    if recorded is not None:
        outcomes = recorded["outcomes"]
        apply = recorded["properties"] - outcomes.get("not applicable", 0)
        text += f"; recorded earlier: {outcomes.get('holds', 0)} of {apply} properties hold"
    return text


def _calibration(record: dict[str, Any]) -> str:
    fit, table = record["calibration"], record["parameters"]
    state = "converged" if fit["converged"] else "did not converge"
    free = table["determined"] + table["resting_on_prior"]
    return (
        f"The fit to {len(record['question']['fitted_visits'])} visits {state};"
        f" the visits determine {table['determined']} of {free} free parameters"
    )


def _in_vivo(record: dict[str, Any]) -> tuple[str | None, str]:
    found = record["validation"]
    if found is None:
        return None, "No visit was held out and forecast."
    real = found["visits"] - found["simulated_visits"]
    if real == 0:
        return None, (
            f"All {found['visits']} held-out visits of this patient are simulated: agreement with"
            " them says nothing about a person."
        )
    return f"{real} real held-out visits of this patient, scored against baselines", ""


def _emergent(record: dict[str, Any]) -> tuple[str | None, str]:
    check = record["emergent"]
    text = f"{check['name']}: {check['figure']:.2g} from {check['against']}"
    text += f", bound {check['bound']:g}: {'kept' if check['passed'] else 'missed'}"
    if record["question"]["model"] == "fisher-kpp":
        return text, ""
    return None, f"For Fisher-KPP alone, not for {record['question']['model']}: {text}."


def _plausibility(record: dict[str, Any]) -> str:
    counts = record["parameters"]["counts"]
    sources = len(record["equations"]["sources"])
    listed = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    return f"Equations with {sources} published sources; parameters: {listed}"


def _calculation(record: dict[str, Any]) -> str:
    worst = record["calculation"]["worst_in_sd"]
    text = "No quantity of interest varies over the posterior"
    if worst is not None:
        text = f"Finer steps and voxels change no quantity by more than {worst:.2g} posterior sd"
    analyzed = "present" if record["sensitivity"] is not None else NO_EVIDENCE
    return f"{text}; sensitivity: {analyzed}"


def nasem_notes(record: dict[str, Any]) -> list[dict[str, str]]:
    """What the report of 2024 asks of a digital twin, and how this one stands."""
    asked, ranking = record["question"], record["ranking"]
    back = NO_EVIDENCE + " (no plans were ranked)"
    if ranking is not None:
        back = f"{ranking['plans']} candidate plans were simulated and ranked"
    return [
        {
            "theme": "From the patient to the twin",
            "state": f"{len(asked['fitted_visits'])} of {asked['visits']} visits were assimilated,"
            f" up to day {asked['decision_day']:g}. A new scan enters by a new calibration.",
        },
        {
            "theme": "From the twin to the patient",
            "state": f"{back}. Nothing in this run shows that a treatment followed from it: the"
            " loop is not closed, and may not be closed by this software.",
        },
        {
            "theme": "Fit for purpose",
            "state": "Judged against the context of use at the top, for this patient alone; the"
            " judgement is the user's.",
        },
        {
            "theme": "Verification, validation and uncertainty quantification as a continual"
            " process",
            "state": f"Measured on {record['made'][:10]} with oncotwin"
            f" {record['versions']['reported_with']['versions'].get('oncotwin', '?')}. Repeat the"
            " command after every new visit, new version and changed file; an older report does"
            " not carry over.",
        },
    ]

"""Every figure of a credibility report, as plain data: measured now, or read from the run.

After ASME V&V 40-2018, the FDA guidance on computational modeling and simulation (17 November 2023,
docket FDA-2021-D-0980) and NASEM 2024 (doi 10.17226/26894). Where nothing was measured a section is
null, which the page shows as "no evidence".
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np

from experiments.credibility.applicability import applicability, recorded_conformance
from experiments.credibility.code_checks import FRONT, code_checks
from experiments.credibility.fit_evidence import calibration, uncertainty, validation
from experiments.credibility.run_facts import equations, parameters, question, versions
from experiments.credibility.standards import fda_categories, nasem_notes
from experiments.engines.local import every_core
from experiments.runs import Run
from experiments.sensitivity import load_sensitivity
from experiments.workflow import load_forecast
from twin.calibration.posterior import Posterior
from twin.draws import setting_of
from twin.scenarios.refinement import Change, refinement_changes
from twin.scenarios.sensitivity import courses_of_interest

SCHEMA = "oncotwin-credibility/1"


def credibility_record(run: Run, posterior: Posterior) -> dict[str, Any]:
    """The whole record of a run. Takes a minute or two: code and calculation are verified anew."""
    forecast = load_forecast(run) if run.has("forecast.h5") else None
    plans = courses_of_interest(posterior)
    checks = [check.plain() for check in code_checks()]
    changes = [
        _plain(change)
        for change in refinement_changes(posterior, plans, seed=run.seed, engine=every_core)
    ]
    worst = [c["in_sd"] for c in changes if c["in_sd"] is not None]
    record: dict[str, Any] = {
        "schema": SCHEMA,
        "note": "Research use, not for clinical decisions.",
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "simulated": _simulated(posterior),
        "question": question(run, posterior),
        "versions": versions(run),
        "equations": equations(posterior),
        "parameters": parameters(posterior),
        "code": {
            "checks": [check for check in checks if check["name"] != FRONT],
            "recorded": recorded_conformance(run.configuration["model"]),
        },
        "emergent": next(check for check in checks if check["name"] == FRONT),
        "calculation": {"changes": changes, "worst_in_sd": max(worst, default=None)},
        "calibration": calibration(posterior, forecast),
        "has_forecast": forecast is not None,
        "validation": validation(posterior, forecast),
        "uncertainty": uncertainty(posterior, max(worst, default=None)),
        "sensitivity": load_sensitivity(run, posterior),
        "applicability": applicability(run, posterior, plans.horizon_days),
        "ranking": _ranking(run),
    }
    record["fda"] = fda_categories(record)
    record["nasem"] = nasem_notes(record)
    return record


def _simulated(posterior: Posterior) -> str:
    """What of this patient is simulated, in one sentence; "" if nothing is."""
    patient = setting_of(posterior).patient
    names = [visit.name for visit in patient.visits if visit.simulated]
    if patient.simulated_note:
        return patient.simulated_note
    return f"Simulated visits: {', '.join(names)}." if names else ""


def _plain(change: Change) -> dict[str, Any]:
    quantity = change.quantity
    figures = ("median", "sd", "change", "percent", "in_sd")
    return {
        "quantity": quantity.name,
        "unit": quantity.unit,
        "plan": quantity.plan,
        "day": quantity.day,
        "refinement": change.refinement,
        **{name: _finite(getattr(change, name)) for name in figures},
    }


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _ranking(run: Run) -> dict[str, Any] | None:
    """What was ranked; None where no sweep has finished."""
    if not run.has("ranking.json"):
        return None
    entry = next((e for e in reversed(run.description["history"]) if e["step"] == "sweep"), None)
    if entry is None:
        return None
    names = ("plans", "draws", "scenarios", "finalists", "fresh_draws", "objective", "horizon_days")
    return {name: entry[name] for name in names if name in entry}

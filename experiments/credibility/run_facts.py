"""What a run was asked, with what, and what is known of its parameters."""

from __future__ import annotations

import inspect
import re
import sys
from collections import Counter
from typing import Any

from experiments.report.names import DOI, OBJECTIVES
from experiments.runs import Run, environment
from twin.calibration.posterior import Posterior
from twin.draws import setting_of

FORBIDDEN_USES = (
    "Choosing, changing or withholding the treatment of a person.",
    "Telling a person a prognosis, or any number of this page as one.",
    "Reading a small simulated burden as a cure, or a burden as a number of cells.",
    "Use for another patient, another site or another model than those named here.",
    "Use after the patient's files, the version of the code or the posterior have changed.",
)


def question(run: Run, posterior: Posterior) -> dict[str, Any]:
    """Question of interest and context of use, from what the run holds."""
    patient = setting_of(posterior).patient
    chosen = run.configuration
    done = {entry["step"]: entry for entry in run.description["history"]}
    asked = ["Which parameters of the model go with this patient's fitted visits, and how surely?"]
    if run.has("forecast.h5") and "forecast" in done:
        beyond = done["forecast"].get("horizon_days", 0.0)
        asked.append(
            "What will be seen at every visit under the treatments given"
            + (f", and {beyond:g} days beyond the last one?" if beyond else "?")
        )
    if run.has("ranking.json") and "sweep" in done:
        entry = done["sweep"]
        objective = OBJECTIVES.get(entry["objective"], entry["objective"])
        asked.append(
            f"Which of {entry['plans']} candidate treatments does best by the {objective},"
            f" within {entry['horizon_days']:g} days of the decision?"
        )
    return {
        "patient": patient.id,
        "site": patient.site.replace("_", " "),
        "model": chosen["model"],
        "method": chosen["method"],
        "visits": len(patient.visits),
        "fitted_visits": list(posterior.fitted_visits),
        "decision_day": posterior.decision_day,
        "asked": asked,
        "forbidden_uses": list(FORBIDDEN_USES),
    }


def versions(run: Run) -> dict[str, Any]:
    """Versions, seed and hashes: of the run as it was made, and of this command."""
    description = run.description
    return {
        "schema": description["schema"],
        "created": description.get("created"),
        "seed": run.seed,
        "made_with": description.get("environment", {}),
        "reported_with": environment(),
        "inputs_sha256": description["inputs"],
        "steps": [
            {"step": entry["step"], "time": entry.get("time")} for entry in description["history"]
        ],
    }


def parameters(posterior: Posterior) -> dict[str, Any]:
    """The parameter table with what stands behind each prior, and how many rest on what."""
    rows = posterior.summary()
    counts = Counter(row["provenance"] for row in rows)
    resting = Counter(row["provenance"] for row in rows if row["determined"] is False)
    return {
        "rows": rows,
        "counts": {
            kind: counts.get(kind, 0)
            for kind in ("measured", "literature human", "animal", "assumed")
        },
        "determined": sum(row["determined"] is True for row in rows),
        "resting_on_prior": sum(row["determined"] is False for row in rows),
        "resting_on_prior_by_provenance": dict(resting),
        "fixed": sum(row["determined"] is None for row in rows),
    }


def equations(posterior: Posterior) -> dict[str, Any]:
    """What the model says it is, and the sources that it names."""
    module = sys.modules[type(setting_of(posterior).model).__module__]
    text = inspect.cleandoc(module.__doc__ or "")
    joined = re.sub(r"doi\s+", "doi ", text)
    return {
        "summary": text.split("\n")[0],
        "sources": sorted({match.rstrip(").;,") for match in DOI.findall(joined)}),
    }

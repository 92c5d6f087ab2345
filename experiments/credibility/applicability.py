"""How far a patient is from where the models were tested, and what the conformance kit recorded.

tested.json (scripts/tested_cases.py) holds the cases: all of their follow-up is simulated. No real
patient's follow-up has tested a spatial model of this package, and the section says so.
"""

from __future__ import annotations

import json
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from scipy import special

from experiments.runs import Run
from twin.calibration.posterior import Posterior
from twin.calibration.setting import Setting, outline
from twin.draws import setting_of

REAL_PATIENTS_FOLLOWED = 0
"""Real patients in whose later scans a spatial model of this repository was tested."""


def applicability(run: Run, posterior: Posterior, horizon_days: float) -> dict[str, Any]:
    """This patient beside the tested cases, within its priors, and among outlined tumors."""
    setting = setting_of(posterior)
    known = json.loads(files(__package__).joinpath("tested.json").read_text(encoding="utf-8"))
    cases = known["cases"]
    volume = _outlined_ml(setting)
    days = [visit.time_days for visit in setting.fitted]
    here: dict[str, tuple[str, float | None]] = {
        "outlined_ml": ("outlined volume at the first fitted visit, mL", volume),
        "voxel_mm": ("longest voxel edge, mm", float(max(setting.patient.grid.spacing_mm))),
        "fitted_visits": ("fitted visits", float(len(days))),
        "days_between_visits": ("mean days between them", float(np.diff(days).mean())),
    }
    same = run.description["inputs"].get("patient.yaml")
    own = [bool(case["patient_file"]) and case["patient_file"] == same for case in cases]
    rows = [
        _row(title, value, [case[key] for case in cases], own)
        for key, (title, value) in here.items()
    ]
    for name, value in posterior.point.items():
        beside = [case["parameters"].get(name) for case in cases]
        if name in posterior.names and any(v is not None for v in beside):
            rows.append(_row(name, value, beside, own))
    outlines = known["real_outlines_ml"].get(setting.patient.site)
    return {
        "real_patients_followed": REAL_PATIENTS_FOLLOWED,
        "cases": [{"name": case["name"], "site": case["site"]} for case in cases],
        "is_a_case": [case["name"] for case, it in zip(cases, own, strict=True) if it],
        "site_tested": setting.patient.site
        in {case["site"] for case, it in zip(cases, own, strict=True) if not it},
        "rows": rows,
        "extrapolation": {
            "observed_days": days[-1] - days[0],
            "simulated_days_after_the_decision": horizon_days,
            "ratio": horizon_days / max(days[-1] - days[0], 1e-9),
        },
        "prior_percentiles": _percentiles(posterior),
        "outlines": _among(volume, outlines),
    }


def _row(
    title: str, value: float | None, tested: list[float | None], own: list[bool]
) -> dict[str, Any]:
    """A quantity, and whether it lies within what cases span; the patient's own do not count."""
    known = [v for v, it in zip(tested, own, strict=True) if v is not None and not it]
    inside = None
    if value is not None and known:
        inside = bool(min(known) <= value <= max(known))
    return {"quantity": title, "here": value, "tested": tested, "inside": inside}


def _outlined_ml(setting: Setting) -> float | None:
    visit = next((visit for visit in setting.fitted if visit.masks), None)
    return None if visit is None else setting.patient.volume_ml(outline(visit))


def _percentiles(posterior: Posterior) -> list[dict[str, Any]]:
    """Where the estimates stand in their priors; outside the central 90 % is marked."""
    shares = special.ndtr(posterior.z_mean)
    return [
        {"name": name, "percentile": 100.0 * float(p), "central_90": bool(0.05 <= p <= 0.95)}
        for name, p, known in zip(posterior.names, shares, posterior.determined, strict=True)
        if known and not posterior.table[name].of_map
    ]


def _among(volume: float | None, outlines: list[float] | None) -> dict[str, Any] | None:
    if volume is None or not outlines:
        return None
    below = np.mean(np.asarray(outlines) < volume)
    return {
        "count": len(outlines),
        "percentile": 100.0 * float(below),
        "smallest_ml": min(outlines),
        "largest_ml": max(outlines),
    }


def recorded_conformance(model: str) -> dict[str, Any] | None:
    """Verdicts of the conformance kit on a model, as the repository recorded them; None without.

    An installation without the documentation has none.
    """
    path = Path(str(files("experiments"))).parent / "docs/reference/conformance-results.jsonl"
    if not path.is_file():
        return None
    for line in path.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if entry["path"].endswith(f"ours:{model.replace('-', '_')}"):
            counts = Counter(verdict["outcome"] for verdict in entry["verdicts"].values())
            return {
                "simulator": entry["simulator"],
                "date": entry["date"],
                "properties": len(entry["verdicts"]),
                "outcomes": dict(counts),
                "failed": [n for n, v in entry["verdicts"].items() if v["outcome"] == "fails"],
            }
    return None

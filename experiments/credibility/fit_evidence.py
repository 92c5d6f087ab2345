"""Calibration, validation on held-out visits, and what the intervals do and do not hold."""

from __future__ import annotations

from typing import Any

import numpy as np

from twin.calibration.posterior import UNDETERMINED_BELOW, Posterior
from twin.calibration.setting import raw_density
from twin.draws import setting_of
from twin.forecasting import Forecast, VisitForecast
from twin.forecasting.scores import interval

BASELINES = {
    "no_change": "carry forward",
    "exponential": "exponential",
    "prior": "population prior",
}
QUANTITIES = {"burden": "cell burden seen, mL", "visible": "outlined volume, mL"}


def calibration(posterior: Posterior, forecast: Forecast | None) -> dict[str, Any]:
    """How the fit went, what it left over, and whether it reproduces what it was fitted to."""
    sds = np.sqrt(np.maximum(np.linalg.eigvalsh(posterior.z_covariance), 0.0))
    fitted = [] if forecast is None else [v for v in forecast.visits if not v.held_out]
    figures = {
        name: float(value)
        for name, value in posterior.diagnostics.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    return {
        "converged": bool(posterior.converged),
        "warnings": [str(text) for text in posterior.diagnostics.get("warnings", ())],
        "figures": figures,
        "noise": {name: float(value) for name, value in posterior.noise.items()},
        "directions": {
            "sd_over_prior": sorted(float(sd) for sd in sds),
            "informed": int((sds <= 1.0 - UNDETERMINED_BELOW).sum()),
        },
        "fitted_visits": [row for visit in fitted for row in _rows(posterior, visit)] or None,
    }


def validation(posterior: Posterior, forecast: Forecast | None) -> dict[str, Any] | None:
    """Scores on visits that the fit did not see; None where there are none."""
    if forecast is None or not forecast.held_out:
        return None
    rows = [row for visit in forecast.held_out for row in _rows(posterior, visit)]
    if not rows:
        return None
    means = []
    for quantity in dict.fromkeys(row["quantity"] for row in rows):
        own = [row for row in rows if row["quantity"] == quantity]
        twin = float(np.mean([row["crps"] for row in own]))
        rivals = {}
        for name in BASELINES:
            scores = [row[f"crps_{name}"] for row in own if row[f"crps_{name}"] is not None]
            if len(scores) == len(own):
                rivals[name] = float(np.mean(scores))
        means.append(
            {
                "quantity": quantity,
                "visits": len(own),
                "crps": twin,
                **{f"crps_{name}": rivals.get(name) for name in BASELINES},
                "better_than": [name for name, score in rivals.items() if twin < score],
                "compared_with": list(rivals),
                "inside_90": int(sum(row["inside_90"] for row in own)),
            }
        )
    return {
        "rows": rows,
        "means": means,
        "simulated_visits": sum(v["simulated"] for v in _visits(rows)),
        "visits": len(_visits(rows)),
    }


def _visits(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({row["visit"]: row for row in rows}.values())


def _rows(posterior: Posterior, visit: VisitForecast) -> list[dict[str, Any]]:
    """What was seen at a visit beside what the twin said, one row a quantity."""
    simulated = {v.name: v.simulated for v in setting_of(posterior).patient.visits}
    sources = {
        "burden": (visit.observed_viable_ml, visit.predicted_burden_ml, "ccc"),
        "visible": (visit.observed_visible_ml, visit.predicted_visible_ml, "dice"),
    }
    rows = []
    for quantity, (observed, draws, overlap) in sources.items():
        if observed is None:
            continue
        low, high = interval(draws)
        scores = visit.scores
        rows.append(
            {
                "visit": visit.name,
                "day": visit.time_days,
                "simulated": bool(simulated.get(visit.name, False)),
                "quantity": quantity,
                "observed": observed,
                "median": interval(draws, 0.0)[0],
                "low": low,
                "high": high,
                "inside_90": bool(scores[f"{quantity}_hit_90"]),
                "crps": scores[f"{quantity}_crps"],
                **{f"crps_{n}": scores.get(f"{quantity}_crps_{n}") for n in BASELINES},
                "map_agreement": scores.get(overlap),
                "map_score": overlap,
            }
        )
    return rows


def uncertainty(posterior: Posterior, worst_in_sd: float | None) -> list[dict[str, Any]]:
    """Sources of uncertainty, whether intervals hold them, and how."""
    setting = setting_of(posterior)
    known = {row["name"]: row["determined"] for row in posterior.summary()}
    inside = [name for name, yes in known.items() if yes]
    resting = [name for name, yes in known.items() if yes is False]
    fixed = [name for name, yes in known.items() if yes is None]
    noise = posterior.noise
    seen = {kind: noise[f"{kind}_sd"] for kind in ("density", "outline") if f"{kind}_sd" in noise}
    shown = ", ".join(f"sd of {kind} {value:.3g}" for kind, value in seen.items())
    image = raw_density(setting.patient, setting.fitted[0]) is not None
    numerical = "not measured"
    if worst_in_sd is not None:
        numerical = f"at most {worst_in_sd:.2g} posterior standard deviations, see above"
    sources: list[tuple[str, bool, str]] = [
        ("parameters that the visits determine", bool(inside), ", ".join(inside) or "none"),
        ("parameters that rest on their priors", bool(resting), ", ".join(resting) or "none"),
        ("parameters that are fixed", False, ", ".join(fixed) or "none"),
        (
            "measurement noise and model discrepancy",
            bool(seen),
            f"estimated from the residuals of the fit: {shown}" if seen else "not estimated",
        ),
        (
            "noise of the image that the simulation starts from",
            image,
            "by repeating the fit on simulated images" if image else "no density image there",
        ),
        ("numerical error", False, numerical),
        ("equations other than these", False, "one model was calibrated"),
        ("registration and resampling of the images", False, "taken as exact"),
        ("dose that reached each voxel", False, "every tumor voxel gets the prescribed dose"),
    ]
    return [{"source": a, "included": b, "how": c} for a, b, c in sources]

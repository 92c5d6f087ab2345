"""`oncotwin compare-models`: a run folder with comparison.json, and what is printed of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from experiments import console
from experiments.runs import Run
from experiments.workflow import model_named, prepare
from twin.errors import TwinError
from twin.forecasting.comparison import Comparison, compare_models
from twin.patient_folder import load_patient

QUANTITIES = {"burden": "burden", "visible": "outlined volume"}


def compare_run(
    patient_folder: str | Path,
    run_folder: str | Path,
    *,
    models: Sequence[str],
    visits: int | None = None,
    spacing_mm: float | None = None,
    draws: int = 64,
    seed: int = 0,
    restart: bool = False,
) -> tuple[Run, Comparison]:
    """Compare models of a patient by name and keep the figures in a run folder.

    Raises:
        TwinError: an unknown model, one named twice, or what `compare_models` refuses.
    """
    if len(set(models)) < len(models):
        raise TwinError("a model is named twice", where="--model", got=", ".join(models))
    equations = {name: model_named(name) for name in models}
    Run.refuse_taken(run_folder, restart=restart)
    patient = load_patient(patient_folder)
    found = compare_models(
        prepare(patient, spacing_mm=spacing_mm), equations, visits=visits, draws=draws, seed=seed
    )
    configuration = {
        "patient": str(Path(patient_folder).resolve()),
        "visits": len(found.posteriors[0].fitted_visits),
        "models": list(models),
        "spacing_mm": spacing_mm,
    }
    run = Run.create(run_folder, dict(patient.provenance), configuration, seed, restart=restart)
    run.save_json("comparison.json", as_json(found))
    run.record("compare-models", {"converged": found.converged, "draws": draws})
    return run, found


def as_json(found: Comparison) -> dict[str, Any]:
    """The figures of a comparison."""
    rows = {}
    evidence = found.evidence
    for m, name in enumerate(found.names):
        rows[name] = {
            "converged": found.posteriors[m].converged and evidence.converged[m],
            "log_evidence": float(evidence.log[m] - evidence.log.max()),
            "evidence_weight": float(evidence.weights[m]),
            "log_scores": [float(value) for value in found.log_scores[m]],
            "weight": float(found.weights[m]),
            "weight_interval_90": [float(value) for value in found.weight_interval[m]],
            "weight_if_true": float(found.weight_if_true[m]),
        }
        for quantity, crps in found.crps.items():
            if np.isfinite(crps[m]).all():
                rows[name][f"{quantity}_crps_fitted_ml"] = float(crps[m].mean())
    held_out = {}
    for quantity in QUANTITIES:
        scores = found.held_out_score(f"{quantity}_crps")
        if scores:
            held_out[f"{quantity}_crps_ml"] = scores
    return {
        "models": rows,
        "predicted_fitted_visits": list(found.scored),
        "noise_from": found.evidence.noise_from,
        "held_out": held_out,
        "averaged": {visit: dict(scores) for visit, scores in found.averaged.items()},
    }


def print_comparison(found: Comparison) -> None:
    """Weights with their intervals, and held-out scores of each model beside the average."""
    table = Table(title=f"Models fitted to {', '.join(found.posteriors[0].fitted_visits)}")
    table.add_column("model")
    for column in ("log score", "weight", "90 %", "if true", "log evidence", "by evidence"):
        table.add_column(column, justify="right")
    evidence = found.evidence
    for m, name in enumerate(found.names):
        low, high = found.weight_interval[m]
        table.add_row(
            name,
            f"{found.log_scores[m].sum():.2f}",
            f"{found.weights[m]:.2f}",
            f"{low:.2f} to {high:.2f}",
            f"{found.weight_if_true[m]:.2f}",
            f"{evidence.log[m] - evidence.log.max():.1f}",
            f"{evidence.weights[m]:.2f}",
        )
    console.show(table)
    console.say(
        f"Log score: of {', '.join(found.scored)}, each predicted from the visits before it;"
        " weights follow from it. 90 %: where weights would lie had these visits come out"
        " otherwise. If true: mean weight of a model for visits of its own; near"
        f" {1 / len(found.names):.2f}, these visits cannot tell the models apart."
    )
    sources = ", ".join(f"{kind} from {name}" for kind, name in evidence.noise_from.items())
    console.say(f"Evidence is Laplace's under one noise ({sources}) and rests on the priors.")
    for quantity, text in QUANTITIES.items():
        scores = found.held_out_score(f"{quantity}_crps")
        if scores:
            listed = ", ".join(f"{name} {value:.2f}" for name, value in scores.items())
            console.say(f"Held-out CRPS of the {text}, mL (smaller is better): {listed}")
    unsettled = [
        name
        for name, posterior, converged in zip(
            found.names, found.posteriors, evidence.converged, strict=True
        )
        if not (posterior.converged and converged)
    ]
    if unsettled:
        names = ", ".join(unsettled)
        console.say(f"Warning: calibration did not converge ({names}): do not rely on its weight.")
    console.say(console.NOT_CLINICAL)

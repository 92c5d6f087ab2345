"""The main job, step by step on a run folder: calibrate, forecast, sweep, report.

Each step reads what the one before it left in the run folder and adds its own files, so that any
of them can be repeated, resumed after a crash, or done from Python instead of the command line.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from experiments.atomic_files import remove
from experiments.engines.local import every_core
from experiments.json_text import identity_of
from experiments.runs import Run
from experiments.store import ShardStore
from twin import __version__
from twin.calibration.calibrate import METHODS, Method, calibrate
from twin.calibration.gauss_newton import GaussNewton
from twin.calibration.infiltration import Infiltration, infiltration
from twin.calibration.parametrization import PARAMETRIZATIONS
from twin.calibration.posterior import Posterior
from twin.calibration.setting import make_setting
from twin.draws import setting_of
from twin.errors import TwinError
from twin.forecasting import Forecast, VisitForecast, forecast
from twin.lesions import LESION_MODELS, PatientLesion, fit_patient
from twin.models import MODELS
from twin.models.model import TumorModel
from twin.models.priors import growth_priors
from twin.observation.initial_state import ImageError
from twin.patient import Patient, coarsen_patient, crop_to_tumor
from twin.patient_folder import load_patient
from twin.scenarios import (
    Outcomes,
    PlanSet,
    Ranking,
    choose_finalists,
    concatenate,
    default_plans,
)
from twin.scenarios.constraints import Limits
from twin.scenarios.judging import check_objective
from twin.scenarios.patient_ranking import rank_for
from twin.scenarios.sweep import sweep

MARGIN_MM = 10.0
"""Tissue kept around the tumor whatever the forecast."""
FINALISTS, FRESH_DRAWS = 10, 200

Progress = Callable[[int, int], None]


FISHER_KPP = "fisher-kpp"
LESION = "lesion-"
"""Beginning of the names of models that know a lesion's volume alone."""


def model_named(name: str) -> TumorModel:
    """The spatial tumor model of a name on the command line."""
    if name not in MODELS:
        raise _unknown_model(name)
    return MODELS[name]()


def method_named(name: str, seed: int) -> Method:
    """A way to the posterior by name, with the seed of the run."""
    if name not in METHODS:
        raise TwinError(
            f"unknown method {name!r}",
            where="--method",
            expected=", ".join(METHODS),
            got=repr(name),
        )
    method = METHODS[name]()
    return method if isinstance(method, GaussNewton) else replace(method, seed=seed)


def _unknown_model(name: str) -> TwinError:
    known = [*MODELS, *(LESION + model for model in LESION_MODELS)]
    return TwinError(
        f"unknown model {name!r}", where="--model", expected=", ".join(known), got=repr(name)
    )


def prepare(
    patient: Patient, *, horizon_days: float = 180.0, spacing_mm: float | None = None
) -> Patient:
    """Crop a patient around the tumor, with a margin that grows with the time to be simulated.

    The margin is 10 mm and the way that a front of the site's median parameters travels from the
    first visit to the horizon; the grid's own border ends it.
    """
    if spacing_mm is not None:
        patient = coarsen_patient(patient, spacing_mm)
    median = {p.name: float(p.prior.transform(0.0)) for p in growth_priors(patient.site)}
    speed = 2.0 * math.sqrt(median["diffusivity"] * median["proliferation_rate"])
    days = patient.visits[-1].time_days - patient.visits[0].time_days + horizon_days
    return crop_to_tumor(patient, MARGIN_MM + speed * days)


def calibrate_run(
    patient_folder: str | Path,
    run_folder: str | Path,
    *,
    model: str = "fisher-kpp",
    method: str = "laplace",
    visits: int | None = None,
    spacing_mm: float | None = None,
    parametrization: str = PARAMETRIZATIONS[0],
    seed: int = 0,
    restart: bool = False,
) -> tuple[Run, Posterior]:
    """Calibrate a spatial model to a patient and start a run folder with the posterior."""
    equations, way = model_named(model), method_named(method, seed)
    Run.refuse_taken(run_folder, restart=restart)
    patient = load_patient(patient_folder)
    prepared = prepare(patient, spacing_mm=spacing_mm)
    posterior = calibrate(
        prepared, equations, visits=visits, method=way, parametrization=parametrization
    )
    chosen = {
        "model": model,
        "method": method,
        "spacing_mm": spacing_mm,
        "parametrization": parametrization,
    }
    run = _start(patient_folder, run_folder, patient, posterior, chosen, seed, restart)
    run.save_arrays(
        "posterior.h5",
        _scores(posterior),
        {
            "names": list(posterior.names),
            "converged": posterior.converged,
            "noise": dict(posterior.noise),
            "diagnostics": dict(posterior.diagnostics),
        },
    )
    return run, posterior


def _scores(posterior: Posterior) -> dict[str, np.ndarray]:
    """What a posterior knows of the scores, and of the error of the first image."""
    error = None if posterior.setting is None else posterior.setting.image_error
    found = {
        "z_mean": posterior.z_mean,
        "z_covariance": posterior.z_covariance,
        "z_draws": posterior.z_draws,
        "image_gain": posterior.image_gain,
        "image_draws": posterior.image_draws,
        "image_mean": None if error is None else np.asarray(error.mean),
        "image_modes": None if error is None else np.asarray(error.modes),
    }
    return {name: array for name, array in found.items() if array is not None}


def calibrate_lesion_run(
    patient_folder: str | Path,
    run_folder: str | Path,
    *,
    model: str,
    visits: int | None = None,
    seed: int = 0,
    restart: bool = False,
) -> tuple[Run, PatientLesion]:
    """Fit a model of the lesion's volume to the outlines of a patient and start a run folder."""
    name = model.removeprefix(LESION)
    if name not in LESION_MODELS:
        raise _unknown_model(model)
    Run.refuse_taken(run_folder, restart=restart)
    patient = load_patient(patient_folder)
    found = fit_patient(patient, LESION_MODELS[name](), visits=visits)
    run = _start(patient_folder, run_folder, patient, found, {"model": model}, seed, restart)
    return run, found


def infiltration_run(
    patient_folder: str | Path,
    run_folder: str | Path,
    *,
    model: str,
    spacing_mm: float | None = None,
    seed: int = 0,
    restart: bool = False,
) -> tuple[Run, Infiltration]:
    """Infiltration length from the first visit of a patient; the run holds no forecast."""
    if model != FISHER_KPP:
        raise TwinError(
            "one scan is read by the wave of logistic growth",
            where="--model",
            expected=FISHER_KPP,
            got=model,
        )
    Run.refuse_taken(run_folder, restart=restart)
    patient = load_patient(patient_folder)
    found = infiltration(prepare(patient, spacing_mm=spacing_mm), seed=seed)
    chosen = {"model": model, "spacing_mm": spacing_mm}
    return _start(patient_folder, run_folder, patient, found, chosen, seed, restart), found


def _start(
    patient_folder: str | Path,
    run_folder: str | Path,
    patient: Patient,
    found: Posterior | PatientLesion | Infiltration,
    chosen: dict[str, Any],
    seed: int,
    restart: bool,
) -> Run:
    """A run folder with what was asked for and the parameters found."""
    configuration = {
        "patient": str(Path(patient_folder).resolve()),
        "visits": len(found.fitted_visits),
        **chosen,
    }
    run = Run.create(run_folder, dict(patient.provenance), configuration, seed, restart=restart)
    run.save_json("parameters.json", found.summary())
    run.record("calibrate", {"converged": found.converged, **found.diagnostics})
    return run


def load_posterior(run: Run) -> Posterior:
    """The posterior of a run, with its patient; an error where the patient's files have changed."""
    chosen = run.configuration
    if "models" in chosen:
        raise TwinError(
            "a comparison of models holds no posterior to go on from",
            where=f"run {run.folder}",
            expected="a run of `oncotwin calibrate`",
            got="a comparison of " + ", ".join(chosen["models"]),
            fix="Calibrate the model of your choice: `oncotwin calibrate PATIENT --model NAME`.",
        )
    if chosen["model"].startswith(LESION):
        raise TwinError(
            "a lesion model knows volumes alone: there is nothing to forecast in space",
            where=f"run {run.folder}",
            expected="a run of " + ", ".join(MODELS),
            got=chosen["model"],
            fix="Calibrate a spatial model, or forecast volumes with twin.lesions.fit_patient.",
        )
    if chosen["visits"] == 1:
        raise TwinError(
            "one scan tells no growth: there is nothing to forecast or to treat",
            where=f"run {run.folder}",
            expected="a run of at least two visits",
            got="the infiltration length of one",
            fix="Add a later visit to the patient and calibrate again.",
        )
    patient = load_patient(chosen["patient"])
    run.check_inputs(dict(patient.provenance))
    arrays, stored = run.load_arrays("posterior.h5")
    setting = make_setting(
        prepare(patient, spacing_mm=chosen["spacing_mm"]),
        model_named(chosen["model"]),
        visits=chosen["visits"],
    )
    if "image_modes" in arrays:
        error = ImageError(jnp.asarray(arrays["image_mean"]), jnp.asarray(arrays["image_modes"]))
        setting = replace(setting, image_error=error)
    return Posterior(
        table=setting.table,
        names=tuple(stored["names"]),
        z_mean=arrays["z_mean"],
        z_covariance=arrays["z_covariance"],
        converged=bool(stored["converged"]),
        decision_day=setting.decision_day,
        fitted_visits=tuple(visit.name for visit in setting.fitted),
        noise=stored["noise"],
        diagnostics=stored["diagnostics"],
        setting=setting,
        z_draws=arrays.get("z_draws"),
        image_gain=arrays.get("image_gain"),
        image_draws=arrays.get("image_draws"),
    )


def forecast_run(
    run: Run, posterior: Posterior, *, draws: int = 64, horizon_days: float = 0.0
) -> Forecast:
    """Forecast all visits of a run's patient and keep the result."""
    result = forecast(posterior, draws=draws, seed=run.seed, horizon_days=horizon_days)
    arrays = {
        "times_days": result.times_days,
        "viable_ml": result.viable_ml,
        "burden_ml": result.burden_ml,
        "visible_ml": result.visible_ml,
    }
    for index, visit in enumerate(result.visits):
        for name in _VISIT_ARRAYS:
            arrays[f"visits/{index}/{name}"] = getattr(visit, name)
    entries = [{name: getattr(v, name) for name in _VISIT_VALUES} for v in result.visits]
    run.save_arrays(
        "forecast.h5",
        arrays,
        {"visits": entries, "converged": result.converged, "seed": result.seed},
    )
    run.record("forecast", {"draws": draws, "horizon_days": horizon_days})
    return result


_VISIT_ARRAYS = (
    "mean",
    "sd",
    "visible_probability",
    "predicted_burden_ml",
    "predicted_visible_ml",
)
_VISIT_VALUES = (
    "name",
    "time_days",
    "held_out",
    "observed_viable_ml",
    "observed_visible_ml",
    "scores",
)


def load_forecast(run: Run) -> Forecast:
    """The forecast kept in a run."""
    arrays, stored = run.load_arrays("forecast.h5")
    visits = []
    for index, entry in enumerate(stored["visits"]):
        maps: dict[str, Any] = {n: arrays[f"visits/{index}/{n}"] for n in _VISIT_ARRAYS}
        visits.append(VisitForecast(**entry, **maps))
    series = {n: arrays[n] for n in ("times_days", "viable_ml", "burden_ml", "visible_ml")}
    return Forecast(
        **series, visits=tuple(visits), converged=stored["converged"], seed=stored["seed"]
    )


def sweep_run(
    run: Run,
    posterior: Posterior,
    plans: PlanSet,
    *,
    draws: int = 32,
    objective: str = "residual_ml",
    limits: Limits | None = None,
    restart: bool = False,
    progress: Progress | None = None,
) -> tuple[Outcomes, Ranking]:
    """Simulate plans, judge the finalists again on fresh draws, and keep shards and ranking.

    A sweep that was killed goes on where it was; one of other plans or another posterior is refused
    unless `restart`.
    """
    check_objective(objective)
    patient = setting_of(posterior).patient
    with run.store(_identity(posterior, plans, draws, run.seed), restart=restart) as store:
        # A ranking of an earlier sweep must not stand beside shards of this one.
        for name in ("ranking.json", "plans.json"):
            remove(run.path(name))
        outcomes = sweep(
            posterior,
            plans,
            draws=draws,
            seed=run.seed,
            engine=every_core,
            store=store,
            progress=progress,
        )
    chosen = choose_finalists(
        outcomes,
        patient.organs,
        patient.treatments.before(posterior.decision_day),
        body_surface_m2=patient.body_surface_m2,
        objective=objective,
        count=FINALISTS,
        limits=limits,
    )
    finalists = PlanSet(
        tuple(outcomes.plans[i] for i in chosen), plans.horizon_days, posterior.decision_day
    )
    seed = run.seed + 1
    identity = _identity(posterior, finalists, FRESH_DRAWS, seed)
    # Finalists follow from the sweep, so an older set of them is never worth keeping.
    with _finalist_store(run, identity) as store:
        fresh = sweep(
            posterior,
            finalists,
            draws=FRESH_DRAWS,
            seed=seed,
            engine=every_core,
            store=store,
            plans_per_shard=2,
            progress=progress,
        )
    ranking = rank_for(posterior, outcomes, objective=objective, fresh=fresh, limits=limits)
    run.save_json("plans.json", [plan.to_dict() for plan in outcomes.plans])
    run.save_text("ranking.json", ranking.to_json())
    run.record(
        "sweep",
        {
            "plans": len(outcomes.plans),
            "draws": draws,
            "scenarios": int(outcomes.status.size),
            "finalists": len(chosen),
            "fresh_draws": FRESH_DRAWS,
            "horizon_days": plans.horizon_days,
            "objective": objective,
            "limits": limits or Limits(),
        },
    )
    return outcomes, ranking


def load_outcomes(run: Run) -> Outcomes:
    """The outcomes of a finished sweep, from its shards."""
    store = ShardStore.for_reading(run.folder)
    shards = sorted(store.done())
    if not shards:
        raise TwinError(
            "this run has no sweep yet",
            where=str(run.folder),
            fix="Run `oncotwin sweep RUN` first.",
        )
    return concatenate([Outcomes.from_arrays(store.read(i)) for i in shards])


def report_run(run: Run, posterior: Posterior, *, shareable: bool = False) -> Path:
    """Write the report of whatever the run holds so far."""
    from experiments.report.page import write_report

    outcomes = load_outcomes(run) if run.has("ranking.json") else None
    ranking = None
    if outcomes is not None:
        text = run.path("ranking.json").read_text(encoding="utf-8")
        ranking = Ranking.from_json(text, outcomes.plans)
    return write_report(
        setting_of(posterior).patient,
        posterior,
        outcomes,
        run.path("report-shareable.html" if shareable else "report.html"),
        forecast=load_forecast(run) if run.has("forecast.h5") else None,
        ranking=ranking,
        provenance=run.description,
        shareable=shareable,
    )


def plans_for(posterior: Posterior, path: str | Path | None, count: int) -> PlanSet:
    """Plans from a file, or the default ones of the patient's site."""
    patient = setting_of(posterior).patient
    if path is None:
        return default_plans(patient, posterior.decision_day, count)
    from twin.scenarios.plan_file import load_plans

    return load_plans(path, patient, posterior.decision_day)


def _finalist_store(run: Run, identity: str) -> ShardStore:
    try:
        return ShardStore(run.folder / "finalists", identity)
    except TwinError:
        return ShardStore(run.folder / "finalists", identity, restart=True)


def _identity(posterior: Posterior, plans: PlanSet, draws: int, seed: int) -> str:
    return identity_of(
        {
            **_determining(posterior),
            "plans": [plan.to_dict() for plan in plans],
            "horizon_days": plans.horizon_days,
            "draws": draws,
            "seed": seed,
        }
    )


def posterior_identity(posterior: Posterior) -> str:
    """SHA-256 of what was calibrated, by this version: results of another one do not go with it."""
    return identity_of(_determining(posterior))


def _determining(posterior: Posterior) -> dict[str, Any]:
    return {"version": __version__, **_scores(posterior), "names": list(posterior.names)}

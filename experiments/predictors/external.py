"""External validation: a cohort is scored once, by the model as it is, and the log keeps it."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from experiments import atomic_files
from experiments.json_text import to_json
from experiments.predictors.cohort import Cohort, load_cohort
from experiments.predictors.comparison import compare
from experiments.predictors.evaluation.bootstrap import (
    Figure,
)
from experiments.predictors.evaluation.claim import Claim, claim
from experiments.predictors.evaluation.concordance import pairs_of_one_model
from experiments.predictors.evaluation.conformal import Coverage, coverage, label_at, sets
from experiments.predictors.evaluation.leakage import CHANCE_PAIRS, Leakage
from experiments.predictors.evaluation.outcome import check_horizon, check_outcome
from experiments.predictors.evaluation.permutation import PermutationControl
from experiments.predictors.evaluation.threads import one_thread
from experiments.predictors.model_folder import EXTERNAL, Model, digests, read_log
from experiments.predictors.results import ExternalResult
from experiments.predictors.task import ExternalEntry
from experiments.predictors.training import baseline_name
from twin.errors import TwinError

SLOPES = (0.8, 1.2)
"""Calibration slopes that count as good."""


def evaluate_external(
    model: Model,
    *,
    cohort: Path | None = None,
    external: str | None = None,
    again: str | None = None,
) -> ExternalResult:
    """Score an external cohort, once, and log it before anything is shown.

    Args:
        model: an opened model folder.
        cohort: folder or table file with the tables that the task names.
        external: rows and units as the task declares them under this name; without, every row of
            the cohort that the task finds eligible.
        again: why patients who were scored before may be scored again; logged.

    Raises:
        TwinError: nothing to score is named, the cohort is unreadable (`load_cohort`), overlaps
            the training patients, holds one class only, or was scored before and no reason is
            given.
    """
    declared = _declared(model, cohort, external)
    name = external or str(cohort)
    lock = atomic_files.hold_lock(model.folder / ".external.lock")
    try:
        data = _load(model, cohort, declared)
        _refuse_training_patients(model, data, name)
        check_outcome(data.outcome, folds=1, where=name)
        check_horizon(data.outcome, model.task.outcome.horizon_days, where=name)
        _refuse_second_time(model, data, name, again)
        shuffled = None
        if model.task.images is not None:
            shuffled = _load(model, cohort, declared, shuffle_seed=model.task.evaluation.seed)
        with one_thread():
            result = _score(model, data, shuffled, name)
        _log(model, data, result, again)
    finally:
        lock.close()
    return result


def _declared(model: Model, cohort: Path | None, external: str | None) -> ExternalEntry | None:
    known = {entry.name: entry for entry in model.task.external}
    if external is not None and external not in known:
        raise TwinError(
            f"the task declares no external cohort {external!r}",
            where="--external",
            expected=", ".join(known) or "none: give --cohort alone",
        )
    if external is None and cohort is None:
        raise TwinError(
            "nothing to score",
            where=f"model {model.folder}",
            expected="--cohort FOLDER" + (f", or --external {' or '.join(known)}" if known else ""),
        )
    return None if external is None else known[external]


def _load(
    model: Model,
    cohort: Path | None,
    declared: ExternalEntry | None,
    *,
    shuffle_seed: int | None = None,
) -> Cohort:
    return load_cohort(
        model.task,
        model.task_folder,
        cohort=cohort,
        keep={} if declared is None else declared.keep,
        multiply={} if declared is None else declared.multiply,
        like=model.reference,
        shuffle_seed=shuffle_seed,
    )


def _refuse_training_patients(model: Model, data: Cohort, name: str) -> None:
    both = [
        patient
        for patient, digest in zip(data.patients, digests(data.patients, model.salt), strict=True)
        if digest in model.names
    ]
    fix = "Leave them out"
    if model.task.external:
        names = ", ".join(entry.name for entry in model.task.external)
        fix += f", or name the cohort's rows with --external ({names})"
    if both:
        raise TwinError(
            f"{len(both)} of {len(data)} patients trained the model",
            where=name,
            expected="patients that the model has not seen",
            got=", ".join(both[:5]),
            fix=fix,
        )
    pairs = len(data) * len(model.rows)
    equal = []
    for texts, known, chance in (
        (data.rows_as_text(), model.rows, model.row_collision),
        (data.cells_as_text(), model.cells, model.cell_collision),
    ):
        if pairs * chance < CHANCE_PAIRS and not equal:
            found = digests(texts, model.salt)
            equal = [p for p, digest in zip(data.patients, found, strict=True) if digest in known]
    if equal:
        raise TwinError(
            f"{len(equal)} of {len(data)} patients have the inputs and outcome of one that trained"
            " the model, under another name",
            where=name,
            expected="patients that the model has not seen",
            got=", ".join(equal[:5]),
            fix=fix,
        )


def _refuse_second_time(model: Model, data: Cohort, name: str, again: str | None) -> None:
    if again is not None and not again.strip():
        raise TwinError("an empty reason", where="--again", fix="Say why it is scored again")
    if again is not None:
        return
    mine = set(digests(data.patients, model.salt))
    for entry in read_log(model.folder):
        shared = mine & set(entry["patients"])
        if entry["digest"] == data.digest() or shared:
            raise TwinError(
                f"{len(shared)} of {len(data)} patients were scored on {entry['date'][:10]}",
                where=name,
                expected="an external cohort that was not touched yet",
                got=f"{entry['name']}, SHA-256 {entry['digest'][:12]}…",
                fix='A second look is no external validation; if it must be, give --again "why"',
            )


def _score(model: Model, data: Cohort, shuffled: Cohort | None, name: str) -> ExternalResult:
    task, outcome = model.task, data.outcome
    base_inputs = data.select(task.baseline.inputs).inputs
    chance = model.model.probability(data.inputs, task.outcome.horizon_days)
    held = _coverage(model, data, chance)
    again = None
    if shuffled is not None:
        again = pairs_of_one_model(outcome, model.model.risk(shuffled.inputs))
    comparison = compare(
        task,
        outcome,
        model=pairs_of_one_model(outcome, model.model.risk(data.inputs)),
        baseline=pairs_of_one_model(outcome, model.baseline.risk(base_inputs)),
        shuffled=again,
        probabilities=chance[None],
        conformal=held,
    )
    return ExternalResult(
        name,
        data.digest(),
        comparison,
        _claim(model, comparison.model, comparison.difference),
        data.left_out or {},
        tuple(_shifts(model, data, held, comparison.calibration.slope)),
    )


def _coverage(model: Model, data: Cohort, chance: np.ndarray) -> Coverage | None:
    label, known = label_at(data.outcome, model.task.outcome.horizon_days)
    if not known.any():
        return None
    return coverage(label[known], sets(chance[known], model.conformal))


def _claim(model: Model, figure: Figure, difference: Figure) -> Claim:
    """The controls are those of the training: the model is the same."""
    control, leaks = model.result["permutation"], model.result["leakage"]["leaks"]
    return claim(
        model=figure,
        difference=difference,
        permutation=None if control is None else PermutationControl(**control),
        leakage=Leakage(tuple(leaks)),
        baseline=baseline_name(model.task),
    )


def _shifts(
    model: Model, data: Cohort, covered: Coverage | None, slope: Figure | None
) -> list[str]:
    found = []
    for name, column in zip(data.columns, data.inputs.T, strict=True):
        known = column[np.isfinite(column)]
        if known.size == 0:
            found.append(f"{name}: nothing known of any patient")
            continue
        low, middle, high = model.quantiles.get(name, (-np.inf, 0.0, np.inf))
        median = float(np.median(known))
        if not low <= median <= high:
            asked = "" if "=" in name else "; is the unit the same?"
            found.append(
                f"{name}: median {median:.3g}, in training {middle:.3g} (90 % between {low:.3g} and"
                f" {high:.3g}){asked}"
            )
    if slope is not None and not SLOPES[0] <= slope.value <= SLOPES[1]:
        found.append(
            f"calibration slope {slope}, outside {SLOPES[0]} to {SLOPES[1]}: predictions are too"
            f" {'extreme' if slope.value < 1 else 'cautious'} for these patients"
        )
    if covered is not None and covered.shift:
        found.append(
            f"sets hold the label of {covered.value:.1%} ({covered.low:.1%} to {covered.high:.1%}),"
            " which leaves out the promised 90 %"
        )
    return found


def _log(model: Model, data: Cohort, result: ExternalResult, again: str | None) -> None:
    path = model.folder / EXTERNAL
    patients: Sequence[str] = sorted(digests(data.patients, model.salt))
    entry = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        **asdict(replace(result)),
        "again": again,
        "patients": patients,
    }
    line = to_json(entry, where=str(path)).encode()
    atomic_files.append_line(path, line, size=path.stat().st_size if path.exists() else 0)

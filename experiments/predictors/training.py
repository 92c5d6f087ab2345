"""Trains and evaluates a task: nested cross-validation with its controls, then one final model."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float

from experiments.predictors.cohort import Cohort, load_cohort
from experiments.predictors.comparison import compare
from experiments.predictors.evaluation.claim import claim
from experiments.predictors.evaluation.concordance import Pairs, pairs_within_folds
from experiments.predictors.evaluation.conformal import (
    Coverage,
    cross_conformal,
    label_at,
    thresholds,
)
from experiments.predictors.evaluation.crossval import (
    OutOfFold,
    check_learnable,
    cross_validate,
    outer_folds,
    procedure,
)
from experiments.predictors.evaluation.leakage import check_leakage
from experiments.predictors.evaluation.outcome import check_horizon, check_outcome, events
from experiments.predictors.evaluation.permutation import permutation_control
from experiments.predictors.evaluation.threads import one_thread
from experiments.predictors.models import Search, build
from experiments.predictors.results import Group, TrainingResult
from experiments.predictors.task import Task

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Trained:
    """What an external cohort is scored with.

    Attributes:
        model, baseline: fitted on the whole training cohort.
        conformal: thresholds from its patients, scored out of fold.
        training: the training cohort.
    """

    model: Search
    baseline: Search
    conformal: tuple[float, float]
    training: Cohort


def train(
    task: Task,
    task_folder: Path,
    *,
    cohort: Path | None = None,
    permutations: int | None = None,
    progress: Progress | None = None,
) -> tuple[Trained, TrainingResult]:
    """Evaluate a task by nested cross-validation and fit its final model.

    Args:
        task: what to predict from what.
        task_folder: where its paths start.
        cohort: another folder or table file to read from.
        permutations: shuffled outcomes of the control; the task's number by default.
        progress: told of every permutation.

    Raises:
        TwinError: see `load_cohort` and `check_outcome`.
    """
    begun = time.perf_counter()
    data = load_cohort(task, task_folder, cohort=cohort)
    shuffled = None
    if task.images is not None:
        shuffled = load_cohort(
            task,
            task_folder,
            cohort=cohort,
            shuffle_seed=task.evaluation.seed,
            like=data.reference(),
        )
    with one_thread():
        trained, result = _evaluate(task, data, shuffled, permutations, progress)
    return trained, TrainingResult(**result, seconds=time.perf_counter() - begun)


def _evaluate(
    task: Task,
    data: Cohort,
    shuffled: Cohort | None,
    permutations: int | None,
    progress: Progress | None,
) -> tuple[Trained, dict]:
    plan, horizon = task.evaluation, task.outcome.horizon_days
    base_data = data.select(task.baseline.inputs)
    needed = plan.inner_folds if data.groups is not None else plan.outer_folds
    check_outcome(data.outcome, folds=needed, where=f"task {task.name}")
    check_horizon(data.outcome, horizon, where=f"task {task.name}")
    model, baseline = searches(task, data)
    folds = outer_folds(
        data.outcome,
        data.groups,
        folds=plan.outer_folds,
        repeats=plan.outer_repeats,
        seed=plan.seed,
    )
    check_learnable(data.outcome, folds, inner_folds=plan.inner_folds, where=f"task {task.name}")
    found = cross_validate(model, data.inputs, data.outcome, folds, horizon_days=horizon)
    found_base = cross_validate(baseline, base_data.inputs, data.outcome, folds)
    pairs, base_pairs = (
        pairs_within_folds(data.outcome, f.scores, folds) for f in (found, found_base)
    )
    again = None
    if shuffled is not None:
        scores = cross_validate(model, shuffled.inputs, data.outcome, folds).scores
        again = pairs_within_folds(data.outcome, scores, folds)
    coverage, limits = _conformal(data.outcome, found, horizon)
    comparison = compare(
        task,
        data.outcome,
        model=pairs,
        baseline=base_pairs,
        shuffled=again,
        probabilities=found.probabilities,
        conformal=coverage,
    )
    one_pass = procedure(model)
    leakage = check_leakage(
        one_pass, data.inputs, data.outcome, folds, patients=data.patients, cells=data.cells
    )
    control = permutation_control(
        one_pass,
        data.inputs,
        data.outcome,
        data.groups,
        observed=comparison.model.value,
        count=plan.permutations if permutations is None else permutations,
        folds=plan.outer_folds,
        seed=plan.seed,
        progress=progress,
    )
    final = Trained(
        model.fit(data.inputs, data.outcome),
        baseline.fit(base_data.inputs, data.outcome),
        limits,
        data,
    )
    allowed = claim(
        model=comparison.model,
        difference=comparison.difference,
        permutation=control,
        leakage=leakage,
        baseline=baseline_name(task),
    )
    result = {
        "task": task.name,
        "comparison": comparison,
        "by_group": _by_group(data, pairs, base_pairs),
        "permutation": control,
        "leakage": leakage,
        "claim": allowed,
        "left_out": data.left_out or {},
        "missing": _missing(data),
        "columns": len(data.columns),
        "chosen": final.model.best_params_,
    }
    return final, result


def searches(task: Task, data: Cohort) -> tuple[Search, Search]:
    """The unfitted model and baseline of a task."""
    plan, base_inputs = task.evaluation, len(data.select(task.baseline.inputs).columns)
    own = partial(build, inner_folds=plan.inner_folds, seed=plan.seed)
    return (
        own(task.model.kind, len(data.columns), interactions=task.model.interactions),
        own(task.baseline.model, base_inputs),
    )


def baseline_name(task: Task) -> str:
    """The baseline in words."""
    return f"{task.baseline.model} on {', '.join(task.baseline.inputs)}"


def _conformal(
    outcome: np.ndarray, found: OutOfFold, horizon_days: float | None
) -> tuple[Coverage | None, tuple[float, float]]:
    """Coverage inside the cohort and thresholds for others, from the first repeat: one model has
    scored each patient once there, which the binomial interval needs."""
    label, known = label_at(outcome, horizon_days)
    label, chance, fold = label[known], found.probabilities[0][known], found.folds[0][known]
    if np.unique(label).size < 2:
        return None, (1.0, 1.0)
    return cross_conformal(label, chance, fold), thresholds(label, chance)


def _by_group(data: Cohort, pairs: Pairs, base_pairs: Pairs) -> dict[str, Group]:
    if data.groups is None:
        return {}
    found = {}
    for name in np.unique(data.groups):
        rows = data.groups == name
        values = [_among(p, rows) for p in (pairs, base_pairs)]
        count = int(events(data.outcome)[rows].sum())
        found[str(name)] = Group(int(rows.sum()), count, values[0], values[1])
    return found


def _among(pairs: Pairs, rows: np.ndarray) -> float | None:
    total = pairs.compared[np.ix_(rows, rows)].sum()
    return float(pairs.right[np.ix_(rows, rows)].sum() / total) if total else None


def _missing(data: Cohort) -> dict[str, int]:
    counts = np.isnan(data.inputs).sum(axis=0)
    found = {name: int(count) for name, count in zip(data.columns, counts, strict=True) if count}
    for name in data.columns:
        if name.endswith("=nothing known"):
            column: Float[np.ndarray, " n"] = data.inputs[:, data.columns.index(name)]
            found[name.rpartition("=")[0]] = int(column.sum())
    return found

"""The model card: what a model is, what it was made of, what it scored, what it is not for."""

from __future__ import annotations

from experiments.predictors.evaluation.outcome import is_survival
from experiments.predictors.results import Comparison, TrainingResult
from experiments.predictors.task import Task
from experiments.predictors.training import Trained, baseline_name

NOT_CLINICAL = "Research use, not for clinical decisions."


def model_card(task: Task, trained: Trained, result: TrainingResult) -> str:
    """The card as Markdown."""
    survival = is_survival(trained.training.outcome)
    comparison, plan = result.comparison, task.evaluation
    folds = (
        f"leave one {task.group} out ({', '.join(result.by_group)})"
        if task.group is not None
        else f"{plan.outer_repeats} × {plan.outer_folds} outer folds"
    )
    lines = [
        f"# {task.name}",
        "",
        f"{NOT_CLINICAL}",
        "",
        f"**Question.** {task.question}",
        f"**Intended use.** {task.use}",
        "",
        "## Data",
        f"- Source and license: {task.source}",
        f"- Patients: {comparison.patients}, with the outcome: {comparison.events}",
        *(f"- Left out, {reason}: {count}" for reason, count in result.left_out.items()),
        f"- Inputs: {result.columns} columns from {_inputs(task)}",
        *(f"- Nothing known of {name}: {count} patients" for name, count in result.missing.items()),
        "- Empty numbers become the median of the fold that learns, with a column that says"
        " so; an empty category is a category; an empty flag is 0.",
        "",
        "## Model",
        f"- {task.model.kind}; chosen by inner folds: {_chosen(result)}",
        f"- Baseline: {baseline_name(task)}",
        f"- Splits: {folds}, {plan.inner_folds} inner folds, seed {plan.seed}, by patient, drawn"
        " before anything was fitted",
        "",
        "## Result",
        *figure_lines(comparison, survival=survival),
        *(
            f"- {task.group} {name}: {group.patients} patients, {group.events} with the outcome:"
            f" {_value(group.model)} (baseline {_value(group.baseline)})"
            for name, group in result.by_group.items()
        ),
        "",
        f"**{result.claim.sentence}**",
        "",
        "## Controls",
        f"- {permutation_line(result)}",
        f"- {voxel_line(comparison)}",
        f"- {leakage_line(result)}",
        "",
        "## Limits",
        f"- {comparison.events} patients with the outcome: the intervals say how little that is.",
        "- Intervals are over patients, of predictions as they are; they do not hold what another"
        " training cohort would change.",
        "- External cohorts, if any were scored, are in external.jsonl, one line each.",
        "- Not judged on patients unlike those above.",
        "",
    ]
    return "\n".join(lines)


def figure_lines(comparison: Comparison, *, survival: bool) -> list[str]:
    """Concordance, calibration, sets and net benefit, a line each."""
    name = "C-index" if survival else "AUC"
    found = comparison.calibration
    lines = [
        f"- {name} of the model: {comparison.model}; of the baseline: {comparison.baseline}",
        f"- Difference, paired: {comparison.difference} (95 % bootstrap over patients)",
        f"- Calibration slope: {found.slope or 'none, predictions do not differ'}"
        + (f", intercept: {found.intercept}" if found.intercept else ""),
        f"- Brier score: {found.brier:.3f} (one chance for all: {found.brier_of_prevalence:.3f})",
    ]
    if (held := comparison.conformal) is not None:
        lines.append(
            f"- Conformal sets hold the label of {held.value:.1%}"
            f" ({held.low:.1%} to {held.high:.1%})"
            f" of {held.patients} patients, promised 90 %{' : shift' if held.shift else ''};"
            f" {held.single:.0%} of sets hold one label"
        )
    curve = comparison.decision
    lines.append(
        "- Net benefit (treating all): "
        + ", ".join(
            f"{own:+.3f} ({everyone:+.3f}) at {threshold:.0%}"
            for threshold, own, everyone in zip(
                curve.thresholds, curve.model, curve.treat_all, strict=True
            )
        )
    )
    return lines


def permutation_line(result: TrainingResult) -> str:
    """The permutation control in words."""
    found = result.permutation
    if found is None:
        return "Permutation control: not run."
    return (
        f"Permutation control: {found.count} shuffled outcomes score {found.mean:.3f} on average"
        f" ({found.low:.3f} to {found.high:.3f}), {'inside' if found.in_band else 'OUTSIDE'}"
        f" 0.45 to 0.55; p = {found.p_value:.3f}."
    )


def voxel_line(comparison: Comparison) -> str:
    """The voxel-shuffle control in words."""
    found = comparison.voxel_shuffle
    if found is None:
        return "Voxel-shuffle control: no images among the inputs."
    return (
        f"Voxel-shuffle control: permuted voxels of the mask score {found.shuffled}; texture adds"
        f" {found.lost}."
    )


def leakage_line(result: TrainingResult) -> str:
    """The leakage check in words."""
    if result.leakage.clean:
        return "Leakage check: no patient in two splits, nothing selected or fitted on test data."
    return "LEAKAGE: " + "; ".join(result.leakage.leaks) + "."


def _inputs(task: Task) -> str:
    named = [f"{entry.column} ({entry.kind})" for entry in task.inputs]
    if task.images is not None:
        named.append(f"{task.images.modality} images")
    return ", ".join(named)


def _chosen(result: TrainingResult) -> str:
    return ", ".join(f"{name.split('__')[-1]} {value}" for name, value in result.chosen.items())


def _value(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"

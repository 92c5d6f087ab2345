"""What `oncotwin predict` prints."""

from __future__ import annotations

from rich.table import Table

from experiments import console
from experiments.predictors.card import leakage_line, permutation_line, voxel_line
from experiments.predictors.results import Comparison, ExternalResult, TrainingResult


def print_training(result: TrainingResult, *, survival: bool) -> None:
    """Nested result with intervals, controls, and what may be said."""
    console.show(_table(f"{result.task}: nested cross-validation", result.comparison, survival))
    for name, group in result.by_group.items():
        values = ["none" if v is None else f"{v:.3f}" for v in (group.model, group.baseline)]
        console.say(
            f"Left out {name}: {group.patients} patients, {group.events} with the outcome:"
            f" {values[0]}, baseline {values[1]}"
        )
    console.say(permutation_line(result))
    console.say(voxel_line(result.comparison))
    console.say(leakage_line(result))
    console.say(result.claim.sentence)
    console.say(console.NOT_CLINICAL)


def print_external(result: ExternalResult, *, survival: bool) -> None:
    """An external cohort with intervals, shifts, and what may be said."""
    console.show(_table(f"{result.name}: external, logged", result.comparison, survival))
    if result.comparison.voxel_shuffle is not None:
        console.say(voxel_line(result.comparison))
    for shift in result.shifts:
        console.say(f"Shift: {shift}")
    console.say(result.claim.sentence)
    console.say(console.NOT_CLINICAL)


def _table(title: str, found: Comparison, survival: bool) -> Table:
    table = Table(title=f"{title}, {found.patients} patients, {found.events} with the outcome")
    table.add_column("figure")
    table.add_column("value (95 % interval)")
    name = "C-index" if survival else "AUC"
    table.add_row(name, str(found.model))
    table.add_row(f"{name}, baseline", str(found.baseline))
    table.add_row("difference, paired", str(found.difference))
    table.add_row("calibration slope", str(found.calibration.slope or "predictions do not differ"))
    if found.calibration.intercept is not None:
        table.add_row("calibration intercept", str(found.calibration.intercept))
    own = found.calibration
    table.add_row("Brier score (no model)", f"{own.brier:.3f} ({own.brier_of_prevalence:.3f})")
    if (held := found.conformal) is not None:
        text = f"{held.value:.3f} ({held.low:.3f} to {held.high:.3f})"
        table.add_row("coverage of 90 % sets", text + (", shift" if held.shift else ""))
    curve = found.decision
    for threshold, benefit, everyone in zip(
        curve.thresholds, curve.model, curve.treat_all, strict=True
    ):
        table.add_row(
            f"net benefit at {threshold:.0%} (treat all)", f"{benefit:+.3f} ({everyone:+.3f})"
        )
    return table

"""What `oncotwin trial` prints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from experiments.console import NOT_CLINICAL, say, show
from experiments.trial.words import days, gained, in_words
from twin.scenarios.trial_result import TrialResult


def print_trial(results: Sequence[TrialResult], folder: Path) -> None:
    """A table for each world, and the findings in words."""
    for result in results:
        show(_table(result))
    for sentence in in_words(results):
        say(sentence)
    say(f"All patients are simulated. Curves: {folder / 'trial.html'}")
    say(NOT_CLINICAL)


def _table(result: TrialResult) -> Table:
    table = Table(
        title=f"World {result.world}: {result.patients} simulated patients, means within"
        f" {result.horizon_days:g} days (95 % intervals)"
    )
    table.add_column("strategy")
    for column in (
        "days without progression",
        "gain",
        "",
        "gain of the worst fifth",
        "gain in days of control",
        "changes",
        "EQD2 Gy",
        "nadir",
        "clinic days",
    ):
        table.add_column(column, justify="right")
    for arm in result.arms:
        first = arm is result.arms[0]
        nadir = arm.nadir_1e9_per_l
        table.add_row(
            arm.name,
            days(arm.progression_days),
            "" if first else gained(arm.gain_days),
            "" if first else arm.gain_days.verdict,
            "" if first else gained(arm.worst_gain_days),
            "" if first else gained(arm.control_gain_days),
            f"{arm.changes:.1f}",
            " ".join(f"{name} {dose:.1f}" for name, dose in arm.organ_eqd2_gy.items()),
            "" if nadir is None else f"{nadir:.1f}",
            f"{arm.clinic_days:.0f}",
        )
    return table

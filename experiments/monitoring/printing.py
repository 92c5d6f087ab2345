"""What `oncotwin assimilate` prints: each scan beside what was expected, and what is known now."""

from __future__ import annotations

import numpy as np

from experiments import console
from experiments.console import NOT_CLINICAL
from twin.monitoring import Assimilation, Filter


def print_monitoring(twin: Filter) -> None:
    """Every scan so far, the last one's findings, and the state of the twin."""
    from rich.table import Table

    table = Table(title="Scans beside what the twin expected before it saw them")
    for column in ("scan", "day", "", "observed mL", "expected mL, 90 %", "p", "alarm"):
        table.add_column(column, justify="left" if column in ("scan", "") else "right")
    for said in twin.history:
        for number, row in enumerate(said.surprises):
            first = (said.name, f"{said.time_days:g}") if number == 0 else ("", "")
            table.add_row(
                *first,
                _NAMES[row.quantity],
                f"{row.observed_ml:.1f}",
                f"{row.expected_ml:.1f} ({row.low_ml:.1f} to {row.high_ml:.1f})",
                f"{row.p_value:.2g}",
                _alarm(said, number),
            )
        if not said.surprises:
            table.add_row(said.name, f"{said.time_days:g}", "maps only", "", "", "", "")
    console.show(table)
    for finding in twin.history[-1].findings:
        console.say(f"Note: {finding}")
    now = twin.now()
    low, middle, high = np.quantile(now.viable_ml, [0.05, 0.5, 0.95])
    console.say(
        f"Viable burden on day {twin.time_days:g}: {middle:.3g} mL (90 % {low:.3g} to {high:.3g}),"
        f" {twin.members} members"
    )
    console.say(
        f"An alarm means p below {twin.history[-1].alarm_below:.2g} on one side: over {twin.scans}"
        f" scans of a tumor that follows the twin, at most {twin.false_alarm_rate:.0%} raise one"
        " for each direction."
    )
    console.say(NOT_CLINICAL)


_NAMES = {"burden": "burden", "visible": "outlined"}


def _alarm(said: Assimilation, number: int) -> str:
    row = said.surprises[number]
    if row.p_larger < said.alarm_below:
        return "more than expected"
    return "less than expected" if 1.0 - row.p_larger < said.alarm_below else ""

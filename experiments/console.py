"""What the commands print: tables and plain words for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

if TYPE_CHECKING:
    import pandas

    from twin.calibration import Infiltration, Posterior
    from twin.forecasting import Forecast
    from twin.lesions import PatientLesion
    from twin.patient_folder import Finding
    from twin.scenarios import Ranking

NOT_CLINICAL = "Research use, not for clinical decisions."
_STYLES = {"error": "bold red", "warning": "yellow", "info": "dim"}
_TOP = 10
_LOG_WIDTH = 160

_out = Console(highlight=False)
if not _out.is_terminal:
    _out = Console(highlight=False, width=_LOG_WIDTH)


def say(text: str) -> None:
    """One line of plain text."""
    _out.print(text, markup=False, soft_wrap=not _out.is_terminal)


def show(table: Table) -> None:
    """A table."""
    _out.print(table)


@contextmanager
def working(what: str) -> Iterator[None]:
    """A spinner while something takes its time; a plain line where there is no terminal."""
    if _out.is_terminal:
        with _out.status(what):
            yield
    else:
        say(f"{what} …")
        yield


@contextmanager
def progress(what: str, unit: str = "scenarios") -> Iterator[Callable[[int, int], None]]:
    """A bar with the time left; quarters as plain lines where there is no terminal."""
    if not _out.is_terminal:
        told: set[tuple[int, int]] = set()

        def tell(done: int, total: int) -> None:
            quarter = (4 * done // total, total)
            if quarter not in told:
                told.add(quarter)
                say(f"{what}: {done:,} of {total:,} {unit}")

        yield tell
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=_out) as bar:
        tasks: dict[int, object] = {}

        def advance(done: int, total: int) -> None:
            if total not in tasks:
                tasks[total] = bar.add_task(what, total=total)
            bar.update(tasks[total], completed=done)  # type: ignore[arg-type]

        yield advance


def print_findings(findings: Sequence[Finding]) -> None:
    """What `oncotwin check` found."""
    for finding in findings:
        style = _STYLES[finding.level]
        _out.print(f"[{style}]{finding.level:8}[/]", end="")
        say(f"{finding.where}: {finding.message}")
    errors = sum(finding.level == "error" for finding in findings)
    say("No errors." if errors == 0 else f"{errors} error{'s' if errors > 1 else ''}.")


def print_calibration(posterior: Posterior | PatientLesion | Infiltration) -> None:
    """Parameters with intervals, and what the data does not determine."""
    from twin.calibration.parametrization import front_summary
    from twin.calibration.posterior import Posterior

    table = Table(title=f"Calibrated to {', '.join(posterior.fitted_visits)}")
    for column in ("parameter", "unit", "value", "90 % interval", "90 % prior", "data says"):
        table.add_column(column, justify="right" if column in ("value",) else "left")
    rows = posterior.summary()
    if isinstance(posterior, Posterior):
        rows += front_summary(posterior)
    for row in rows:
        if row["point"] is None:
            verdict = "cannot be known from one scan"
        elif row["contraction"] is None:
            verdict = "fixed"
        elif row["determined"]:
            verdict = f"{row['contraction']:.0%} narrower"
        else:
            verdict = "undetermined: rests on the prior"
        animal = " (mouse)" if row["provenance"] == "animal" else ""
        table.add_row(
            row["name"] + animal,
            row["unit"],
            "" if row["point"] is None else f"{row['point']:.3g}",
            "" if row["point"] is None else f"{row['low']:.3g} to {row['high']:.3g}",
            f"{row['prior_low']:.3g} to {row['prior_high']:.3g}",
            verdict,
        )
    _out.print(table)
    for warning in posterior.diagnostics.get("warnings", []):
        say(f"Note: {warning}")


def print_forecast(forecast: Forecast, posterior: Posterior) -> None:
    """Predicted against observed, visit by visit, and the scores of held-out visits."""
    from twin.forecasting.scores import interval

    table = Table(title="Forecast: median and 90 % interval beside what was observed")
    columns = ("visit", "day", "", "burden mL", "observed", "volume mL", "observed", "Dice", "CCC")
    for column in columns:
        table.add_column(column, justify="left" if column in ("visit", "") else "right")
    for visit in forecast.visits:
        cells = []
        for draws, seen in (
            (visit.predicted_burden_ml, visit.observed_viable_ml),
            (visit.predicted_visible_ml, visit.observed_visible_ml),
        ):
            low, high = interval(draws)
            middle = interval(draws, 0.0)[0]
            cells += [
                f"{middle:.1f} ({low:.1f} to {high:.1f})",
                "" if seen is None else f"{seen:.1f}",
            ]
        table.add_row(
            visit.name,
            f"{visit.time_days:g}",
            "held out" if visit.held_out else "fitted",
            *cells,
            *(f"{visit.scores[k]:.2f}" if k in visit.scores else "" for k in ("dice", "ccc")),
        )
    _out.print(table)
    for quantity, name in (("burden", "burden"), ("visible", "outlined volume")):
        scores = {
            label: forecast.mean_score(f"{quantity}_crps{suffix}")
            for label, suffix in _FORECASTERS.items()
        }
        if scores["twin"] is not None:
            text = ", ".join(f"{k} {v:.1f}" for k, v in scores.items() if v is not None)
            say(f"Held-out CRPS of the {name}, mL (smaller is better): {text}")
    if not forecast.converged:
        say("Warning: the calibration did not converge; do not rely on these intervals.")


_FORECASTERS = {
    "twin": "",
    "no change": "_no_change",
    "exponential": "_exponential",
    "prior": "_prior",
}


def print_ranking(ranking: Ranking) -> None:
    """The best plans, the standard of care, and what the data cannot decide."""
    table = Table(title="Plans, best first (simulated; finalists judged on fresh draws)")
    columns = (
        "",
        "plan",
        ranking.objective,
        "5-95 %",
        "worst 10 %",
        "toxicity",
        "clinic days",
        "on priors",
        "group",
    )
    for column in columns:
        table.add_column(column, justify="left" if column == "plan" else "right")
    best = list(ranking.rows[:_TOP])
    if all(not row.plan.standard_of_care for row in best):
        best.append(ranking.standard_of_care)
    for place, row in enumerate(ranking.rows, start=1):
        if not any(row is kept for kept in best):
            continue
        table.add_row(
            str(place),
            row.plan.name + (" (standard of care)" if row.plan.standard_of_care else ""),
            f"{row.expected:.2f}",
            f"{row.interval[0]:.2f} to {row.interval[1]:.2f}",
            f"{row.cvar:.2f}",
            f"{row.toxicity:.2f}" + ("" if row.feasible else " over"),
            str(row.clinic_days),
            f"{row.prior_share:.0%}",
            str(row.group),
        )
    _out.print(table)
    say(
        "Loss: log10 of the burden in mL, smaller is better; toxicity: share of the tightest limit."
    )
    for sentence in ranking.in_words():
        say(sentence)


def print_features(table: pandas.DataFrame, path: Path) -> None:
    """How many scans gave how many features."""
    scans = table.groupby("modality").size()
    counted = ", ".join(f"{count} {modality}" for modality, count in scans.items())
    say(f"{len(table)} scans of {table['patient'].nunique()} patients ({counted})")
    say(f"{table.shape[1] - 4} features, written to {path}")
    say(NOT_CLINICAL)


def print_report(path: Path, *, shareable: bool) -> None:
    """Where the report is and what it holds."""
    holds = "holds no voxel and no identifier" if shareable else "contains patient images"
    say(f"Report: {path} ({path.stat().st_size / 1e6:.1f} MB, {holds})")

"""What the commands of lesions print."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from experiments.console import NOT_CLINICAL, say, show
from experiments.lesions.held_out import HeldOut
from twin.lesions.population import LesionPopulation, PopulationForecast


def print_population(population: LesionPopulation, path: Path) -> None:
    """Who it was fitted to, whether chains agree, and its main figures with intervals."""
    say(
        f"{population.lesions} lesions, {population.readings} readings, {len(population.arms)} arms"
    )
    _say_state(population)
    table = Table("", "posterior", "90 % interval")
    for label, name in (
        ("growth of log(d + 4 mm), per 100 days", "growth"),
        ("  between patients (sd)", "growth_sd"),
        ("  between arms (sd)", "growth_arm_sd"),
        ("decline when treatment begins, per 100 days", "decline"),
        ("  between patients (sd)", "decline_sd"),
        ("  between arms (sd)", "decline_arm_sd"),
        ("treatment wears off, per 100 days", "wear_off"),
        ("change in six weeks at 40 mm (sd)", "change_sd"),
    ):
        median, low, high = population.summary(name)
        table.add_row(label, f"{median:.3f}", f"{low:.3f} to {high:.3f}")
    show(table)
    say(f"Written to {path}. {NOT_CLINICAL}")


def print_lesion_forecast(forecast: PopulationForecast, path: Path) -> None:
    """How many were forecast, and what to be careful about."""
    coarse = int((forecast.effective < 50).sum())
    say(f"{len(forecast.days)} lesions forecast, {forecast.days.shape[1]} readings each")
    if coarse:
        say(f"  {coarse} are unlike the population (fewer than 50 effective draws): coarse")
    if not forecast.converged:
        say("  WARNING: the population has not converged: do not rely on this forecast")
    say(f"Written to {path}. {NOT_CLINICAL}")


def print_held_out(found: HeldOut) -> None:
    """Scores beside the baseline's, for all and for each trial."""
    say(
        f"{len(found)} last readings, each forecast from those before by patients of other trials;"
        " 95 % intervals"
    )
    table = Table("forecast", "CRPS, mm", "less carried forward, mm", "MAE, mm", "held by 90 %")
    for label, way in (
        ("carried forward", found.carried),
        ("population", found.plain),
        ("  told it is the last", found.ended),
    ):
        gain = "" if way is found.carried else str(found.gain_mm(way))
        table.add_row(
            label,
            str(found.crps_mm(way)),
            gain,
            str(found.error_mm(way)),
            str(found.held(way)),
        )
    for trial in found.populations:
        rows = found.of_trial(trial)
        if 0 < rows.sum() < len(found):
            table.add_row(
                f"  told, trial {trial} ({rows.sum()})",
                str(found.crps_mm(found.ended, rows)),
                str(found.gain_mm(found.ended, rows)),
                str(found.error_mm(found.ended, rows)),
                str(found.held(found.ended, rows)),
            )
    show(table)
    for trial, population in found.populations.items():
        say(f"without {trial}:" if trial != "others" else "population:")
        _say_state(population)
    say(NOT_CLINICAL)


def _say_state(population: LesionPopulation) -> None:
    state = "converged" if population.converged else "WARNING: NOT converged"
    say(
        f"  {state}: R-hat at most {population.rhat:.3f}, at least {population.effective:.0f}"
        f" effective draws, {100 * population.diverged:.1f} % diverged"
    )

"""`oncotwin lesions`: populations of lesions, forecasts from them, and what those are worth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter, validators

lesions = App(name="lesions", help="Lesion diameters of many patients: fit, forecast, validate.")

_AT_LEAST_TWO = validators.Number(gte=2)
TableFile = Annotated[Path, Parameter(help="CSV with columns Pt_hashID, T_days, Lesion_vol.")]
Chains = Annotated[int, Parameter(help="Chains of the sampler.", validator=_AT_LEAST_TWO)]
Draws = Annotated[
    int, Parameter(help="Draws that each chain keeps.", validator=validators.Number(gte=50))
]
Seed = Annotated[int, Parameter(help="Seed of every draw.")]


@lesions.command
def fit(
    table: TableFile,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"], help="File of the population (.npz).")],
    chains: Chains = 4,
    draws: Draws = 500,
    seed: Seed = 0,
) -> None:
    """Fit the hierarchical model to a table of lesions."""
    from experiments import console
    from experiments.atomic_files import write_bytes
    from experiments.lesions.printing import print_population
    from twin.lesions import read_lesions
    from twin.lesions.population import fit_population

    series = read_lesions(table)
    with console.working("Sampling"):
        population = fit_population(series, chains=chains, draws=draws, seed=seed)
    write_bytes(out, population.to_bytes())
    print_population(population, out)


@lesions.command
def forecast(
    population: Annotated[Path, Parameter(help="File made by lesions fit.")],
    table: TableFile,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"], help="Table to write (.csv).")],
    days: Annotated[
        list[float], Parameter(help="Days after the last reading of each lesion, increasing.")
    ],
    seed: Seed = 0,
) -> None:
    """Forecast lesions from their readings so far, one or more."""
    import numpy as np

    from experiments import console
    from experiments.lesions.printing import print_lesion_forecast
    from experiments.lesions.tables import write_forecast
    from twin.lesions import read_lesions
    from twin.lesions.population import LesionPopulation

    fitted, series = LesionPopulation.load(population), read_lesions(table)
    ahead = series.last_day[:, None] + np.asarray(days)
    with console.progress("Forecasting", "lesions") as progress:
        found = fitted.forecast(series, ahead, seed=seed, progress=progress)
    write_forecast(out, series, found)
    print_lesion_forecast(found, out)


@lesions.command
def validate(
    table: TableFile,
    *,
    others: Annotated[
        Path | None,
        Parameter(help="Table of other patients to forecast, instead of leaving out each trial."),
    ] = None,
    out: Annotated[
        Path | None, Parameter(name=["--out", "-o"], help="Table of the scores (.csv).")
    ] = None,
    chains: Chains = 4,
    draws: Draws = 500,
    seed: Seed = 0,
) -> None:
    """Forecast the last reading of lesions from other trials, and score it."""
    from experiments.console import say
    from experiments.lesions.held_out import judge_held_out
    from experiments.lesions.printing import print_held_out
    from experiments.lesions.tables import write_scores
    from twin.lesions import read_lesions

    found = judge_held_out(
        read_lesions(table),
        None if others is None else read_lesions(others),
        chains=chains,
        draws=draws,
        seed=seed,
        told=lambda trial: say(f"Sampling without {trial} …" if others is None else "Sampling …"),
    )
    if out is not None:
        write_scores(out, found)
    print_held_out(found)

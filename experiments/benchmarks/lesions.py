"""A cohort of lesions fitted with every lesion model, compilation included.

The cohort of Laleh et al. 2022 (doi 10.1371/journal.pcbi.1009822) where the folder that DATA names
has it, otherwise one of the same size that we simulate; `case` says which.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from experiments.benchmarks.case import Case
from experiments.benchmarks.timing import Line
from twin.cores import available_cores
from twin.lesions import (
    LESION_MODELS,
    LIMIT_ML,
    LesionSeries,
    fit_lesions,
    lesion_series,
    read_lesions,
)
from twin.lesions.population import fit_population

TABLE = "lesions/lesion_volumes.csv"
"""Inside the folder that DATA names."""


def measure(case: Case, names: Sequence[str]) -> Iterator[Line]:
    """Figures of the group "lesions": every model once, then again to tell what compiling took; and
    the hierarchical model."""
    series, origin = _cohort(case)
    first, again, told = 0.0, 0.0, []
    for name, model in islice(LESION_MODELS.items(), case.lesion_models):
        begun = time.perf_counter()
        fits = fit_lesions(series, model())
        compiled = time.perf_counter()
        fit_lesions(series, model())
        ended = time.perf_counter()
        first, again = first + compiled - begun, again + ended - compiled
        converged = fits.status_counts["converged"]
        told.append(f"{name} {compiled - begun:.1f} s, {converged} converged")
    details = (
        f"{len(series)} {origin} series, {series.mask.sum()} readings, {len(told)} models,"
        f" {available_cores()} cores, one process, empty compilation cache;"
        f" {first - again:.1f} s of it compiling (first fit less second); {'; '.join(told)}"
    )
    yield "lesions_fit_s", first, "s", details
    if "lesions_hierarchical_s" in names:
        yield _hierarchical(case, series, origin)


def _hierarchical(case: Case, series: LesionSeries, origin: str) -> Line:
    begun = time.perf_counter()
    found = fit_population(series, chains=2, warmup=case.lesion_draws, draws=case.lesion_draws)
    details = (
        f"{found.lesions} {origin} series, {found.readings} readings, 2 chains of"
        f" {2 * case.lesion_draws}, {available_cores()} cores; R-hat at most {found.rhat:.2f}, at"
        f" least {found.effective:.0f} effective draws"
    )
    return "lesions_hierarchical_s", time.perf_counter() - begun, "s", details


def _cohort(case: Case) -> tuple[LesionSeries, str]:
    """As many series as the case asks for, and whether they are measured or simulated."""
    root = Path(__file__).resolve().parents[2]
    table = root / os.environ.get("DATA", "../shared/data") / TABLE
    if not table.is_file():
        return simulated_cohort(case.lesions), "simulated"
    series = read_lesions(table)
    return series.select(np.arange(min(case.lesions, len(series)))), "measured"


def simulated_cohort(lesions: int, seed: int = 0) -> LesionSeries:
    """Series of the shape of the cohort: 3 to 16 readings about six weeks apart, the first before
    treatment, of lesions that shrink and grow again, read with the errors the models assume."""
    random = np.random.default_rng(seed)
    all_days, volumes = [], []
    for _ in range(lesions):
        count = min(2 + random.geometric(0.27), 16)
        days = -random.uniform(0.0, 28.0) + 42.0 * np.arange(count)
        days[1:] += random.uniform(-5.0, 5.0, count - 1)
        treated = np.maximum(days, 0.0)
        share = random.uniform()
        growth, decline = np.exp(random.normal(np.log([0.001, 0.005]), 1.0))
        parts = (1.0 - share) * np.exp(-decline * treated) + share * np.exp(growth * treated)
        wander = np.cumsum(random.normal(0.0, 0.04 * np.sqrt(np.diff(days, prepend=days[0]))))
        errors = random.normal(0.0, 0.1, count)
        volume = 20.0 * np.exp(random.normal() + wander + errors) * parts
        all_days.append(days)
        volumes.append(np.where(volume < LIMIT_ML, 0.0, volume))
    return lesion_series(all_days, volumes)

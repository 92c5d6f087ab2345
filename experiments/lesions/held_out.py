"""The last reading of every lesion, forecast from those before it by a population of others.

A trial is left out whole: neither its patients nor its arms were seen. The baseline carries the
last reading forward and spreads around it the errors that this made in the other trials.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy import stats

from generative.metrics.figure import LEVEL, Figure, interval, resamples
from twin.errors import TwinError
from twin.forecasting.scores import crps
from twin.lesions import LesionSeries
from twin.lesions.population import LesionPopulation, fit_population
from twin.lesions.population.steps import diameters_mm

LEAST_READINGS = 4
HELD = 0.9
"""Level of the intervals that are judged."""
_RESAMPLES = 4000


@dataclass(frozen=True, eq=False)
class Forecasts:
    """One way to forecast, judged lesion by lesion.

    Attributes:
        crps_mm: (n,) continuous ranked probability scores.
        median_mm, low_mm, high_mm: (n,) with the ends of the central 90 % interval.
    """

    crps_mm: Float[np.ndarray, " n"]
    median_mm: Float[np.ndarray, " n"]
    low_mm: Float[np.ndarray, " n"]
    high_mm: Float[np.ndarray, " n"]


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What forecasts of last readings were worth.

    Attributes:
        ids, trials: of the n lesions.
        observed_mm: (n,) diameter that was read last.
        carried: the baseline.
        ended: the population, told that the reading is the last of its series.
        plain: the population, not told.
        populations: trial left out -> whom it was forecast from.
    """

    ids: tuple[str, ...]
    trials: tuple[str, ...]
    observed_mm: Float[np.ndarray, " n"]
    carried: Forecasts
    ended: Forecasts
    plain: Forecasts
    populations: dict[str, LesionPopulation]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def converged(self) -> bool:
        """Whether every population has."""
        return all(population.converged for population in self.populations.values())

    def of_trial(self, trial: str) -> Bool[np.ndarray, " n"]:
        """(n,) which lesions are of a trial."""
        return np.array([name == trial for name in self.trials])

    def crps_mm(self, found: Forecasts, rows: np.ndarray | None = None) -> Figure:
        """Mean score in mm, with the interval over patients."""
        return _mean(found.crps_mm, rows)

    def gain_mm(self, found: Forecasts, rows: np.ndarray | None = None) -> Figure:
        """Mean score less that of the baseline, paired by patient; negative is better."""
        return _mean(found.crps_mm - self.carried.crps_mm, rows)

    def error_mm(self, found: Forecasts, rows: np.ndarray | None = None) -> Figure:
        """Mean absolute error of the median in mm."""
        return _mean(np.abs(found.median_mm - self.observed_mm), rows)

    def held(self, found: Forecasts, rows: np.ndarray | None = None) -> Figure:
        """Share of the readings that the 90 % interval held, with its exact interval."""
        inside = (found.low_mm <= self.observed_mm) & (self.observed_mm <= found.high_mm)
        inside = inside if rows is None else inside[rows]
        exact = stats.binomtest(int(inside.sum()), len(inside)).proportion_ci(LEVEL)
        return Figure(float(inside.mean()), float(exact.low), float(exact.high))


Told = Callable[[str], None]


def judge_held_out(
    series: LesionSeries,
    others: LesionSeries | None = None,
    *,
    chains: int = 4,
    warmup: int = 500,
    draws: int = 500,
    seed: int = 0,
    told: Told | None = None,
) -> HeldOut:
    """Forecast last readings of trials from other trials.

    Args:
        series: lesions to learn from; without `others`, each of their trials is left out in turn.
        others: lesions to forecast, of patients that are not in `series`.
        chains, warmup, draws: of the sampler, see `fit_population`.
        seed: of every draw.
        told: called with the name of each trial when its turn comes.

    Raises:
        TwinError: one trial only and no others, patients in both, or too few readings.
    """
    turns = _turns(series, others)
    judged, populations = [], {}
    for trial, (known, unseen) in turns.items():
        if told is not None:
            told(trial)
        errors = _carried_errors(known)
        population = fit_population(known, chains=chains, warmup=warmup, draws=draws, seed=seed)
        populations[trial] = population
        judged.append((unseen, *_judge(population, errors, unseen, seed)))
    whole = [part for part, *_ in judged]
    observed = np.concatenate([_last_mm(part) for part in whole])
    carried, ended, plain = (_joined([row[place] for row in judged]) for place in (1, 2, 3))
    return HeldOut(
        tuple(name for part in whole for name in part.ids),
        tuple(name for part in whole for name in part.trials),
        observed,
        carried,
        ended,
        plain,
        populations,
    )


def _turns(
    series: LesionSeries, others: LesionSeries | None
) -> dict[str, tuple[LesionSeries, LesionSeries]]:
    """Name -> whom to learn from, whom to forecast."""
    if others is not None:
        both = set(series.ids) & set(others.ids)
        if both:
            raise TwinError(
                "patients to learn from and to forecast are the same",
                where="others",
                expected="no patient in both tables",
                got=f"{len(both)} in both, {min(both)} among them",
            )
        return {"others": (series, _enough(others, "to forecast"))}
    names = sorted(set(series.trials))
    if len(names) < 2:
        raise TwinError(
            "no trial to leave out",
            where="trials",
            expected="two trials or more (column Study_id)",
            got=names[0] or "no names of trials",
            fix="Give the lesions to forecast as a table of their own",
        )
    turns = {}
    for name in names:
        left_out = np.array([trial == name for trial in series.trials])
        turns[name] = series.select(~left_out), _enough(series.select(left_out), f"of trial {name}")
    return turns


def _enough(series: LesionSeries, which: str) -> LesionSeries:
    """Lesions with readings enough to hold the last one out."""
    found = series.select(series.counts >= LEAST_READINGS)
    if not len(found):
        raise TwinError(
            "no lesion with readings enough",
            where=f"lesions {which}",
            expected=f"{LEAST_READINGS} readings, the last of which is held out",
            got=f"{series.counts.max()} at most",
        )
    return found


def _judge(
    population: LesionPopulation,
    errors: Float[np.ndarray, " m"],
    unseen: LesionSeries,
    seed: int,
) -> tuple[Forecasts, Forecasts, Forecasts]:
    known, day, observed = unseen.without_last(), unseen.last_day[:, None], _last_mm(unseen)
    carried = np.maximum(_last_mm(known)[:, None] + errors, 0.0)
    ended, plain = (
        population.forecast(known, day, ends=ends, seed=seed).diameters_mm[:, :, 0]
        for ends in (True, False)
    )
    return _scored(carried, observed), _scored(ended, observed), _scored(plain, observed)


def _carried_errors(series: LesionSeries) -> Float[np.ndarray, " m"]:
    """What carrying forward was off by, at the last readings of the patients known."""
    known = _enough(series, "to learn from")
    return _last_mm(known) - _last_mm(known.without_last())


def _last_mm(series: LesionSeries) -> Float[np.ndarray, " n"]:
    return diameters_mm(series)[np.arange(len(series)), series.counts - 1]


def _scored(draws: Float[np.ndarray, "n d"], observed: Float[np.ndarray, " n"]) -> Forecasts:
    low, median, high = np.quantile(draws, [0.5 - HELD / 2, 0.5, 0.5 + HELD / 2], axis=1)
    scores = [crps(row, value) for row, value in zip(draws, observed, strict=True)]
    return Forecasts(np.array(scores), median, low, high)


def _joined(parts: list[Forecasts]) -> Forecasts:
    return Forecasts(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("crps_mm", "median_mm", "low_mm", "high_mm")
        )
    )


def _mean(values: Float[np.ndarray, " n"], rows: np.ndarray | None) -> Figure:
    values = values if rows is None else values[rows]
    picks = resamples(len(values), draws=_RESAMPLES, random=np.random.default_rng(0))
    return interval(values.mean(), values[picks].mean(axis=1))

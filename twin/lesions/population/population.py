"""A population of lesions: what one table of patients says about the next patient."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpyro.diagnostics import effective_sample_size, split_gelman_rubin

from twin.errors import TwinError
from twin.lesions.population.endings import FIRST_LAST, covariates, log_chance
from twin.lesions.population.hierarchy import law_of, patients_of, sample_posterior
from twin.lesions.population.steps import (
    UNIT_DAYS,
    diameters_mm,
    draw_next,
    log_likelihood,
    log_size,
    steps_of,
)
from twin.lesions.series import LesionSeries

SCHEMA = "oncotwin-lesion-population/1"
LEAST_LESIONS = 30
_RHAT, _LEAST_EFFECTIVE, _DIVERGED = 1.05, 50.0, 0.01
_KEPT = 1000
_BATCH = 16
Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False, repr=False)
class PopulationForecast:
    """What will be read of n lesions on t days.

    Attributes:
        days: (n, t).
        diameters_mm: (n, draws, t) equally likely courses.
        ends: (n, t) chance that a reading taken on this day is the last of its series.
        effective: (n,) how many draws of the population the readings leave in play; below about
            50 the forecast of that lesion is coarse.
        converged: whether the population behind it is.
    """

    days: Float[np.ndarray, "n t"]
    diameters_mm: Float[np.ndarray, "n draws t"]
    ends: Float[np.ndarray, "n t"]
    effective: Float[np.ndarray, " n"]
    converged: bool

    @property
    def median_mm(self) -> Float[np.ndarray, "n t"]:
        """(n, t)."""
        return np.median(self.diameters_mm, axis=1)

    def interval_mm(self, level: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
        """(n, t) and (n, t) ends of the central interval."""
        low, high = np.quantile(self.diameters_mm, [0.5 - level / 2, 0.5 + level / 2], axis=1)
        return low, high


@dataclass(frozen=True, eq=False, repr=False)
class LesionPopulation:
    """Posterior of the hierarchical model of a table of lesions.

    Attributes:
        arms: labels of the arms it was fitted to.
        draws: site -> (S, ...) equally likely values, see `twin.lesions.population.hierarchy`.
        lesions, readings: how many it was fitted to.
        rhat: largest split potential scale reduction of a site (1 where chains agree).
        effective: smallest effective sample size of a site.
        diverged: share of transitions that did.
    """

    arms: tuple[str, ...]
    draws: Mapping[str, Float[np.ndarray, "s ..."]]
    lesions: int
    readings: int
    rhat: float
    effective: float
    diverged: float

    def __repr__(self) -> str:
        state = "converged" if self.converged else "NOT CONVERGED"
        return f"LesionPopulation({self.lesions} lesions, {len(self.arms)} arms, {state})"

    @property
    def converged(self) -> bool:
        """Whether chains agree, mixed and followed their path."""
        mixed = self.rhat < _RHAT and self.effective >= _LEAST_EFFECTIVE
        return mixed and self.diverged <= _DIVERGED

    def summary(self, name: str, level: float = 0.9) -> tuple[float, float, float]:
        """Median and ends of the central interval of what patients share, rates per 100 days."""
        tail = 0.5 - level / 2.0
        low, median, high = np.quantile(self.draws[name], [tail, 0.5, 1.0 - tail])
        return float(median), float(low), float(high)

    def forecast(
        self,
        series: LesionSeries,
        days: np.ndarray,
        *,
        ends: bool = False,
        particles: int = 20,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> PopulationForecast:
        """Forecast lesions from their readings so far, one or more.

        Patients of an arm that the population knows share what that arm has in common; others come
        from an arm of their own.

        Args:
            series: lesions, as `read_lesions` gives them.
            days: (t,) the same for all or (n, t), increasing and after the last reading.
            ends: whether the reading on the last of these days is known to be the last of its
                series, as one is that was held out of a finished study.
            particles: patients drawn for each draw of the population.
            seed: of every draw.
            progress: called with lesions done and all of them.

        Raises:
            TwinError: days of another shape, not finite, not increasing, or not after the last
                reading.
        """
        given = _checked_days(series, days)
        known = {arm: i for i, arm in enumerate(self.arms)}
        arm = np.array([known.get(group, -1) for group in series.groups])
        start = series.treatment_day[:, None]
        rows = (
            arm,
            (series.times_days - start) / UNIT_DAYS,
            diameters_mm(series),
            series.mask,
            (given - start) / UNIT_DAYS,
        )
        sites = {n: jnp.repeat(jnp.asarray(v), particles, axis=0) for n, v in self.draws.items()}
        count, keys = len(series), jax.random.split(jax.random.key(seed), len(series))
        found: list[tuple[np.ndarray, ...]] = []
        size = min(_BATCH, count)
        for first in range(0, count, size):
            index = np.minimum(np.arange(first, first + size), count - 1)
            batch = _forecast(sites, keys[index], *(jnp.asarray(a[index]) for a in rows), ends=ends)
            found.append(tuple(np.asarray(part)[: count - first] for part in batch))
            if progress is not None:
                progress(min(first + size, count), count)
        diameters, chance, effective = (np.concatenate(part) for part in zip(*found, strict=True))
        return PopulationForecast(given, diameters, chance, effective, self.converged)

    def save(self, path: Path) -> None:
        """Write it as one file."""
        path.write_bytes(self.to_bytes())

    def to_bytes(self) -> bytes:
        """Content of that file."""
        about = {"schema": SCHEMA, "arms": self.arms, "lesions": self.lesions}
        about |= {"readings": self.readings, "rhat": self.rhat}
        about |= {"effective": self.effective, "diverged": self.diverged}
        arrays: dict[str, Any] = {"about": np.array(json.dumps(about)), **self.draws}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)
        return buffer.getvalue()

    @classmethod
    def load(cls, path: Path) -> LesionPopulation:
        """From what `save` wrote.

        Raises:
            TwinError: there is no such file, or it is another one.
        """
        if not path.is_file():
            raise TwinError("no such file", where=str(path), fix="Make it with lesions fit")
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            about = json.loads(str(arrays.pop("about")))
            if about.pop("schema") != SCHEMA:
                raise KeyError("schema")
            arms = tuple(about.pop("arms"))
            return cls(arms=arms, draws=arrays, **about)
        except (
            OSError,
            EOFError,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            zipfile.BadZipFile,
        ) as bad:
            raise TwinError(
                "not a population of lesions",
                where=path.name,
                expected=f"a file of {SCHEMA}",
                got=str(bad) or type(bad).__name__,
            ) from None


def fit_population(
    series: LesionSeries,
    *,
    chains: int = 4,
    warmup: int = 500,
    draws: int = 500,
    seed: int = 0,
) -> LesionPopulation:
    """Fit the hierarchical model to a table of lesions by NUTS.

    Args:
        series: lesions; `groups` are their arms. Those with one reading say nothing.
        chains, warmup, draws: of the sampler; draws are those of each chain.
        seed: of every draw.

    Raises:
        TwinError: too few lesions with two readings or more.
    """
    series = series.select(series.counts >= 2)
    if len(series) < LEAST_LESIONS:
        raise TwinError(
            "too few lesions for a population",
            where="fit_population",
            expected=f"at least {LEAST_LESIONS} with two readings or more",
            got=str(len(series)),
            fix="Fit single lesions with fit_lesions, or use a population of other patients",
        )
    arms, arm = np.unique(series.groups, return_inverse=True)
    found, diverged = sample_posterior(
        steps_of(series),
        arm,
        arms=len(arms),
        chains=chains,
        warmup=warmup,
        draws=draws,
        seed=seed,
    )
    return LesionPopulation(
        tuple(str(name) for name in arms),
        {name: value.reshape(-1, *value.shape[2:]) for name, value in found.items()},
        len(series),
        int(series.mask.sum()),
        max(float(np.max(split_gelman_rubin(value))) for value in found.values()),
        min(float(np.min(effective_sample_size(value))) for value in found.values()),
        diverged / (chains * draws),
    )


@partial(jax.jit, static_argnames="ends")
def _forecast(
    sites: dict[str, Array],
    keys: Array,
    arm: Array,
    times: Array,
    diameters: Array,
    mask: Array,
    days: Array,
    *,
    ends: bool,
) -> tuple[Array, Array, Array]:
    """(b, draws, t) courses, (b, t) chances to end, (b,) effective draws of a batch of lesions."""
    one = partial(_forecast_one, sites, ends=ends)
    return jax.vmap(one)(keys, arm, times, diameters, mask, days)


def _forecast_one(
    sites: dict[str, Array],
    key: Array,
    arm: Array,
    times: Array,
    diameters: Array,
    mask: Array,
    days: Array,
    *,
    ends: bool,
) -> tuple[Array, Array, Array]:
    """Patients of the population, weighted by the readings so far, and followed."""
    site = sites.__getitem__
    size = site("growth").shape[0]
    own, others, ahead, pick = jax.random.split(key, 4)
    scores = jax.random.normal(own, (4, size))
    effects = jnp.stack([site("arm_growth"), site("arm_decline")])[:, :, jnp.maximum(arm, 0)]
    effects = jnp.where(arm >= 0, effects, jax.random.normal(others, (2, size)))
    law, patients = law_of(site), patients_of(site, *scores, *effects)
    wide_law, wide_patients = jax.tree.map(lambda value: value[:, None], (law, patients))
    read = log_likelihood(
        wide_law, wide_patients, times[:-1], times[1:], diameters[:-1], diameters[1:]
    )
    sizes = log_size(jnp.where(mask, diameters, jnp.inf))
    smallest = jax.lax.cummin(sizes)
    linked = site("ends_with_growth") * scores[0]

    def odds(smallest: Array, from_mm: Array, to_mm: Array, after: Array) -> Array:
        table = covariates(smallest, from_mm, to_mm, after)
        return (table * site("ends")).sum(-1) + linked

    before = covariates(smallest[:-1], diameters[:-1], diameters[1:], times[1:])
    went_on = log_chance(site("ends") @ before.T + linked[:, None], False)
    may_end = jnp.arange(1, len(times)) >= FIRST_LAST
    steps = jnp.where(mask[1:], read + jnp.where(may_end, went_on, 0.0), 0.0)
    log_weight = steps.sum(1)

    count = mask.sum()
    at, low = times[count - 1], smallest[count - 1]
    now = jnp.full(size, diameters[count - 1])
    low = jnp.full(size, low)
    course, chances = [], []
    for number in range(days.shape[0]):
        following = draw_next(
            jax.random.fold_in(ahead, number), law, patients, at, days[number], now
        )
        last = odds(low, now, following, days[number])
        chances.append(jax.nn.sigmoid(last))
        if ends:
            log_weight = log_weight + log_chance(last, number == days.shape[0] - 1)
        low = jnp.minimum(low, log_size(following))
        at, now = days[number], following
        course.append(following)
    weight = jax.nn.softmax(log_weight)
    places = (jnp.arange(_KEPT) + jax.random.uniform(pick)) / _KEPT
    chosen = jnp.searchsorted(jnp.cumsum(weight), places).clip(0, size - 1)
    drawn = jnp.stack(course, axis=-1)[chosen]
    return drawn, weight @ jnp.stack(chances, axis=-1), 1.0 / (weight**2).sum()


def _checked_days(series: LesionSeries, days: np.ndarray) -> Float[np.ndarray, "n t"]:
    given = np.atleast_1d(np.asarray(days, float))
    if given.ndim > 2 or given.shape[-1] == 0 or (given.ndim == 2 and len(given) != len(series)):
        raise TwinError(
            "days do not fit the lesions",
            where="forecast",
            expected=f"shape (t,) or ({len(series)}, t)",
            got=str(given.shape),
        )
    given = np.broadcast_to(given, (len(series), given.shape[-1])).copy()
    following = np.diff(given, axis=1, prepend=series.last_day[:, None])
    if not (np.isfinite(given) & (following > 0.0)).all():
        lesion = int(np.argwhere(~(np.isfinite(given) & (following > 0.0)))[0, 0])
        raise TwinError(
            "days that cannot be forecast",
            where=f"forecast, lesion {series.ids[lesion]}",
            expected=f"finite, increasing, after day {series.last_day[lesion]:g}",
            got=str(given[lesion].tolist()),
        )
    return given

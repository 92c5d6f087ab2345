"""Most probable parameters of a lesion model for every lesion of a series at once.

Parameters are fitted in standard normal scores z (twin/parameters): the prior is |z|²/2. Every one
is fitted from several starts spread over the prior. Searches run side by side, in batches of one
size that are compiled once; those that are done leave, so that the slowest do not hold up the rest.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from twin.errors import TwinError
from twin.lesions.fits import (
    CONVERGED,
    NOT_CONVERGED,
    NOT_FINITE,
    TOO_FEW_READINGS,
    LesionFits,
    treatment_times,
)
from twin.lesions.levenberg import Search, advance, begin, unfinished
from twin.lesions.likelihood import Expected, Readings, expected_at, posterior_parts, readings_of
from twin.lesions.model import LesionModel
from twin.lesions.series import LesionSeries
from twin.parameters import ParameterTable

FEWEST_READINGS = 2
"""With fewer readings nothing but the prior speaks of change; the fit says so in its status."""
_STARTS = 6
_BATCH, _SMALL_BATCH = 256, 32
"""Searches side by side, padded; the small one is for a few lesions, such as those of a patient."""
_BURST = 10
"""Evaluations between two looks at which searches are done."""

_Lesions = tuple[Readings, Array, Array, Array]
"""Readings, their days since the first, days without treatment after it and with it before."""


def fit_lesions(
    series: LesionSeries,
    model: LesionModel,
    *,
    table: ParameterTable | None = None,
    max_iterations: int = 500,
) -> LesionFits:
    """Fit one model to every lesion of a series.

    Args:
        series: readings (see `lesion_series`, `read_lesions`).
        model: the equation.
        table: parameters; those of the model by default (see `ParameterTable.with_priors`).
        max_iterations: evaluations of each start at most.

    Returns:
        Fits with a status for each lesion; every number in it is finite, whatever the status.

    Raises:
        TwinError: the table lacks a parameter of the model.
    """
    own = model.table()
    table = own if table is None else table
    missing = [name for name in own if name not in table]
    if missing:
        raise TwinError(
            f"the table has no parameter {missing[0]!r}",
            where="fit_lesions",
            expected=", ".join(own),
            got=", ".join(table),
            fix="Change priors with the model's own table: model.table().with_priors(...)",
        )
    names = table.free
    with jax.enable_x64(True):
        best = _best(_searched(series, model, table, max_iterations), len(series))
        finite, converged = np.asarray(best.finite), np.asarray(best.converged)
    scores, cost = np.asarray(best.point), np.where(finite, best.cost, 0.0)
    covariance = np.linalg.inv(best.curvature)
    evidence = 0.5 * np.linalg.slogdet(covariance)[1] - cost
    return LesionFits(
        series=series,
        model=model,
        table=table,
        names=names,
        scores=scores,
        covariance=0.5 * (covariance + covariance.transpose(0, 2, 1)),
        status=_status(series, finite, converged),
        log_likelihood=np.where(finite, 0.5 * (scores**2).sum(axis=1) - cost, 0.0),
        log_evidence=np.where(finite, evidence, 0.0),
        iterations=np.asarray(best.iterations),
    )


def _searched(
    series: LesionSeries, model: LesionModel, table: ParameterTable, max_iterations: int
) -> Search:
    """Searches at their end; those of one lesion follow each other."""
    before, untreated = treatment_times(series)
    days = series.times_days - series.first_day[:, None]
    lesions: Any = (jax.tree.map(np.asarray, readings_of(series)), days, untreated, before)
    starts = _starts(series, table, table.free)
    search = begin(starts.reshape(-1, starts.shape[-1]))
    running = np.arange(len(search.cost))
    size = _BATCH if running.size > _SMALL_BATCH else _SMALL_BATCH
    while running.size:
        for first in range(0, running.size, size):
            chosen = np.resize(running[first : first + size], size)
            of_each, batch = _pick(lesions, chosen // _STARTS), _pick(search, chosen)
            batch = _burst(model, table, np.asarray(max_iterations), of_each, batch)
            for whole, part in zip(search, batch, strict=True):
                whole[chosen] = part
        running = running[np.asarray(unfinished(search, max_iterations))[running]]
    return search


def _best(search: Search, lesions: int) -> Search:
    """The search of each lesion that came lowest."""
    lowest = search.cost.reshape(lesions, _STARTS).argmin(axis=1)
    return _pick(search, np.arange(lesions) * _STARTS + lowest)


def _pick[Tree](tree: Tree, rows: np.ndarray) -> Tree:
    """Rows of every leaf."""
    return jax.tree.map(lambda leaf: leaf[rows], tree)


@eqx.filter_jit
def _burst(
    model: LesionModel,
    table: ParameterTable,
    max_iterations: Int[Array | np.ndarray, ""],
    lesions: _Lesions,
    search: Search,
) -> Search:
    """Some more evaluations of every search of a batch."""

    def one(lesion: _Lesions, search: Search) -> Search:
        readings, days, free, earlier = lesion

        def predict(z: Array) -> Expected:
            values = table.values_at(dict(zip(table.free, z, strict=True)))
            curve = model.log_volume(days, free, earlier, values)
            return expected_at(curve, values, readings)

        until = jnp.minimum(search.iterations + _BURST, max_iterations)
        return jax.lax.while_loop(
            lambda search: unfinished(search, until),
            lambda search: advance(lambda z: posterior_parts(predict, readings, z), search),
            search,
        )

    return jax.vmap(one)(lesions, search)


def _starts(series: LesionSeries, table: ParameterTable, names: tuple[str, ...]) -> np.ndarray:
    """(n, s, K) scores to try: spread over the prior, the first volume as read."""
    spread = np.random.default_rng(0).standard_normal((_STARTS, len(names)))
    spread[0] = 0.0
    starts = np.repeat(spread[None], len(series), axis=0)
    if "initial_volume" in names:
        prior, k = table["initial_volume"].prior, names.index("initial_volume")
        for i, (volumes, mask) in enumerate(zip(series.volumes_ml, series.mask, strict=True)):
            read = volumes[mask & (volumes > 0.0)]
            if read.size:
                starts[i, :, k] = np.clip(prior.inverse(float(read[0])), -6.0, 6.0)
    return starts


def _status(
    series: LesionSeries, finite: np.ndarray, converged: np.ndarray
) -> Int[np.ndarray, " n"]:
    few = (series.counts < FEWEST_READINGS) | (series.counts == series.below_limit.sum(axis=1))
    status = np.where(converged, CONVERGED, NOT_CONVERGED)
    status = np.where(few, TOO_FEW_READINGS, status)
    return np.where(finite, status, NOT_FINITE)

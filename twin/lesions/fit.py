"""Most probable parameters of a lesion model for every lesion of a series at once.

Parameters are fitted in standard normal scores z (twin/parameters): the prior is |z|²/2. Every one
is fitted from several starts spread over the prior; all of them run side by side.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from twin.errors import TwinError
from twin.lesions.fits import (
    CONVERGED,
    NOT_CONVERGED,
    NOT_FINITE,
    TOO_FEW_READINGS,
    LesionFits,
    treatment_times,
)
from twin.lesions.levenberg import Minimum, minimize
from twin.lesions.likelihood import (
    Expected,
    Predict,
    Readings,
    expected_at,
    posterior_parts,
    readings_of,
)
from twin.lesions.model import LesionModel
from twin.lesions.series import LesionSeries
from twin.parameters import ParameterTable

FEWEST_READINGS = 2
"""With fewer readings nothing but the prior speaks of change; the fit says so in its status."""
_STARTS = 6


def fit_lesions(
    series: LesionSeries,
    model: LesionModel,
    *,
    table: ParameterTable | None = None,
    max_iterations: int = 100,
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
        before, untreated = treatment_times(series)
        minimum = _fit_all(
            model,
            table,
            names,
            max_iterations,
            readings_of(series),
            jnp.asarray(series.times_days - series.first_day[:, None]),
            jnp.asarray(untreated),
            jnp.asarray(before),
            jnp.asarray(_starts(series, table, names)),
        )
        minimum = jax.tree.map(np.asarray, minimum)
    log_prior = -0.5 * (minimum.point**2).sum(axis=1)
    covariance = np.linalg.inv(minimum.curvature)
    evidence = 0.5 * np.linalg.slogdet(covariance)[1] - minimum.cost
    return LesionFits(
        series=series,
        model=model,
        table=table,
        names=names,
        scores=minimum.point,
        covariance=0.5 * (covariance + covariance.transpose(0, 2, 1)),
        status=_status(series, minimum.finite, minimum.converged),
        log_likelihood=np.where(minimum.finite, -minimum.cost - log_prior, 0.0),
        log_evidence=np.where(minimum.finite, evidence, 0.0),
        iterations=minimum.iterations,
    )


def most_probable(
    predict: Predict, readings: Readings, starts: Float[Array, "s k"], max_iterations: int
) -> Minimum:
    """Best of the minima from some starts; traced and batched by JAX.

    All starts are followed to their end: to pick the promising ones first would compile the model a
    second time, which costs more than it saves.
    """

    def evaluate(z: Array) -> tuple[Array, Array, Array]:
        return posterior_parts(predict, readings, z)

    minima = jax.vmap(lambda z: minimize(evaluate, z, max_iterations=max_iterations))(starts)
    best = jnp.argmin(jnp.where(minima.finite, minima.cost, jnp.inf))
    return jax.tree.map(lambda leaf: leaf[best], minima)


@eqx.filter_jit
def _fit_all(
    model: LesionModel,
    table: ParameterTable,
    names: tuple[str, ...],
    max_iterations: int,
    readings: Readings,
    days: Float[Array, "n r"],
    untreated: Float[Array, " n"],
    before: Float[Array, " n"],
    starts: Float[Array, "n s k"],
) -> Minimum:
    def one(readings: Readings, days: Array, free: Array, earlier: Array, starts: Array) -> Minimum:
        def predict(z: Array) -> Expected:
            values = table.values_at(dict(zip(names, z, strict=True)))
            curve = model.log_volume(days, free, earlier, values)
            return expected_at(curve, values, readings)

        return most_probable(predict, readings, starts, max_iterations)

    return jax.vmap(one)(readings, days, untreated, before, starts)


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

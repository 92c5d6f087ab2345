"""What fits of a lesion model know: parameters with intervals, forecasts, and what is undetermined.

Scores of parameters are Gaussian around the most probable ones (Laplace). Their prior deviation is
1, so contraction = 1 − sd is the share of the prior's spread that the readings removed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from scipy.special import ndtri

from twin.errors import TwinError
from twin.lesions.likelihood import Readings, expected_at, one_by_one, reading_sd, readings_of
from twin.lesions.model import LesionModel
from twin.lesions.series import ML_PER_CUBED_MM, LesionSeries
from twin.parameters import ParameterTable

UNDETERMINED_BELOW = 0.25
"""A parameter whose contraction is smaller counts as not determined, as in twin.calibration."""

CONVERGED, TOO_FEW_READINGS, NOT_CONVERGED, NOT_FINITE = range(4)
STATUS = ("converged", "too few readings", "not converged", "not finite")
"""Words for the values of `LesionFits.status`."""


@dataclass(frozen=True, eq=False)
class LesionForecast:
    """Volumes in mL at t days of each of n lesions.

    Attributes:
        days: (n, t).
        median, low, high: (n, t), low and high the ends of the central interval.
        log_draws: (n, draws, t) logarithms of the draws behind them.
    """

    days: Float[np.ndarray, "n t"]
    median: Float[np.ndarray, "n t"]
    low: Float[np.ndarray, "n t"]
    high: Float[np.ndarray, "n t"]
    log_draws: Float[np.ndarray, "n draws t"]


@dataclass(frozen=True, eq=False, repr=False)
class LesionFits:
    """Fits of one model to n lesions, K estimated parameters each.

    Attributes:
        series: what was fitted.
        model: the equation.
        table: every parameter with prior and source.
        names: the K estimated ones.
        scores: (n, K) most probable standard normal scores.
        covariance: (n, K, K) of the scores.
        status: (n,) index into `STATUS`.
        log_likelihood: (n,) of the log readings at the most probable parameters.
        log_evidence: (n,) Laplace approximation of log P(readings | model).
        iterations: (n,) evaluations of the fit that was kept.
    """

    series: LesionSeries
    model: LesionModel
    table: ParameterTable
    names: tuple[str, ...]
    scores: Float[np.ndarray, "n k"]
    covariance: Float[np.ndarray, "n k k"]
    status: Int[np.ndarray, " n"]
    log_likelihood: Float[np.ndarray, " n"]
    log_evidence: Float[np.ndarray, " n"]
    iterations: Int[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.series)

    def __repr__(self) -> str:
        found = ", ".join(f"{n} {s}" for s, n in self.status_counts.items() if n)
        return f"LesionFits({self.model.name}: {found})"

    @property
    def status_counts(self) -> dict[str, int]:
        """Lesions by status."""
        return {word: int((self.status == i).sum()) for i, word in enumerate(STATUS)}

    @property
    def contraction(self) -> np.ndarray:
        """(n, K) share of the prior's spread that the readings removed, 0 to 1."""
        sd = np.sqrt(np.diagonal(self.covariance, axis1=1, axis2=2))
        return np.clip(1.0 - sd, 0.0, 1.0)

    @property
    def determined(self) -> np.ndarray:
        """(n, K) whether the readings say something about each parameter."""
        return self.contraction >= UNDETERMINED_BELOW

    def undetermined(self, lesion: int = 0) -> tuple[str, ...]:
        """Names of the parameters of one lesion that its readings do not determine."""
        known = self.determined[lesion]
        return tuple(name for name, yes in zip(self.names, known, strict=True) if not yes)

    @property
    def point(self) -> dict[str, np.ndarray]:
        """(n,) most probable natural value of every parameter, fixed ones included."""
        return self._values(self.scores)

    def interval(self, name: str, level: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
        """(n,) and (n,) ends of the central posterior interval of one parameter."""
        parameter = self.table[name]
        if name not in self.names:
            value = np.full(len(self), float(parameter.prior.transform(0.0)))
            return value, value
        k = self.names.index(name)
        half = float(ndtri(0.5 + level / 2.0)) * np.sqrt(self.covariance[:, k, k])
        with jax.enable_x64(True):
            low, high = (
                np.asarray(parameter.prior.transform(self.scores[:, k] + sign * half))
                for sign in (-1.0, 1.0)
            )
        return low, high

    @property
    def bic(self) -> np.ndarray:
        """(n,) Bayesian information criterion, K log(readings) − 2 log likelihood."""
        return len(self.names) * np.log(self.series.counts) - 2.0 * self.log_likelihood

    def sample_scores(self, count: int, seed: int) -> np.ndarray:
        """(n, count, K) scores drawn from the posterior; the same for the same seed."""
        standard = np.random.default_rng(seed).standard_normal((count, len(self.names)))
        root = np.linalg.cholesky(self.covariance)
        return self.scores[:, None, :] + np.einsum("nij,cj->nci", root, standard)

    def predict(
        self,
        days: np.ndarray,
        *,
        level: float = 0.9,
        readings: bool = False,
        draws: int = 400,
        seed: int = 0,
    ) -> LesionForecast:
        """Volumes from the last reading on, with all that is uncertain about them.

        Args:
            days: (t,) the same days for all lesions, or (n, t) for each; not before the lesion's
                last reading.
            level: of the central interval.
            readings: True for what would be read, error of the reading included.
            draws: from the posterior.
            seed: of the draws.

        Raises:
            TwinError: days before the last reading (see `curve`), not finite, or of another shape.
        """
        given = self._days(days, self.series.last_day, "predict", "Use curve() for fitted days")
        scores, log_curve, offset, variance, wander = self._courses(given, draws, seed)
        random = np.random.default_rng([seed, 1])
        ahead = (given - self.series.last_day[:, None])[:, None, :]
        spread = np.sqrt(variance[..., None] + wander[..., None] ** 2 * ahead)
        noise = random.standard_normal((2, draws, given.shape[1]))
        log_volume = log_curve + offset[..., None] + spread * noise[0]
        if readings:
            log_volume = log_volume + self._reading_sd(scores, log_volume) * noise[1]
        return _summarized(given, log_volume, level)

    def curve(
        self, days: np.ndarray, *, level: float = 0.9, draws: int = 400, seed: int = 0
    ) -> LesionForecast:
        """The model's own curve from the first reading on, without the wandering around it.

        Args:
            days: (t,) the same days for all lesions, or (n, t) for each; not before the lesion's
                first reading.
            level, draws, seed: as for `predict`.

        Raises:
            TwinError: days before the first reading, not finite, or of another shape.
        """
        given = self._days(days, self.series.first_day, "curve", "Move the first reading there")
        return _summarized(given, self._courses(given, draws, seed)[1], level)

    def summary(self, lesion: int = 0, level: float = 0.9) -> list[dict[str, Any]]:
        """One row a parameter of one lesion, with the keys of `Posterior.summary`."""
        rows = []
        point = self.point
        for name, parameter in self.table.items():
            free = name in self.names
            k = self.names.index(name) if free else -1
            low, high = self.interval(name, level)
            prior_low, prior_high = parameter.interval(level)
            rows.append(
                {
                    "name": name,
                    "unit": parameter.unit,
                    "description": parameter.description,
                    "point": float(point[name][lesion]),
                    "low": float(low[lesion]),
                    "high": float(high[lesion]),
                    "prior": parameter.prior.describe(),
                    "prior_low": prior_low,
                    "prior_high": prior_high,
                    "contraction": float(self.contraction[lesion, k]) if free else None,
                    "determined": bool(self.determined[lesion, k]) if free else None,
                    "provenance": parameter.provenance,
                    "citation": parameter.citation,
                }
            )
        return rows

    def _days(self, days: np.ndarray, earliest: np.ndarray, where: str, fix: str) -> np.ndarray:
        """(n, t) days of each lesion."""
        given = np.atleast_1d(np.asarray(days, float))
        if given.ndim > 2 or (given.ndim == 2 and given.shape[0] != len(self)):
            raise TwinError(
                "days do not fit the lesions",
                where=where,
                expected=f"shape (t,) or ({len(self)}, t)",
                got=str(given.shape),
            )
        given = np.broadcast_to(given, (len(self), given.shape[-1])).copy()
        allowed = np.isfinite(given) & (given >= earliest[:, None])
        if not allowed.all():
            lesion, k = np.argwhere(~allowed)[0]
            raise TwinError(
                "a day that cannot be told",
                where=f"{where}, lesion {self.series.ids[lesion]}",
                expected=f"finite days from {earliest[lesion]:g} on",
                got=f"{given[lesion, k]:g}",
                fix=fix,
            )
        return given

    def _courses(self, days: np.ndarray, draws: int, seed: int) -> tuple[np.ndarray, ...]:
        """Scores; log curve, offset, variance and wandering of each draw (see `_courses_of`)."""
        scores = self.sample_scores(draws, seed)
        first = self.series.first_day[:, None]
        with jax.enable_x64(True):
            before, untreated = treatment_times(self.series)
            courses = _courses_of(
                self.model,
                self.table,
                self.names,
                scores,
                readings_of(self.series),
                self.series.times_days - first,
                days - first,
                untreated,
                before,
            )
            return scores, *(np.asarray(part) for part in courses)

    def _values(self, scores: np.ndarray) -> dict[str, np.ndarray]:
        zeros = np.zeros(scores.shape[:-1])
        with jax.enable_x64(True):
            by_name = {name: scores[..., k] for k, name in enumerate(self.names)}
            return {
                name: np.asarray(p.prior.transform(by_name.get(name, zeros)))
                for name, p in self.table.items()
            }

    def _reading_sd(self, scores: np.ndarray, log_volume: np.ndarray) -> np.ndarray:
        values = self._values(scores)
        diameter = np.exp((log_volume - np.log(ML_PER_CUBED_MM)) / 3.0)
        with jax.enable_x64(True):
            return np.asarray(
                reading_sd(
                    jnp.asarray(values["reading_sd"][..., None]),
                    jnp.asarray(values["diameter_sd"][..., None]),
                    jnp.asarray(np.maximum(diameter, 1.0)),
                )
            )


def treatment_times(series: LesionSeries) -> tuple[np.ndarray, np.ndarray]:
    """(n,) days of treatment before the first reading, and of none after it."""
    lead = series.treatment_day - series.first_day
    return np.maximum(-lead, 0.0), np.maximum(lead, 0.0)


def _summarized(days: np.ndarray, log_volume: np.ndarray, level: float) -> LesionForecast:
    tail = 0.5 - level / 2.0
    low, median, high = np.exp(np.quantile(log_volume, [tail, 0.5, 1.0 - tail], axis=1))
    return LesionForecast(days, median, low, high, log_volume)


@eqx.filter_jit
def _courses_of(
    model: LesionModel,
    table: ParameterTable,
    names: tuple[str, ...],
    scores: Float[Array | np.ndarray, "n draws k"],
    readings: Readings,
    read_days: Float[Array | np.ndarray, "n r"],
    days: Float[Array | np.ndarray, "n t"],
    untreated: Float[Array | np.ndarray, " n"],
    before: Float[Array | np.ndarray, " n"],
) -> tuple[Array, Array, Array, Array]:
    """(n, draws, t) log curve; (n, draws) mean and variance of the wandering at the last reading,
    and its deviation in one day."""

    def one(
        z: Array, readings: Readings, read_days: Array, days: Array, free: Array, earlier: Array
    ) -> tuple[Array, Array, Array, Array]:
        values = table.values_at(dict(zip(names, z, strict=True)))
        everything = jnp.concatenate([read_days, days])
        curve = model.log_volume(everything, free, earlier, values)
        expected = expected_at(curve[: read_days.size], values, readings)
        _, _, (offset, variance) = one_by_one(expected, readings)
        return curve[read_days.size :], offset, variance, expected.wander_sd

    draws = jax.vmap(one, in_axes=(0, None, None, None, None, None))
    fields = (jnp.asarray(a) for a in (read_days, days, untreated, before))
    return jax.vmap(draws)(jnp.asarray(scores), readings, *fields)

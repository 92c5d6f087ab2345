"""Calibration in the coordinates of the front, and a posterior in D and ρ after it (twin/front)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import numpy as np
from scipy import special

from twin.calibration.gauss_newton import Fit
from twin.calibration.objective import Problem
from twin.calibration.posterior import UNDETERMINED_BELOW, Posterior
from twin.errors import TwinError
from twin.front import GROWTH, LENGTH, LENGTH_AT_SPEED, SPEED, FrontTable, front_of
from twin.parameters import ParameterTable

PARAMETRIZATIONS = ("diffusivity-rate", "length-speed")
"""Coordinates in which calibration can work, by name."""
_GAUSSIAN_DRAWS, _TABLE_DRAWS = 4096, 4000
_NEW: dict[str, str] = dict(zip(GROWTH, (SPEED, LENGTH_AT_SPEED), strict=True))
MEANINGS = {
    LENGTH: ("mm", "infiltration length of the front, √(D/ρ)"),
    SPEED: ("mm/day", "speed of the front, 2 √(Dρ)"),
}
"""Unit and description of what `front_summary` lists."""


def parametrized(problem: Problem, name: str) -> Problem:
    """The problem in the coordinates of a name.

    Raises:
        TwinError: an unknown name, D or ρ not estimated, or priors without such coordinates.
    """
    if name not in PARAMETRIZATIONS:
        raise TwinError(
            f"unknown parametrization {name!r}",
            where="parametrization",
            expected=" or ".join(PARAMETRIZATIONS),
            got=repr(name),
        )
    if name == "diffusivity-rate":
        return problem
    missing = set(GROWTH) - set(problem.names)
    if missing:
        raise TwinError(
            "the length and speed of the front need both of D and ρ",
            where="parametrization",
            expected=f"{' and '.join(GROWTH)} both estimated",
            got=f"{' and '.join(sorted(missing))} fixed or not in the model",
        )
    names = tuple(_NEW.get(parameter, parameter) for parameter in problem.names)
    return replace(problem, table=FrontTable(problem.table), names=names)


def in_diffusivity_and_rate(problem: Problem, result: Fit) -> Fit:
    """A fit of a `parametrized` problem as draws of the usual scores; others as they are.

    A Gaussian in the coordinates of the front is none in the usual ones: it becomes 4,096 draws.
    """
    table = problem.table
    if not isinstance(table, FrontTable):
        return result
    drawn, gain, errors = result.draws, result.image_gain, result.image_draws
    if drawn is None:
        random = np.random.default_rng(0xF207)
        left = result.covariance if gain is None else result.covariance - gain @ gain.T
        drawn = random.multivariate_normal(result.z, left, _GAUSSIAN_DRAWS)
        if gain is not None:
            errors = random.standard_normal((_GAUSSIAN_DRAWS, gain.shape[1]))
            drawn = drawn + errors @ gain.T
    scores = np.vstack([result.z, drawn])
    values = table.values_at(
        {n: jnp.asarray(column) for n, column in zip(problem.names, scores.T, strict=True)}
    )
    for old, new in _NEW.items():
        prior = table.plain[old].prior
        found = [prior.inverse(float(value)) for value in np.asarray(values[old])]
        scores[:, problem.names.index(new)] = found
    draws = scores[1:]
    return replace(
        result,
        z=draws.mean(axis=0),
        covariance=np.atleast_2d(np.cov(draws.T)),
        draws=draws,
        image_gain=None if errors is None else (draws - draws.mean(axis=0)).T @ errors / len(draws),
        image_draws=errors,
    )


def front_summary(posterior: Posterior, level: float = 0.9) -> list[dict[str, Any]]:
    """Rows as those of `Posterior.summary` for the length and speed of the front.

    They follow from the draws of D and ρ whatever the parametrization; contraction is that of the
    quantity's own score under its prior. Empty for a model without D and ρ.
    """
    if not set(GROWTH) <= set(posterior.table):
        return []
    point = front_of(posterior.point)
    after = front_of(posterior.sample(_TABLE_DRAWS, 0))
    before = front_of(posterior.prior().sample(_TABLE_DRAWS, 0))
    free = any(n in posterior.names for n in GROWTH)
    rows = []
    for name in MEANINGS:
        contraction = score_contraction(after[name], before[name]) if free else None
        row = front_row(name, before[name], posterior.table, level, contraction)
        rows.append(row | known_values(float(point[name]), after[name], level))
    return rows


def front_row(
    name: str, prior: np.ndarray, table: ParameterTable, level: float, contraction: float | None
) -> dict[str, Any]:
    """A row of the length or speed whose value is not known; see `known_values`.

    Args:
        name: of the quantity.
        prior: (S,) its draws under the prior.
        table: of the parameters that it follows from.
        level: of the intervals.
        contraction: share of the prior's spread that the data removed; None without data.
    """
    unit, description = MEANINGS[name]
    prior_low, prior_high = np.quantile(prior, _ends(level))
    return {
        "name": name,
        "unit": unit,
        "description": description,
        "point": None,
        "low": None,
        "high": None,
        "prior": "follows from D and ρ",
        "prior_low": float(prior_low),
        "prior_high": float(prior_high),
        "contraction": contraction,
        "determined": None if contraction is None else contraction >= UNDETERMINED_BELOW,
        "provenance": table[GROWTH[0]].provenance,
        "citation": "that of D and ρ",
    }


def known_values(point: float, draws: np.ndarray, level: float) -> dict[str, float]:
    """Columns of a value that is known by its draws."""
    low, high = np.quantile(draws, _ends(level))
    return {"point": point, "low": float(low), "high": float(high)}


def _ends(level: float) -> list[float]:
    return [0.5 - level / 2.0, 0.5 + level / 2.0]


def score_contraction(after: np.ndarray, before: np.ndarray) -> float:
    """1 − deviation of the draws in scores under the distribution of `before`."""
    ranks = np.searchsorted(np.sort(before), after)
    scores = special.ndtri((ranks + 0.5) / (len(before) + 1.0))
    return float(np.clip(1.0 - scores.std(), 0.0, 1.0))

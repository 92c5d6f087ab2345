"""Sobol and Morris indices of any function of independent standard normal scores, by SALib.

    S_i = Var(E[Y | x_i]) / Var(Y),    T_i = 1 - Var(E[Y | x_~i]) / Var(Y)

for a factor x_i, which is one score or several that belong together (Saltelli et al. 2010, doi
10.1016/j.cpc.2009.09.018; estimators and bootstrap of SALib, doi 10.21105/joss.00097). Morris moves
one score at a time between four levels that span its central 90 % (Campolongo et al. 2007, doi
10.1016/j.envsoft.2006.10.004).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import special

from twin.errors import TwinError

CONFIDENCE = 0.95
"""Level of the bootstrap intervals."""
LEVELS = 4
REACH = float(special.ndtri(0.95))
"""Morris moves scores between minus and plus this: the central 90 %."""

Response = Callable[[Float[np.ndarray, "s c"]], Float[np.ndarray, "s q"]]
"""Q quantities at S rows of C independent standard normal scores."""


@dataclass(frozen=True)
class SobolIndices:
    """Indices of F factors for Q quantities; NaN where a quantity does not vary.

    Attributes:
        factors: (F,) names.
        first, total: (F, Q) indices.
        first_half_width, total_half_width: (F, Q) of their 95 % bootstrap intervals.
        responses: (S, Q) every value computed; each row follows the law of the scores.
    """

    factors: tuple[str, ...]
    first: np.ndarray
    total: np.ndarray
    first_half_width: np.ndarray
    total_half_width: np.ndarray
    responses: np.ndarray


@dataclass(frozen=True)
class MorrisEffects:
    """Elementary effects of F scores on Q quantities, in the quantity's unit.

    An effect is the change of the quantity, scaled to a move across the central 90 % of the score.

    Attributes:
        factors: (F,) names.
        mean_absolute: (F, Q) mean of the absolute effects (mu*).
        mean_absolute_half_width: (F, Q) of its 95 % bootstrap interval.
        spread: (F, Q) standard deviation of the effects (sigma): curvature or interaction.
    """

    factors: tuple[str, ...]
    mean_absolute: np.ndarray
    mean_absolute_half_width: np.ndarray
    spread: np.ndarray


def sobol_indices(
    response: Response, factors: Mapping[str, int], *, samples: int, seed: int
) -> SobolIndices:
    """First-order and total indices from samples x (F + 2) rows.

    Args:
        response: the function, called once with all rows.
        factors: name -> how many scores it has, in the order of the columns; at least two factors.
        samples: base sample of the scrambled Sobol sequence, a power of 2.
        seed: of the sequence and the bootstrap.

    Raises:
        TwinError: fewer than two factors, a sample that is no power of 2, or values that are not
            finite.
    """
    from SALib.analyze import sobol as analysis
    from SALib.sample import sobol as sampling

    if len(factors) < 2:
        raise TwinError(
            "one factor alone explains everything", where="factors", expected="at least two"
        )
    if samples < 8 or samples & (samples - 1):
        raise TwinError(
            "the sample of a Sobol sequence is a power of 2",
            where="samples",
            expected="8, 16, 32, ...",
            got=str(samples),
        )
    problem = _problem(factors, 0.0, 1.0)
    shares = sampling.sample(problem, samples, calc_second_order=False, seed=seed)
    values = _finite(response(special.ndtri(np.clip(shares, _EDGE, 1.0 - _EDGE))))
    columns = [
        None
        if _constant(y)
        else analysis.analyze(
            problem, y, calc_second_order=False, conf_level=CONFIDENCE, seed=seed + 1
        )
        for y in values.T
    ]
    first, first_conf, total, total_conf = (
        _stacked(columns, key, len(factors)) for key in ("S1", "S1_conf", "ST", "ST_conf")
    )
    return SobolIndices(tuple(factors), first, total, first_conf, total_conf, values)


def morris_effects(
    response: Response, names: tuple[str, ...], *, trajectories: int, seed: int
) -> MorrisEffects:
    """Elementary effects from trajectories x (F + 1) rows.

    Args:
        response: the function, called once with all rows.
        names: of the scores, in the order of the columns.
        trajectories: random walks that change each score once.
        seed: of the walks and the bootstrap.

    Raises:
        TwinError: fewer than two trajectories, or values that are not finite.
    """
    from SALib.analyze import morris as analysis
    from SALib.sample import morris as sampling

    if trajectories < 2:
        raise TwinError(
            "too few trajectories",
            where="trajectories",
            expected="at least 2",
            got=str(trajectories),
        )
    problem = _problem(dict.fromkeys(names, 1), -REACH, REACH)
    scores = sampling.sample(problem, trajectories, num_levels=LEVELS, seed=seed)
    values = _finite(response(scores))
    columns = [
        analysis.analyze(
            problem, scores, y, num_levels=LEVELS, conf_level=CONFIDENCE, seed=seed + 1
        )
        for y in values.T
    ]
    mean, half, spread = (
        _stacked(columns, key, len(names)) for key in ("mu_star", "mu_star_conf", "sigma")
    )
    return MorrisEffects(names, mean, half, spread)


_EDGE = 1e-9


def _problem(factors: Mapping[str, int], low: float, high: float) -> dict:
    """The factors as SALib describes them: uniform from low to high, some of them grouped."""
    groups = [name for name, count in factors.items() for _ in range(count)]
    names = [f"{name}/{index}" for index, name in enumerate(groups)]
    problem = {"num_vars": len(names), "names": names, "bounds": [[low, high]] * len(names)}
    return problem | ({"groups": groups} if max(factors.values()) > 1 else {})


def _finite(values: np.ndarray) -> np.ndarray:
    bad = ~np.isfinite(values).all(axis=1)
    if bad.any():
        raise TwinError(
            "simulations of the sensitivity analysis are not finite",
            where="sensitivity",
            got=f"{int(bad.sum())} of {len(bad)} rows",
            fix="Check the parameter table for priors far outside the literature.",
        )
    return values


def _constant(y: np.ndarray) -> bool:
    """Whether a quantity varies by no more than round-off."""
    return bool(np.ptp(y) <= 1e-9 * max(1.0, float(np.abs(y).max())))


def _stacked(columns: list, key: str, count: int) -> np.ndarray:
    """(F, Q) of one figure; NaN in the columns that were left out."""
    none = np.full(count, np.nan)
    return np.stack([none if c is None else np.asarray(c[key], float) for c in columns], axis=1)

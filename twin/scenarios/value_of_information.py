"""What a further scan is worth before deciding: the expected gain from choosing after it.

    EVSI = E_y[ E[L(best now) − L(best after y)] ],   EVPI = E[L(best now) − min_p L(p)]

(Raiffa & Schlaifer 1961; by reweighting draws as Menzies 2016, Med Decis Making 36:308.)
Preposterior analysis without any new simulation: each draw s in turn is the truth and shows
y = h_s + noise; the other draws are weighted by their likelihood of y; the plan with the least
weighted loss is taken, and judged by its loss under s. Both choices leave the truth out, so that
few draws make the value too small rather than too large, and it may come out below 0 by chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from twin.errors import TwinError
from twin.scenarios.outcomes import Outcomes
from twin.scenarios.plan_set import schedule_key

OUTLINE_SD, BURDEN_SD = 0.1, 0.3
"""Relative standard deviation of an outlined volume and of the burden that a density image shows,
in which killed cells not yet cleared are not told apart (assumed)."""
FLOOR_ML = 0.1
"""Added to volumes before their logarithm: what is too small for an outline (assumed)."""
_REPLICATES = 8
_WIDTH = 1.96


@dataclass(frozen=True)
class ValueOfInformation:
    """Expected gain of the loss, with 95 % Monte Carlo intervals.

    Attributes:
        value, interval: of the observation.
        perfect, perfect_interval: of knowing everything, which no observation exceeds.
        draws: behind them.
    """

    value: float
    interval: tuple[float, float]
    perfect: float
    perfect_interval: tuple[float, float]
    draws: int


def value_of_observation(
    loss: Float[np.ndarray, "p s"],
    predicted: Float[np.ndarray, "_ k"],
    noise_sd: Float[np.ndarray, " k"] | float,
    *,
    seed: int = 0,
) -> ValueOfInformation:
    """Value of an observation with Gaussian noise.

    Args:
        loss: of P plans under S equally likely draws, lower is better.
        predicted: K numbers that each draw would show, without noise.
        noise_sd: of each number.
        seed: of the noise.

    Raises:
        TwinError: fewer than three draws, values that are not finite, or noise that is not
            positive.
    """
    loss, shown = np.asarray(loss, float), np.asarray(predicted, float)
    sd = np.broadcast_to(np.asarray(noise_sd, float), shown.shape[1:])
    _check(loss, shown, sd)
    count = loss.shape[1]
    now = (loss.sum(axis=1, keepdims=True) - loss).argmin(axis=0)
    draws = np.arange(count)
    random = np.random.default_rng(seed)
    gains = np.zeros(count)
    for _ in range(_REPLICATES):
        seen = shown + sd * random.standard_normal(shown.shape)
        distance = (((seen[:, None] - shown[None]) / sd) ** 2).sum(axis=-1)
        np.fill_diagonal(distance, np.inf)
        weight = np.exp(-0.5 * (distance - distance.min(axis=1, keepdims=True)))
        after = (weight @ loss.T).argmin(axis=1)
        gains += (loss[now, draws] - loss[after, draws]) / _REPLICATES
    value, interval = _mean(gains)
    perfect, perfect_interval = _mean(loss[now, draws] - loss.min(axis=0))
    return ValueOfInformation(value, interval, perfect, perfect_interval, count)


def value_of_scan(
    outcomes: Outcomes,
    loss: Float[np.ndarray, "p s"],
    day: float,
    *,
    outline_sd: float = OUTLINE_SD,
    burden_sd: float = BURDEN_SD,
    seed: int = 0,
) -> ValueOfInformation:
    """Value of a scan on a later day, on the way of the plan that is best now.

    It shows the outlined volume and the burden; after it there is a choice among the plans that
    begin as that one does.

    Args:
        outcomes: of the plans.
        loss: of the plans under the draws; draws with a loss that is not finite are left out.
        day: of the scan, days since the first visit.
        outline_sd, burden_sd: relative standard deviation of an outlined volume, of the burden.
        seed: of the noise.

    Raises:
        TwinError: the day is not within the outcomes, or as `value_of_observation`.
    """
    times = outcomes.times_days
    if not times[0] <= day <= times[-1]:
        raise TwinError(
            "the scan is not within the horizon",
            where="day",
            expected=f"{times[0]:g} to {times[-1]:g}",
            got=f"{day:g}",
        )
    well = np.isfinite(loss).all(axis=0)
    best = int(loss[:, well].mean(axis=1).argmin())
    begun = [schedule_key(plan.schedule.before(day)) for plan in outcomes.plans]
    same = np.array([key == begun[best] for key in begun])
    when = int(np.searchsorted(times, day - 1e-6))
    both = [course[best, well, when] for course in (outcomes.visible_ml, outcomes.viable_ml)]
    shown = np.log(np.stack(both, axis=1) + FLOOR_ML)
    noise = np.array([outline_sd, burden_sd])
    return value_of_observation(loss[same][:, well], shown, noise, seed=seed)


def _mean(gains: np.ndarray) -> tuple[float, tuple[float, float]]:
    middle = float(gains.mean())
    half = _WIDTH * float(gains.std(ddof=1)) / np.sqrt(len(gains))
    return middle, (middle - half, middle + half)


def _check(loss: np.ndarray, shown: np.ndarray, sd: np.ndarray) -> None:
    where = "value of information"
    if loss.ndim != 2 or loss.shape[1] < 3 or len(shown) != loss.shape[1]:
        raise TwinError(
            "losses and observations do not fit together",
            where=where,
            expected="(P, S) losses and (S, K) observations of at least 3 draws",
            got=f"{loss.shape} and {shown.shape}",
        )
    if not (np.isfinite(loss).all() and np.isfinite(shown).all()):
        raise TwinError("values are not finite", where=where, expected="finite losses and volumes")
    if not (np.isfinite(sd).all() and (sd > 0.0).all()):
        raise TwinError("noise must be positive", where="noise_sd", expected="above 0")

"""Decisions under uncertainty: tails, trade-offs, and posteriors that know what they know."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from twin.testing.claims import Claim, at_least, at_most, equal, true
from twin.testing.property import relation
from twin.testing.protocol import Subject

_SEEDS = st.integers(0, 99)


@relation(
    37,
    "a posterior draw can be drawn again, and another seed draws another",
    double=0.0,
    single=0.0,
    needs=("draws",),
    seed=_SEEDS,
)
def draws_follow_their_seed(simulator: Subject, seed: int) -> list[Claim]:
    """Equal seeds give equal draws, different ones different draws."""
    first = np.asarray(simulator.draws(seed, 8), float)
    other = np.asarray(simulator.draws(seed + 1, 8), float)
    return [
        equal("draws", np.asarray(simulator.draws(seed, 8), float), first),
        true("another seed gives other draws", not np.array_equal(first, other)),
        true("draws differ among themselves", bool(np.ptp(first, axis=0).max() > 0.0)),
    ]


@relation(
    45,
    "more data, less doubt",
    double=1e-3,
    single=1e-3,
    needs=("posterior_sd",),
    seed=_SEEDS,
)
def more_data_shrinks_the_variance(simulator: Subject, seed: int) -> list[Claim]:
    """Under a flat prior duplicated data halve the variance; the order of data is nothing."""
    values = 1.0 + 0.3 * np.random.default_rng(seed).normal(size=6)
    wide = 1e4
    once = float(simulator.posterior_sd(values, 0.3, wide))
    twice = float(simulator.posterior_sd(np.concatenate([values, values]), 0.3, wide))
    turned = float(simulator.posterior_sd(values[::-1].copy(), 0.3, wide))
    return [
        equal("variance with the data twice", twice**2, 0.5 * once**2),
        equal("standard deviation with the data in another order", turned, once, within=1e-9),
        at_most("standard deviation", once, wide, within=0.0),
    ]


@relation(
    46,
    "the mean of the worst cases is no better than the mean of all",
    double=1e-12,
    single=1e-6,
    needs=("cvar",),
    seed=_SEEDS,
)
def the_tail_mean_is_a_risk_measure(simulator: Subject, seed: int) -> list[Claim]:
    """CVaR >= mean, rising with the level, the maximum at its end; shifts and scales with loss."""
    losses = np.random.default_rng(seed).normal(size=12)
    levels = (0.0, 0.25, 0.5, 0.8, 0.9, 1.0 - 1e-9)
    found = np.array([float(simulator.cvar(losses, level)) for level in levels])
    moved = float(simulator.cvar(2.0 * losses + 3.0, 0.8))
    return [
        at_least("CVaR", found, losses.mean()),
        at_least("gain of CVaR with the level", np.diff(found), 0.0),
        equal("CVaR at level 0", found[0], losses.mean()),
        equal("CVaR towards level 1", found[-1], losses.max(), within=1e-6),
        equal("CVaR at level 0.5", found[2], np.sort(losses)[6:].mean()),
        equal("CVaR of 2 loss + 3", moved, 2.0 * found[3] + 3.0),
    ]


@relation(
    46,
    "a plan that another beats in every respect is no trade-off",
    double=0.0,
    single=0.0,
    needs=("pareto",),
    seed=_SEEDS,
)
def trade_offs_are_not_dominated(simulator: Subject, seed: int) -> Claim:
    """The points kept are those that no other point beats, by comparing every pair."""
    points = np.random.default_rng(seed).integers(0, 8, size=(2, 20)).astype(float)
    first, second = points
    better = (first[:, None] <= first) & (second[:, None] <= second)
    strictly = better & ((first[:, None] < first) | (second[:, None] < second))
    expected = ~strictly.any(axis=0)
    found = np.asarray(simulator.pareto(first, second), bool)
    return equal("point is kept", found.astype(float), expected.astype(float))


@relation(
    46,
    "the plan called best is the best of those compared",
    double=0.0,
    single=0.0,
    needs=("best_plan",),
    seed=_SEEDS,
)
def the_best_plan_is_the_best(simulator: Subject, seed: int) -> Claim:
    """On a toy of 3^5 plans the chosen one has the least mean of its worst fifth."""
    losses = np.random.default_rng(seed).normal(size=(3**5, 10))
    tails = np.sort(losses, axis=1)[:, -2:].mean(axis=1)
    chosen = int(simulator.best_plan(losses, 0.8))
    return equal("tail mean of the chosen plan", tails[chosen], tails.min())

"""Risk measures and trade-offs of losses (lower is better), exact for equally likely draws."""

from __future__ import annotations

import numpy as np

from twin.errors import TwinError


def cvar(losses: np.ndarray, level: float = 0.9) -> np.ndarray:
    """Conditional value at risk: mean of the worst `1 - level` of the draws.

        CVaR = min_t t + E[(loss - t)+] / (1 - level)

    (Rockafellar and Uryasev 2000, doi 10.21314/JOR.2000.038.) For S equally likely draws this is
    the mean of the largest S (1 - level), the last one counted by its fraction; nothing is
    interpolated.

    Args:
        losses: (..., S).
        level: 0 (the mean) up to, not including, 1; towards 1 the result becomes the maximum.

    Returns:
        (...).

    Raises:
        TwinError: no draw, or a level outside [0, 1).
    """
    losses = np.asarray(losses, dtype=float)
    if not 0.0 <= level < 1.0:
        raise TwinError(
            "level out of range", where="level", expected="0 <= level < 1", got=f"{level}"
        )
    if losses.ndim == 0 or losses.shape[-1] == 0:
        raise TwinError("there is no draw", where="losses", expected="at least one")
    count = losses.shape[-1]
    tail = (1.0 - level) * count
    weights = np.clip(tail - np.arange(count), 0.0, 1.0) / tail
    return np.asarray(-np.sort(-losses, axis=-1) @ weights)


def pareto_front(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Which points no other point beats in both coordinates (lower is better), in O(P log P).

    A point is dominated when another is nowhere worse and somewhere better; equal points stay
    together.

    Args:
        first, second: (P,).

    Returns:
        (P,) bool.
    """
    first, second = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    order = np.lexsort((first, second))
    on_front = np.zeros(len(first), dtype=bool)
    best_below, best_here, current = np.inf, np.inf, None
    for index in order:
        if current is None or second[index] != current:
            best_below, best_here = min(best_below, best_here), first[index]
            current = second[index]
        on_front[index] = first[index] == best_here and first[index] < best_below
    return on_front


def probability_better(losses: np.ndarray, other: np.ndarray) -> float:
    """Share of common draws in which `losses` (S,) is below `other` (S,); ties count half."""
    return float(np.mean(losses < other) + 0.5 * np.mean(losses == other))

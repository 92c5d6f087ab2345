"""Levenberg-Marquardt for one small problem, written so that thousands run side by side.

    (H + μ diag H) Δ = −g

H is a curvature that is at least the prior's, so the undamped step in units of the posterior's
spread, sqrt(gᵀ H⁻¹ g), says how far the minimum is; μ follows the quality of the last step. Moré
1978 (doi 10.1007/BFb0067700). A point that is not finite is never accepted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

Parts = tuple[Float[Array, "*m"], Float[Array, "*m k"], Float[Array, "*m k k"]]

TOLERANCE = 1e-3
"""Of the undamped step, in posterior standard deviations, where a search ends."""
_FARTHEST = 8.0
"""Scores stay within this many prior standard deviations."""
_LONGEST_STEP = 2.0
_HOPELESS = 1e8


class Search(NamedTuple):
    """Where a search stands; with a leading axis in every leaf, where many do.

    Attributes:
        point: (k,) best scores so far; finite always.
        cost: negative log posterior there; infinite until it could be evaluated.
        gradient: (k,) there.
        curvature: (k, k) there; the prior's if the start could not be evaluated.
        trial: (k,) scores to evaluate next.
        damping: μ.
        length: of the next undamped step in posterior standard deviations.
        iterations: evaluations so far.
    """

    point: Float[Array | np.ndarray, "*m k"]
    cost: Float[Array | np.ndarray, "*m"]
    gradient: Float[Array | np.ndarray, "*m k"]
    curvature: Float[Array | np.ndarray, "*m k k"]
    trial: Float[Array | np.ndarray, "*m k"]
    damping: Float[Array | np.ndarray, "*m"]
    length: Float[Array | np.ndarray, "*m"]
    iterations: Int[Array | np.ndarray, "*m"]

    @property
    def finite(self) -> Bool[Array, "*m"]:
        """Whether the start could be evaluated."""
        return jnp.isfinite(self.cost)

    @property
    def converged(self) -> Bool[Array, "*m"]:
        """Whether the minimum is as near as `TOLERANCE` says."""
        return self.finite & (self.length < TOLERANCE)


def begin(starts: Float[np.ndarray, "m k"]) -> Search:
    """Searches that have evaluated nothing yet, one for each row of scores."""
    m, k = starts.shape
    return Search(
        point=starts.copy(),
        cost=np.full(m, np.inf),
        gradient=np.zeros((m, k)),
        curvature=np.tile(np.eye(k), (m, 1, 1)),
        trial=starts.copy(),
        damping=np.zeros(m),
        length=np.full(m, np.inf),
        iterations=np.zeros(m, int),
    )


def unfinished(search: Search, max_iterations: int | Int[Array, ""]) -> Bool[Array, "*m"]:
    """Whether it is worth to go on."""
    hopeful = (search.damping < _HOPELESS) & (search.finite | (search.iterations == 0))
    far = search.length >= TOLERANCE
    return jnp.asarray(hopeful & far & (search.iterations < max_iterations))


def advance(evaluate: Callable[[Float[Array, " k"]], Parts], search: Search) -> Search:
    """Judge the trial of one search and choose the next: one evaluation.

    Args:
        evaluate: scores -> cost, gradient and curvature.
        search: where it stands.
    """
    cost, gradient, curvature = evaluate(jnp.asarray(search.trial))
    usable = jnp.isfinite(cost) & jnp.isfinite(gradient).all() & jnp.isfinite(curvature).all()
    step = search.trial - search.point
    promised = -(search.gradient @ step + 0.5 * step @ search.curvature @ step)
    quality = (search.cost - cost) / jnp.maximum(promised, 1e-30)
    better = usable & (cost <= search.cost)
    point = jnp.where(better, search.trial, search.point)
    gradient = jnp.where(better, gradient, search.gradient)
    curvature = jnp.where(better, curvature, search.curvature)
    damping = _damping(jnp.asarray(search.damping), jnp.where(better, quality, -1.0))
    damped = curvature + damping * jnp.diag(jnp.diag(curvature))
    undamped, step = jnp.linalg.solve(
        jnp.stack([curvature, damped]), -jnp.stack([gradient, gradient])[..., None]
    )[..., 0]
    step = step * jnp.minimum(1.0, _LONGEST_STEP / jnp.maximum(jnp.abs(step).max(), 1e-30))
    return Search(
        point=point,
        cost=jnp.where(better, cost, search.cost),
        gradient=gradient,
        curvature=curvature,
        trial=jnp.clip(point + step, -_FARTHEST, _FARTHEST),
        damping=damping,
        length=jnp.sqrt(jnp.maximum(-gradient @ undamped, 0.0)),
        iterations=search.iterations + 1,
    )


def _damping(damping: Array, quality: Array) -> Array:
    more = jnp.maximum(4.0 * damping, 0.02)
    less = jnp.where(damping > 0.01, damping / 4.0, 0.0)
    return jnp.where(quality < 0.25, more, jnp.where(quality > 0.75, less, damping))

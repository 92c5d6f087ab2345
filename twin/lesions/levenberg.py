"""Levenberg-Marquardt for one small problem, written so that thousands run side by side.

    (H + μ diag H) Δ = −g

H is a curvature that is at least the prior's, so the undamped step in units of the posterior's
spread, sqrt(gᵀ H⁻¹ g), says how far the minimum is; μ follows the quality of the last step. Moré
1978 (doi 10.1007/BFb0067700). A point that is not finite is never accepted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

Parts = tuple[Float[Array, ""], Float[Array, " k"], Float[Array, "k k"]]

_FARTHEST = 8.0
"""Scores stay within this many prior standard deviations."""
_LONGEST_STEP = 2.0
_HOPELESS = 1e8


class Minimum(NamedTuple):
    """Where a minimization ended.

    Attributes:
        point: (k,) scores; finite always.
        cost: negative log posterior there.
        curvature: (k, k) there; the prior's if the start was not finite.
        step: length of the next undamped step in posterior standard deviations.
        iterations: evaluations.
        converged: whether `step` fell below the tolerance.
        finite: whether the start could be evaluated.
    """

    point: Float[Array, " k"]
    cost: Float[Array, ""]
    curvature: Float[Array, "k k"]
    step: Float[Array, ""]
    iterations: Int[Array, ""]
    converged: Bool[Array, ""]
    finite: Bool[Array, ""]


class _State(NamedTuple):
    point: Array
    cost: Array
    gradient: Array
    curvature: Array
    trial: Array
    damping: Array
    length: Array
    iterations: Array


def minimize(
    evaluate: Callable[[Float[Array, " k"]], Parts],
    start: Float[Array, " k"],
    *,
    tolerance: float = 1e-3,
    max_iterations: int = 100,
) -> Minimum:
    """Minimize from one start; traced and batched by JAX.

    Args:
        evaluate: scores -> cost, gradient and curvature.
        start: (k,) scores.
        tolerance: of the step, in posterior standard deviations.
        max_iterations: evaluations at most.
    """
    infinite = jnp.asarray(jnp.inf, start.dtype)
    first = _State(
        point=start,
        cost=infinite,
        gradient=jnp.zeros_like(start),
        curvature=jnp.eye(start.size),
        trial=start,
        damping=jnp.zeros_like(infinite),
        length=infinite,
        iterations=jnp.zeros((), int),
    )

    def unfinished(state: _State) -> Array:
        hopeful = (state.damping < _HOPELESS) & (jnp.isfinite(state.cost) | (state.iterations == 0))
        return hopeful & (state.length >= tolerance) & (state.iterations < max_iterations)

    def advance(state: _State) -> _State:
        """Judge the trial, and choose the next: one evaluation, so that it is compiled once."""
        cost, gradient, curvature = evaluate(state.trial)
        usable = _usable(cost, gradient, curvature)
        step = state.trial - state.point
        promised = -(state.gradient @ step + 0.5 * step @ state.curvature @ step)
        quality = (state.cost - cost) / jnp.maximum(promised, 1e-30)
        better = usable & (cost <= state.cost)
        point = jnp.where(better, state.trial, state.point)
        gradient = jnp.where(better, gradient, state.gradient)
        curvature = jnp.where(better, curvature, state.curvature)
        damping = _damping(state.damping, jnp.where(better, quality, -1.0))
        undamped = _solve(curvature, -gradient)
        step = _solve(curvature + damping * jnp.diag(jnp.diag(curvature)), -gradient)
        step = step * jnp.minimum(1.0, _LONGEST_STEP / jnp.maximum(jnp.abs(step).max(), 1e-30))
        return _State(
            point=point,
            cost=jnp.where(better, cost, state.cost),
            gradient=gradient,
            curvature=curvature,
            trial=jnp.clip(point + step, -_FARTHEST, _FARTHEST),
            damping=damping,
            length=jnp.sqrt(jnp.maximum(-gradient @ undamped, 0.0)),
            iterations=state.iterations + 1,
        )

    last = jax.lax.while_loop(unfinished, advance, first)
    finite = jnp.isfinite(last.cost)
    return Minimum(
        point=last.point,
        cost=jnp.where(finite, last.cost, 0.0),
        curvature=last.curvature,
        step=last.length,
        iterations=last.iterations,
        converged=finite & (last.length < tolerance),
        finite=finite,
    )


def _solve(matrix: Array, vector: Array) -> Array:
    """Cholesky without a call into LAPACK for each of thousands of tiny matrices."""
    k = vector.size
    lower = [[jnp.zeros(())] * k for _ in range(k)]
    for i in range(k):
        for j in range(i + 1):
            left = matrix[i, j] - sum(lower[i][m] * lower[j][m] for m in range(j))
            lower[i][j] = jnp.sqrt(left) if i == j else left / lower[j][j]
    forward: list[Array] = []
    for i in range(k):
        rest = vector[i] - sum(lower[i][m] * forward[m] for m in range(i))
        forward.append(rest / lower[i][i])
    back = [jnp.zeros(())] * k
    for i in reversed(range(k)):
        rest = forward[i] - sum(lower[m][i] * back[m] for m in range(i + 1, k))
        back[i] = rest / lower[i][i]
    return jnp.stack(back)


def _damping(damping: Array, quality: Array) -> Array:
    more = jnp.maximum(4.0 * damping, 0.02)
    less = jnp.where(damping > 0.01, damping / 4.0, 0.0)
    return jnp.where(quality < 0.25, more, jnp.where(quality > 0.75, less, damping))


def _usable(cost: Array, gradient: Array, curvature: Array) -> Array:
    return jnp.isfinite(cost) & jnp.isfinite(gradient).all() & jnp.isfinite(curvature).all()

"""Gauss-Newton with Levenberg-Marquardt damping, noise re-estimated as the fit goes.

Minimizes  sum_kinds r'r / (2 v_kind) + |z|²/2  over scores z, where v_kind is the effective
variance of twin/calibration/noise. Once a round has converged, noise and discrepancy are estimated
from its residuals and the fit goes on, until they agree with themselves; after half of the rounds
noise can only grow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from twin.calibration.noise import OUTLINE_PIECES, Noise, estimate_noise
from twin.calibration.objective import Evaluation
from twin.observation.initial_state import ImageError
from twin.parameters import ParameterTable, StandardNormal

_FIRST_GUESS = {"density": 0.05**2 * 30.0, "outline": 0.15**2 * 500.0}


@dataclass(frozen=True)
class GaussNewton:
    """Settings of the fit.

    Attributes:
        max_iterations: evaluations of residuals and derivatives at most.
        tolerance: the fit has converged when the next step is shorter than this many posterior
            standard deviations.
        max_step: longest step in any score.
        noise_rounds: times that noise is re-estimated at most.
    """

    max_iterations: int = 40
    tolerance: float = 0.05
    max_step: float = 1.5
    noise_rounds: int = 6


@dataclass(frozen=True)
class Fit:
    """Result of a fit: scores, covariance of the scores, noise by kind, and how it went.

    Methods that draw leave their draws of the scores, and figures that tell how well they did. The
    last three are what noise in the first image does (twin/calibration/resampling; `Posterior`).
    """

    z: np.ndarray
    covariance: np.ndarray
    noise: dict[str, Noise]
    converged: bool
    iterations: int
    step_in_sd: float
    cost: float
    history: list[float] = field(default_factory=list)
    draws: np.ndarray | None = None
    checks: dict[str, float] = field(default_factory=dict)
    image_error: ImageError | None = None
    image_gain: np.ndarray | None = None
    image_draws: np.ndarray | None = None


def fit(
    evaluate: Callable[[np.ndarray], Evaluation],
    z: np.ndarray,
    shape: tuple[int, int, int],
    method: GaussNewton,
    move: Callable[[np.ndarray, np.ndarray], np.ndarray] = np.add,
    known: Mapping[str, Noise] | None = None,
) -> Fit:
    """Minimize from the scores `z`.

    Args:
        evaluate: normal equations at scores (twin/calibration/objective).
        z: (K,) start.
        shape: grid of the residual fields.
        method: settings.
        move: scores after a step; by default their sum (see `straight_in_values`).
        known: noise by kind of observation, all kinds that shall count; None estimates it.
    """

    def noise_at(current: Evaluation) -> dict[str, Noise]:
        return dict(known) if known is not None else _noise(current, shape)

    guess = _FIRST_GUESS if known is None else {k: n.variance for k, n in known.items()}
    variances = dict(guess)
    noise: dict[str, Noise] = {}
    current = evaluate(z)
    count, rounds, damping = 1, 0, 0.0
    history: list[float] = []
    while True:
        cost, gradient, curvature = _combine(current, variances, z)
        history.append(cost)
        step, length = _step(gradient, curvature, 0.0)
        if length < method.tolerance:
            renewed = noise_at(current)
            if 2 * rounds >= method.noise_rounds:
                # Two fits that each find the noise of the other: the larger one is believed.
                renewed |= {k: n for k, n in noise.items() if n.variance > renewed[k].variance}
            changed = _changed(variances, renewed)
            noise = renewed
            if not changed or rounds >= method.noise_rounds:
                converged = not changed
                break
            variances.update({kind: n.variance for kind, n in renewed.items()})
            rounds += 1
            continue
        accepted = False
        while count < method.max_iterations and damping < 1e6:
            step, _ = _step(gradient, curvature, damping)
            step *= min(1.0, method.max_step / np.abs(step).max())
            moved = move(z, step)
            trial = evaluate(moved)
            count += 1
            gained = cost - _combine(trial, variances, moved)[0]
            promised = -float(gradient @ step + 0.5 * step @ curvature @ step)
            quality = gained / max(promised, 1e-30)
            damping = _damping(damping, quality)
            if gained >= 0.0:
                z, current, accepted = moved, trial, True
                break
        if not accepted:
            noise = noise_at(current)
            # No step helps: round-off, unless evaluations ran out or the slope is still steep.
            converged = count < method.max_iterations and length < 10.0 * method.tolerance
            break
    cost, gradient, curvature = _combine(current, variances, z)
    return Fit(
        z=z,
        covariance=np.linalg.inv(curvature),
        noise=noise,
        converged=converged,
        iterations=count,
        step_in_sd=_step(gradient, curvature, 0.0)[1],
        cost=cost,
        history=history,
    )


def straight_in_values(
    table: ParameterTable, names: tuple[str, ...]
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Steps that are straight lines in natural values, not in scores.

    Log kills and growth exponents are linear in the natural values, so valleys between parameters
    that trade off (radiosensitivity and a drug given with it) are straight there and bent in
    scores. A value changes by a factor of 3 at most, but for values that are scores themselves.
    """

    def move(z: np.ndarray, step: np.ndarray) -> np.ndarray:
        moved = z.astype(float)
        for k, name in enumerate(names):
            prior = table[name].prior
            if isinstance(prior, StandardNormal):
                moved[k] += step[k]
                continue
            value = float(prior.transform(z[k]))
            slope = float(prior.transform(z[k] + _H) - prior.transform(z[k] - _H)) / (2.0 * _H)
            target = np.clip(value + slope * step[k], value / 3.0, value * 3.0)
            moved[k] = np.clip(prior.inverse(float(target)), z[k] - _FARTHEST, z[k] + _FARTHEST)
        return moved

    return move


_H, _FARTHEST = 1e-2, 2.0


def _combine(
    e: Evaluation, variances: dict[str, float], z: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """Cost, gradient and curvature of the posterior's negative logarithm."""
    cost = 0.5 * float(z @ z)
    gradient, curvature = z.astype(float), np.eye(z.size)
    for kind, v in variances.items():
        if kind in e.cost:
            cost += 0.5 * float(e.cost[kind].sum()) / v
            gradient = gradient + e.gradient[kind].sum(axis=0) / v
            curvature = curvature + e.curvature[kind].sum(axis=0) / v
    finite = np.isfinite(cost) and np.isfinite(gradient).all()
    return (cost if finite else np.inf), gradient, curvature


def _step(gradient: np.ndarray, curvature: np.ndarray, damping: float) -> tuple[np.ndarray, float]:
    """Damped step, and the length of the undamped one in posterior standard deviations."""
    step = -np.linalg.solve(curvature + damping * np.diag(np.diag(curvature)), gradient)
    return step, float(np.sqrt(max(-gradient @ step, 0.0)))


def _damping(damping: float, quality: float) -> float:
    """More damping where the cost fell less than a quadratic promised, less where it kept pace."""
    if quality < 0.25:
        return max(4.0 * damping, 0.02)
    if quality > 0.75:
        return damping / 4.0 if damping > 0.01 else 0.0
    return damping


def _noise(e: Evaluation, shape: tuple[int, int, int]) -> dict[str, Noise]:
    most = {"outline": OUTLINE_PIECES}
    found = {
        kind: estimate_noise(e.residual[kind], e.weight[kind], shape, most.get(kind, np.inf))
        for kind in e.residual
    }
    return {kind: noise for kind, noise in found.items() if noise is not None}


def _changed(variances: dict[str, float], noise: dict[str, Noise]) -> bool:
    """Whether an effective standard deviation moved by more than 5 %."""
    return any(abs(np.log(n.variance / variances[kind])) > 0.1 for kind, n in noise.items())

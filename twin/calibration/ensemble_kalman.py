"""Ensemble Kalman inversion: a posterior from forward runs alone, given the noise of a fit.

Members drawn from the prior are moved to the data in steps, each of which sees a share h of the
data's information, until the shares sum to 1 (Emerick & Reynolds 2013,
doi 10.1016/j.cageo.2012.03.011; with shares chosen as they go, Iglesias & Yang 2021,
doi 10.1088/1361-6420/abd29b):

    z_j <- z_j + C_zg (C_gg + R / h)⁻¹ (y + e_j / √h - g_j)

A share is as large as leaves half of the members in play, were they weighted instead of moved. All
of it happens in the space that the members span, which needs their Gram matrix alone. Exact for
linear models and Gaussian noise, as members become many; otherwise an approximation.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy import optimize

from twin.calibration.gauss_newton import Fit, GaussNewton
from twin.calibration.objective import Problem, residuals
from twin.errors import TwinError

LEAST_MEMBERS = 16
_COLUMNS = 65536


@dataclass(frozen=True)
class EnsembleKalman:
    """Settings of the inversion.

    Attributes:
        members: of the ensemble, many beside the parameters.
        max_steps: from the prior to the posterior; the last takes what is left.
        seed: of the members and their noise.
        start: the fit that estimates the noise; the ensemble does not start from it.
    """

    members: int = 128
    max_steps: int = 40
    seed: int = 0
    start: GaussNewton = field(default_factory=GaussNewton)


def invert(problem: Problem, start: Fit, method: EnsembleKalman) -> Fit:
    """Move an ensemble from the prior to the posterior, with the noise of a fit.

    Raises:
        TwinError: too few members for the parameters, or one that cannot be simulated.
    """
    count = len(problem.names)
    if method.members < max(LEAST_MEMBERS, 2 * count):
        raise TwinError(
            "too few members",
            where="EnsembleKalman",
            expected=f"at least {max(LEAST_MEMBERS, 2 * count)} for {count} parameters",
            got=str(method.members),
        )
    variances = {kind: noise.variance for kind, noise in start.noise.items()}
    draws, steps, moved = _walk(problem, method, variances)
    return replace(
        start,
        z=draws.mean(axis=0),
        covariance=np.atleast_2d(np.cov(draws.T)),
        converged=start.converged and steps < method.max_steps,
        iterations=start.iterations + steps * method.members,
        step_in_sd=moved,
        draws=draws,
        checks={"members": float(method.members), "steps": float(steps)},
    )


def _walk(
    problem: Problem, method: EnsembleKalman, variances: dict[str, float]
) -> tuple[Float[np.ndarray, "m k"], int, float]:
    """The ensemble, steps taken, and how far the last moved its mean, in deviations."""
    random = np.random.default_rng([method.seed, 0xE4C1])
    size = method.members
    z = random.standard_normal((size, len(problem.names)))
    z = (z - z.mean(axis=0)) / z.std(axis=0, ddof=1)
    centering = np.eye(size) - 1.0 / size
    done, steps, moved = 0.0, 0, 0.0
    while done < 1.0:
        steps += 1
        gram = _gram(problem, z, variances)
        left = 1.0 - done
        share = left if steps >= method.max_steps else information_share(0.5 * np.diag(gram), left)
        lengths, along = np.linalg.eigh(centering @ gram @ centering)
        lengths = np.maximum(lengths, 0.0)
        inner = along / (lengths + (size - 1.0) / share) @ along.T
        noise = along * np.sqrt(lengths) @ random.standard_normal((size, size))
        noise -= noise.mean(axis=1, keepdims=True)
        step = (inner @ (noise / np.sqrt(share) - centering @ gram)).T @ (centering @ z)
        z = z + step
        moved = float(np.abs(step.mean(axis=0) / z.std(axis=0, ddof=1)).max())
        done = 1.0 if share == left else done + share
    return z, steps, moved


def information_share(
    misfit: Float[np.ndarray, " m"], left: float, in_play_share: float = 0.5
) -> float:
    """Share of the information that leaves half of the members in play, or all that is left.

    Args:
        misfit: half of the squared residuals of each member, over the noise.
        left: share that has not been used.
        in_play_share: effective number of weighted members over their number.
    """

    def in_play(share: float) -> float:
        weight = np.exp(-share * (misfit - misfit.min()))
        return float(weight.sum() ** 2 / (weight**2).sum())

    least = in_play_share * misfit.size
    if in_play(left) >= least:
        return left
    found = optimize.root_scalar(lambda h: in_play(h) - least, bracket=(0.0, left))
    return float(found.root)


def _gram(
    problem: Problem, z: Float[np.ndarray, "m k"], variances: dict[str, float]
) -> Float[np.ndarray, "m m"]:
    """Products of the members' residuals, over the noise."""
    sds = {kind: jnp.asarray(np.sqrt(v), jnp.float32) for kind, v in variances.items()}
    found = np.asarray(_members(problem, jnp.asarray(z, jnp.float32), sds))
    if not np.isfinite(found).all():
        raise TwinError(
            "a member of the ensemble could not be simulated",
            where="EnsembleKalman",
            fix="Give priors that hold fewer extremes",
        )
    gram = np.zeros((len(found), len(found)))
    for first in range(0, found.shape[1], _COLUMNS):
        part = np.asarray(found[:, first : first + _COLUMNS], float)
        gram += part @ part.T
    return gram


@eqx.filter_jit
def _members(
    problem: Problem, z: Float[Array, "m k"], sds: dict[str, Array]
) -> Float[Array, "m d"]:
    """Residuals of every member, each divided by its deviation."""

    def one(scores: Array) -> Array:
        found = residuals(problem, scores)
        parts = [found[kind].reshape(-1) / sd for kind, sd in sds.items() if kind in found]
        return jnp.concatenate(parts)

    return jax.lax.map(one, z)

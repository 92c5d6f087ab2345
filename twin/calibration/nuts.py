"""The posterior itself, drawn by NUTS through the solver.

    U(z) = Σ_kinds r'r / (2 v_kind) + |z|² / 2

with the effective variances v that the Gauss-Newton fit ended with. Chains run in coordinates in
which the Laplace approximation is a standard normal, so that steps are long. The gradient is taken
in forward mode, one direction a parameter: few parameters, many voxels. A chain is one compiled
program whose arguments are the data: patients of one shape share it.

NUTS: Hoffman & Gelman 2014, JMLR 15:1593. Diagnostics: Vehtari et al. 2021 (doi 10.1214/20-BA1221).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from twin.calibration.gauss_newton import Fit, GaussNewton
from twin.calibration.objective import Problem, chunked, residuals
from twin.errors import TwinError

MOST_PARAMETERS = 10
_RHAT, _LEAST_EFFECTIVE, _DIVERGED = 1.05, 100.0, 0.02
_START_SPREAD = 0.5
_TREE_DEPTH = 7


@dataclass(frozen=True)
class NUTS:
    """Settings of the sampler.

    Attributes:
        chains: run one after the other, from places around the fit.
        warmup, draws: of each chain; only the draws are kept.
        seed: of everything random.
        start: the fit that it starts from, which also estimates the noise.
    """

    chains: int = 4
    warmup: int = 150
    draws: int = 250
    seed: int = 0
    start: GaussNewton = field(default_factory=GaussNewton)


def sample(problem: Problem, start: Fit, method: NUTS) -> Fit:
    """Draw from the posterior around a fit, whose noise is kept.

    Raises:
        TwinError: more parameters than forward mode is good for.
    """
    from numpyro.diagnostics import effective_sample_size, split_gelman_rubin

    count = len(problem.names)
    if count > MOST_PARAMETERS:
        raise TwinError(
            "too many parameters for NUTS",
            where="method",
            expected=f"at most {MOST_PARAMETERS} that the visits depend on",
            got=f"{count}: {', '.join(problem.names)}",
            fix="Fix some by priors, or use EnsembleKalman()",
        )
    root = np.linalg.cholesky(start.covariance)
    u, diverging, steps = _chains(problem, start, root, method)
    draws = start.z + u @ root.T
    checks = {
        "rhat": float(np.max(split_gelman_rubin(draws))),
        "effective_draws": float(np.min(effective_sample_size(draws))),
        "diverged": float(diverging.mean()),
    }
    mixed = checks["rhat"] < _RHAT and checks["effective_draws"] >= _LEAST_EFFECTIVE
    flat = draws.reshape(-1, count)
    return replace(
        start,
        z=flat.mean(axis=0),
        covariance=np.atleast_2d(np.cov(flat.T)),
        converged=start.converged and mixed and checks["diverged"] <= _DIVERGED,
        iterations=start.iterations + int(steps.sum()),
        draws=flat,
        checks=checks,
    )


def potential(
    problem: Problem, variances: dict[str, Any], z: Float[Array, " k"]
) -> Float[Array, ""]:
    """Negative logarithm of the posterior density, up to a constant; infinite where not finite."""
    total = 0.5 * (z**2).sum()
    for kind, r in residuals(problem, z).items():
        if kind in variances:
            total = total + 0.5 * (chunked(r.reshape(-1)) ** 2).sum(-1).sum() / variances[kind]
    return jnp.where(jnp.isfinite(total), total, jnp.inf)


def _chains(
    problem: Problem, start: Fit, root: np.ndarray, method: NUTS
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draws (chains, draws, K) in the coordinates of the fit, which diverged, and their steps."""
    random = np.random.default_rng([method.seed, 0x2075])
    places = _START_SPREAD * random.standard_normal((method.chains, len(problem.names)))
    # As arrays: a Python number would be part of the program, and every patient compile anew.
    known = {k: jnp.asarray(n.variance, jnp.float32) for k, n in start.noise.items()}
    center, scale = jnp.asarray(start.z, jnp.float32), jnp.asarray(root, jnp.float32)
    keys = jax.random.split(jax.random.key(method.seed), method.chains)
    found = [
        _chain(problem, known, center, scale, begin, key, method.warmup, method.draws)
        for begin, key in zip(jnp.asarray(places, jnp.float32), keys, strict=True)
    ]
    u, diverging, steps = (np.stack(each) for each in zip(*found, strict=True))
    return u.astype(float), diverging, steps


@eqx.filter_jit
def _chain(
    problem: Problem,
    variances: dict[str, Array],
    center: Float[Array, " k"],
    scale: Float[Array, "k k"],
    begin: Float[Array, " k"],
    key: Array,
    warmup: int,
    draws: int,
) -> tuple[Float[Array, "s k"], Bool[Array, " s"], Int[Array, " s"]]:
    """One chain from `begin`: draws, whether each diverged, and its steps."""
    from numpyro.infer.hmc import hmc  # seconds, and most who calibrate do not need it

    start, move = hmc(lambda u: potential(problem, variances, center + scale @ u), algo="NUTS")
    state = start(
        begin,
        warmup,
        dense_mass=True,
        max_tree_depth=_TREE_DEPTH,
        forward_mode_differentiation=True,
        rng_key=key,
    )
    state = jax.lax.fori_loop(0, warmup, lambda _, at: move(at), state)

    def draw(at: Any, _: None) -> tuple[Any, tuple[Array, Array, Array]]:
        after = move(at)
        return after, (after.z, after.diverging, after.num_steps)

    return jax.lax.scan(draw, state, length=draws)[1]

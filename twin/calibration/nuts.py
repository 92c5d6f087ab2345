"""The posterior itself, drawn by NUTS through the solver.

    U(z) = Σ_kinds r'r / (2 v_kind) + |z|² / 2

with the effective variances v that the Gauss-Newton fit ended with. Chains run in coordinates in
which the Laplace approximation is a standard normal, so that steps are long. The gradient is taken
in forward mode, one direction a parameter: few parameters, many voxels.

NUTS: Hoffman & Gelman 2014, JMLR 15:1593. Diagnostics: Vehtari et al. 2021 (doi 10.1214/20-BA1221).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from twin.calibration.gauss_newton import Fit, GaussNewton
from twin.calibration.objective import Problem, chunked, residuals
from twin.errors import TwinError

MOST_PARAMETERS = 10
_RHAT, _LEAST_EFFECTIVE, _DIVERGED = 1.05, 100.0, 0.02
_START_SPREAD = 0.5


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
    from numpyro import infer  # seconds, and most who calibrate do not need it
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
    variances = {kind: noise.variance for kind, noise in start.noise.items()}
    root = np.linalg.cholesky(start.covariance)
    center, scale = jnp.asarray(start.z, jnp.float32), jnp.asarray(root, jnp.float32)

    def energy(u: Float[Array, " k"]) -> Float[Array, ""]:
        return potential(problem, variances, center + scale @ u)

    sampler = infer.MCMC(
        infer.NUTS(potential_fn=_forward_mode(energy), dense_mass=True, max_tree_depth=7),
        num_warmup=method.warmup,
        num_samples=method.draws,
        num_chains=method.chains,
        chain_method="sequential",
        progress_bar=False,
    )
    random = np.random.default_rng([method.seed, 0x2075])
    begin = _START_SPREAD * random.standard_normal((method.chains, count))
    begin = jnp.asarray(begin if method.chains > 1 else begin[0], jnp.float32)
    extra = ("diverging", "num_steps")
    sampler.run(jax.random.key(method.seed), init_params=begin, extra_fields=extra)
    u = np.asarray(sampler.get_samples(group_by_chain=True), float)
    fields = {name: np.asarray(value) for name, value in sampler.get_extra_fields().items()}
    draws = start.z + u @ root.T
    checks = {
        "rhat": float(np.max(split_gelman_rubin(draws))),
        "effective_draws": float(np.min(effective_sample_size(draws))),
        "diverged": float(fields["diverging"].mean()),
    }
    mixed = checks["rhat"] < _RHAT and checks["effective_draws"] >= _LEAST_EFFECTIVE
    flat = draws.reshape(-1, count)
    return replace(
        start,
        z=flat.mean(axis=0),
        covariance=np.atleast_2d(np.cov(flat.T)),
        converged=start.converged and mixed and checks["diverged"] <= _DIVERGED,
        iterations=start.iterations + int(fields["num_steps"].sum()),
        draws=flat,
        checks=checks,
    )


def potential(
    problem: Problem, variances: dict[str, float], z: Float[Array, " k"]
) -> Float[Array, ""]:
    """Negative logarithm of the posterior density, up to a constant; infinite where not finite."""
    total = 0.5 * (z**2).sum()
    for kind, r in residuals(problem, z).items():
        if kind in variances:
            total = total + 0.5 * (chunked(r.reshape(-1)) ** 2).sum(-1).sum() / variances[kind]
    return jnp.where(jnp.isfinite(total), total, jnp.inf)


def _forward_mode(function):
    """The same function, with a gradient that reverse mode asks for and forward mode gives."""

    @jax.custom_vjp
    def wrapped(u: Array) -> Array:
        return function(u)

    def forward(u: Array) -> tuple[Array, Array]:
        def push(tangent: Array) -> tuple[Array, Array]:
            return jax.jvp(function, (u,), (tangent,))

        value, slope = jax.vmap(push, out_axes=(None, 0))(jnp.eye(u.size, dtype=u.dtype))
        return value, slope

    def backward(slope: Array, weight: Array) -> tuple[Array]:
        return (weight * slope,)

    wrapped.defvjp(forward, backward)
    return wrapped

"""Members of an ensemble in JAX: their courses, what scans would show of them, and their fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from threadpoolctl import threadpool_limits

from twin.calibration.posterior import Posterior
from twin.calibration.setting import raw_density
from twin.domain import Domain
from twin.draws import Draws, failed, setting_of
from twin.errors import TwinError
from twin.forecasting.courses import sums_over_voxels
from twin.models.model import Params, TumorModel
from twin.models.state import State
from twin.observation.edema import Edema
from twin.observation.observation import Observation
from twin.parameters import ParameterTable
from twin.simulation import trajectory
from twin.treatments.forcing import Forcing
from twin.virtual_images import FWHM_PER_SD, smooth_noise

Mixture = tuple[np.ndarray, np.ndarray, np.ndarray]
LEAST_FRACTION = 1e-7
"""Cell fraction below which members do not differ: less than a cell in a voxel of a few mm."""
_TYPICAL_DENSITY, _LARGEST_FACTOR = 0.5, 0.5


def natural_values(posterior: Posterior, scores: np.ndarray) -> Draws:
    """Natural values (J,) of every parameter at (J, K) scores, ready for the solver."""
    return _transformed(posterior.table, posterior.names, jnp.asarray(scores, jnp.float32))


@partial(jax.jit, static_argnums=(0, 1))
def _transformed(table: ParameterTable, names: tuple[str, ...], scores: Array) -> Draws:
    values = table.values_at(dict(zip(names, scores.T, strict=True)))
    return {name: jnp.broadcast_to(value, scores.shape[:1]) for name, value in values.items()}


@eqx.filter_jit
def advance(
    model: TumorModel,
    draws: Draws,
    domain: Domain,
    forcing: Forcing,
    states: State,
    resectable_mm: Array | None,
    edema: Edema | None,
    label: str,
    everywhere: bool,
) -> tuple[State, tuple[Array, ...]]:
    """Members at the end of a forcing, and their `volumes` (J, rows) at the end of its rows."""

    def one(inputs: tuple[Params, State]) -> tuple[State, tuple[Array, ...]]:
        params, state = inputs
        course = trajectory(model, params, domain, forcing, state, resectable_mm)
        return course.at(-1), sums_over_voxels(params, course, label, everywhere, edema)

    return jax.lax.map(one, (draws, states))


@eqx.filter_jit
def volumes(
    draws: Draws, states: State, edema: Edema | None, label: str, everywhere: bool
) -> tuple[Array, ...]:
    """(J,) `sums_over_voxels` of the members."""
    return jax.lax.map(
        lambda one: sums_over_voxels(one[0], one[1], label, everywhere, edema), (draws, states)
    )


@eqx.filter_jit
def standardized(
    observation: Observation,
    observed: Array,
    noise: Params,
    given: Params,
    draws: Draws,
    states: State,
) -> tuple[Array, Array]:
    """(J, ...) predictions of the members and the observation, in deviations of the noise.

    Args:
        observation, observed: a reading.
        noise: parameters of the observation at which deviations are taken.
        given: those that are known; the others are the members' own.
        draws, states: of the members.
    """

    def one(inputs: tuple[Params, State]) -> Array:
        params, state = inputs
        return observation.standardized(observation.predict(state, {**params, **given}), noise)

    return jax.lax.map(one, (draws, states)), observation.standardized(observed, noise)


def map_fields(function: Callable[..., Array | np.ndarray], states: State, *others: State) -> State:
    """Apply a function to every (J, N) field; what a restart needs beside them stays."""
    mapped = jax.tree.map(
        function,
        (states.cells, states.dead, dict(states.fields)),
        *((other.cells, other.dead, dict(other.fields)) for other in others),
    )
    return State(*mapped, memory=states.memory)


def mixed(states: State, mixtures: Iterable[Mixture]) -> State:
    """Fields whose voxels take the mixtures of the anchors around them.

    Logarithms are mixed: survivors of a treatment differ by powers of ten between members, and no
    mixture of logarithms is negative.
    """
    leaves, structure = jax.tree.flatten((states.cells, states.dead, dict(states.fields)))
    old = np.log(np.stack([np.asarray(leaf) for leaf in leaves]) + LEAST_FRACTION)
    new = old.copy()  # where no mixture reaches, members stay as they are
    touched = np.zeros(old.shape[-1], bool)
    # Hundreds of small matrices: threads would spend their time on waiting for each other.
    with threadpool_limits(limits=1, user_api="blas"):
        for matrix, voxels, share in mixtures:
            new[..., voxels[~touched[voxels]]] = 0.0
            touched[voxels] = True
            part = matrix.astype(np.float32) @ old[..., voxels]
            new[..., voxels] += part * share.astype(np.float32)
    fields = jnp.exp(jnp.asarray(new)) - LEAST_FRACTION
    return State(*jax.tree.unflatten(structure, list(fields)), memory=states.memory)


def bounded(states: State) -> State:
    """Fields that can be: nothing negative, and no more viable cells than the capacity."""
    states = map_fields(lambda field: jnp.maximum(jnp.asarray(field, jnp.float32), 0.0), states)
    excess = jnp.maximum(states.viable, 1.0)
    cells = tuple(part / excess for part in states.cells)
    return checked(State(cells, states.dead, states.fields, states.memory))


def checked(states: State) -> State:
    """The states; an error where a member is not finite."""
    bad = failed(*(np.asarray(leaf) for leaf in jax.tree.leaves(states)))
    if bad.any():
        raise TwinError(
            "members of the filter are not finite",
            where="Filter",
            got=f"{int(bad.sum())} of {len(bad)} members",
            fix="Check the parameter table for priors far outside the literature.",
        )
    return states


def discrepancy_factors(posterior: Posterior, members: int, seed: int) -> Float[np.ndarray, "j n"]:
    """Smooth factors around 1 by which members' fields differ beyond their parameters.

    Their deviation is the discrepancy that calibration found over the density of the tumor, their
    smoothness that of the residuals.
    """
    setting = setting_of(posterior)
    grid, visit = setting.patient.grid, setting.fitted[-1]
    found = raw_density(setting.patient, visit)
    level = _TYPICAL_DENSITY
    if found is not None and visit.masks:
        drawn = np.logical_or.reduce(list(visit.masks.values())) & found[1]
        level = float(found[0][drawn].mean()) if drawn.any() else level
    relative = posterior.noise.get("density_discrepancy_sd", 0.0) / max(level, 0.05)
    relative = min(relative, _LARGEST_FACTOR)
    voxels = max(posterior.noise.get("density_correlated_voxels", 1.0), 1.0)
    # A Gaussian kernel of s voxels correlates (4 pi s²)^(3/2) of them.
    width = FWHM_PER_SD * np.cbrt(voxels) / np.sqrt(4.0 * np.pi) * float(grid.spacing_mm.mean())
    random = np.random.default_rng([seed, 0xF117])
    fields = [smooth_noise(grid, width, random).reshape(-1) for _ in range(members)]
    return np.exp(relative * np.stack(fields) - 0.5 * relative**2).astype(np.float32)

"""Right-hand side and fraction of the reference solver: equations on a masked grid, 64-bit.

Cell-centered finite volumes: the flux through a face is the harmonic mean of both diffusivities
times the difference across it, and 0 where either side is not tissue, so that the sum over all
voxels is conserved to round-off. The equations are in `twin.solvers.reference`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from twin.treatments.kinetics import Kinetics


@dataclass(frozen=True)
class Clone:
    """One kind of tumor cell; each number may also be a field over the grid.

    Arguments:
        diffusivity: mm²/day; scalar, (x, y, z), or (3, x, y, z) for a tensor that is diagonal
            in the axes of the grid.
        proliferation_rate: 1/day; scalar or (x, y, z).
        radiosensitivity_alpha: α in 1/Gy; scalar or (x, y, z).
        alpha_beta_ratio: α/β in Gy.
        drug_sensitivity: drug name -> kill rate in 1/day at the drug's reference dose;
            a drug that is not named does nothing.
    """

    diffusivity: float | np.ndarray
    proliferation_rate: float | np.ndarray
    radiosensitivity_alpha: float | np.ndarray = 0.0
    alpha_beta_ratio: float = 10.0
    drug_sensitivity: Mapping[str, float] = field(default_factory=dict)


DEPOT, CENTRAL, PERIPHERAL = 0, 1, 2


class Problem(eqx.Module):
    """Arrays of the right-hand side; shapes as in `solve_reference`, drugs as (K, 3, 3) rates."""

    conductance: tuple[jax.Array, ...]
    growth: jax.Array
    sensitivity: jax.Array
    transfer: jax.Array
    clearance: jax.Array


def rate(time: Any, state: tuple[jax.Array, jax.Array], args: Any) -> tuple[jax.Array, jax.Array]:
    """Time derivative of (viable, dead)."""
    problem, start, amounts = args
    viable, dead = state
    change = problem.growth * viable * (1.0 - viable.sum(axis=0))
    for axis, conductance in enumerate(problem.conductance, start=1):
        flux = conductance * jnp.diff(viable, axis=axis)
        pad = [(0, 0)] * 4
        pad[axis] = (0, 1)
        change += jnp.pad(flux, pad)
        pad[axis] = (1, 0)
        change -= jnp.pad(flux, pad)
    killed = jnp.zeros_like(viable)
    if amounts.size:
        now = jax.vmap(jax.scipy.linalg.expm)(problem.transfer * (time - start))
        drug = jnp.einsum("kj,kj->k", now[:, CENTRAL], amounts)
        killed = (problem.sensitivity @ drug)[:, None, None, None] * viable
    return change - killed, killed.sum(axis=0) - problem.clearance * dead


def irradiate(
    viable: jax.Array, dead: jax.Array, alpha: jax.Array, ratio: jax.Array, dose_gy: float
) -> tuple[jax.Array, jax.Array]:
    """Linear-quadratic survival of one fraction."""
    effect = alpha * (dose_gy + dose_gy**2 / ratio[:, None, None, None])
    surviving = viable * jnp.exp(-effect)
    return surviving, dead + (viable - surviving).sum(axis=0)


def transfer_matrix(kinetics: Kinetics) -> np.ndarray:
    """(3, 3) rates of change of depot, central and peripheral amount, 1/day.

    Written from the rate constants, not from the sums of exponentials that the fast solver uses.
    """
    matrix = np.zeros((3, 3))

    def moves(source: int, rate: float, target: int | None = None) -> None:
        matrix[source, source] -= rate
        if target is not None:
            matrix[target, source] += rate

    moves(DEPOT, kinetics.absorption_rate_per_day or 0.0, CENTRAL)
    moves(CENTRAL, kinetics.elimination_rate_per_day)
    moves(CENTRAL, kinetics.outward_rate_per_day, PERIPHERAL)
    moves(PERIPHERAL, kinetics.return_rate_per_day, CENTRAL)
    return matrix


def per_clone_fields(values: Sequence[float | np.ndarray], tissue: np.ndarray) -> jax.Array:
    """(C, x, y, z) float64; scalars stay (C, 1, 1, 1) where all are scalars."""
    arrays = [np.asarray(value, float) for value in values]
    if all(array.ndim == 0 for array in arrays):
        return jnp.asarray(np.array(arrays)[:, None, None, None])
    return jnp.asarray(np.stack([np.broadcast_to(array, tissue.shape) for array in arrays]))


def face_conductances(
    clones: Sequence[Clone], tissue: np.ndarray, spacing_mm: Sequence[float]
) -> tuple[jax.Array, ...]:
    """Per axis: (C, faces) harmonic mean of D / h², 0 where either side is not tissue."""
    faces = []
    for axis in range(3):
        per_clone = []
        low, high = [slice(None)] * 3, [slice(None)] * 3
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        for clone in clones:
            value = np.asarray(clone.diffusivity, float)
            value = np.broadcast_to(value[axis] if value.ndim == 4 else value, tissue.shape)
            a, b = value[tuple(low)], value[tuple(high)]
            mean = np.divide(2 * a * b, a + b, out=np.zeros_like(a), where=(a + b) > 0)
            per_clone.append(mean * (tissue[tuple(low)] & tissue[tuple(high)]))
        faces.append(jnp.asarray(np.stack(per_clone) / float(spacing_mm[axis]) ** 2))
    return tuple(faces)

"""Misfit of a patient's visits, with exact forward-mode derivatives, as normal equations.

For each kind of observation and each visit: residual r, J = dr/dz, and the sums r'r, J'r, J'J. Few
parameters and many voxels make forward mode the cheap direction, and only small sums leave the
compiled program.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from twin.calibration.setting import Setting, raw_density
from twin.domain import Domain
from twin.models.model import TumorModel
from twin.observation.initial_state import InitialState
from twin.observation.segmentation import drawn_probability
from twin.parameters import ParameterTable
from twin.patient import Visit
from twin.simulation import trajectory
from twin.treatments.forcing import CONCURRENT_DAYS, Forcing
from twin.treatments.schedule import Schedule
from twin.treatments.surgery import distance_mm

KINDS = ("density", "outline")
"""Kinds of observation that are fitted."""
BAND_MM = 10.0
"""Outlines are compared within this distance of the drawn border."""

_CHUNK = 4096


class Problem(eqx.Module):
    """Arrays of a calibration; V fitted visits, L labels, N voxels.

    Attributes:
        density, density_weight: (V, N) cell fraction and 1 where it counts.
        drawn, drawn_weight: (V, L, N) masks and 1 within the band around their border.
    """

    model: TumorModel
    domain: Domain
    forcing: Forcing
    initial: InitialState
    density: Float[Array, "v n"]
    density_weight: Float[Array, "v n"]
    drawn: Float[Array, "v l n"]
    drawn_weight: Float[Array, "v l n"]
    resectable_mm: Float[Array, " n"] | None
    table: ParameterTable = eqx.field(static=True)
    names: tuple[str, ...] = eqx.field(static=True)
    labels: tuple[str, ...] = eqx.field(static=True)
    rows: tuple[int, ...] = eqx.field(static=True)


@dataclass(frozen=True)
class Evaluation:
    """Sums over voxels by kind ("density", "outline") and visit, and the residual fields.

    Attributes:
        cost: kind -> (V,) r'r.
        gradient: kind -> (V, K) J'r.
        curvature: kind -> (V, K, K) J'J.
        residual: kind -> (V, N) of residuals, 0 where nothing was observed.
        weight: kind -> (V, N) 1 where something was observed.
    """

    cost: dict[str, np.ndarray]
    gradient: dict[str, np.ndarray]
    curvature: dict[str, np.ndarray]
    residual: dict[str, np.ndarray]
    weight: dict[str, np.ndarray]


def active_names(setting: Setting) -> tuple[str, ...]:
    """Free parameters that the fitted visits can depend on.

    Radiosensitivity is left out without a fraction before the last fitted visit, a drug's
    sensitivity without a dose, clearance without any treatment (`Parameter.needs`): their posterior
    is their prior.
    """
    given = _given(setting.patient.treatments.before(setting.decision_day))
    if setting.patient.tensor is not None:
        given.add("tensor")
    idle = {name for name, p in setting.table.items() if p.needs and p.needs not in given}
    idle |= {
        name
        for name in setting.table
        if name.startswith("visibility_threshold_")
        and name.removeprefix("visibility_threshold_") not in setting.labels
    }
    return tuple(name for name in setting.table.free if name not in idle)


def _given(seen: Schedule) -> set[str]:
    """What parameters can need (`Parameter.needs`) that was given."""
    given = {f"drug {dose.drug}" for dose in seen.drug_doses}
    if seen.fractions or seen.drug_doses:
        given.add("treatment")
    days = [fraction.time_days for fraction in seen.fractions]
    if days:
        given.add("radiotherapy")
    if any(later - earlier < 1.0 for earlier, later in pairwise(days)):
        given.add("several fractions a day")
    for dose in seen.drug_doses:
        if any(0.0 <= day - dose.time_days < CONCURRENT_DAYS for day in days):
            given.add(f"radiotherapy with {dose.drug}")
    return given


def make_problem(setting: Setting) -> Problem:
    """Arrays of the fitted visits."""
    domain, visits = setting.domain, setting.fitted
    forcing, rows = setting.forcing([v.time_days for v in visits])
    shape = (len(visits), domain.mask.size)
    density, density_weight = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    labels, spacing_mm = setting.labels, tuple(setting.patient.grid.spacing_mm)
    drawn = np.zeros((len(visits), len(labels), domain.mask.size), np.float32)
    drawn_weight = np.zeros_like(drawn)
    for index, visit in enumerate(visits):
        found = raw_density(setting.patient, visit)
        if found is not None and index > 0:
            density[index] = np.where(found[1], found[0], 0.0).reshape(-1)
            density_weight[index] = found[1].reshape(-1)
        for position, label in enumerate(labels):
            if label in visit.masks:
                drawn[index, position] = visit.masks[label].reshape(-1)
                band = outline_band(_last_drawn(visits[: index + 1], label), spacing_mm)
                drawn_weight[index, position] = (band & setting.patient.tissue).reshape(-1)
    return Problem(
        model=setting.model,
        domain=domain,
        forcing=forcing,
        initial=setting.initial,
        density=jnp.asarray(density),
        density_weight=jnp.asarray(density_weight),
        drawn=jnp.asarray(drawn),
        drawn_weight=jnp.asarray(drawn_weight),
        resectable_mm=setting.resectable_flat,
        table=setting.table,
        names=active_names(setting),
        labels=labels,
        rows=tuple(int(r) for r in rows),
    )


@eqx.filter_jit
def _seen(problem: Problem, z: Float[Array, " k"]) -> tuple[dict[str, Array], Array]:
    """Parameters at the scores, and what images show at the fitted visits, (V, N)."""
    params = problem.table.values_at(dict(zip(problem.names, z, strict=True)))
    states = trajectory(
        problem.model,
        params,
        problem.domain,
        problem.forcing,
        problem.initial(params),
        problem.resectable_mm,
    )
    return params, states.seen[jnp.asarray(problem.rows)]


def predicted(problem: Problem, z: np.ndarray) -> np.ndarray:
    """Cell fraction seen at the fitted visits, (V, x, y, z)."""
    return problem.domain.volume(_seen(problem, jnp.asarray(z, jnp.float32))[1])


def residuals(problem: Problem, z: Float[Array, " k"]) -> dict[str, Array]:
    """Residual fields: density (V, N), outline (V, L, N)."""
    params, seen = _seen(problem, z)
    out = {"density": problem.density_weight * (seen - problem.density)}
    if problem.labels:
        thresholds = jnp.stack([params[f"visibility_threshold_{x}"] for x in problem.labels])
        drawn = drawn_probability(seen[:, None], thresholds[:, None])
        out["outline"] = problem.drawn_weight * (drawn - problem.drawn)
    return out


@eqx.filter_jit
def _sums(problem: Problem, z: Float[Array, " k"]) -> dict[str, tuple[Array, ...]]:
    def push(tangent: Array) -> tuple[dict[str, Array], dict[str, Array]]:
        return jax.jvp(lambda x: residuals(problem, x), (z,), (tangent,))

    value, slopes = jax.vmap(push, out_axes=(None, 0))(jnp.eye(z.size))
    result = {}
    for kind, r in value.items():
        visits = r.shape[0]
        flat = chunked(r.reshape(visits, -1))
        slope = chunked(slopes[kind].reshape(z.size, visits, -1))
        result[kind] = (
            (flat**2).sum(-1),
            jnp.einsum("kvcm,vcm->cvk", slope, flat),
            jnp.einsum("kvcm,lvcm->cvkl", slope, slope),
            r,
        )
    return result


def evaluate(problem: Problem, z: np.ndarray) -> Evaluation:
    """Normal equations and residuals at the scores `z`; sums are finished in float64."""
    raw = _sums(problem, jnp.asarray(z, jnp.float32))
    cost, gradient, curvature, residual, weight = {}, {}, {}, {}, {}
    weights = {"density": problem.density_weight, "outline": problem.drawn_weight}
    for kind, (c, g, h, r) in raw.items():
        cost[kind] = np.asarray(c, float).sum(axis=1)
        gradient[kind] = np.asarray(g, float).sum(axis=0)
        curvature[kind] = np.asarray(h, float).sum(axis=0)
        # Labels of one visit are compared one by one: they are separate images of one tumor.
        residual[kind] = np.asarray(r).reshape(-1, r.shape[-1])
        weight[kind] = np.asarray(weights[kind]).reshape(-1, r.shape[-1])
    return Evaluation(cost, gradient, curvature, residual, weight)


def chunked(array: Array) -> Array:
    """(..., N) as (..., chunks, size), padded with zeros, so that float32 sums stay short."""
    size = min(_CHUNK, array.shape[-1])
    missing = -array.shape[-1] % size
    padded = jnp.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, missing)])
    return padded.reshape(*array.shape[:-1], -1, size)


def _last_drawn(visits: tuple[Visit, ...], label: str) -> np.ndarray:
    """The last mask that holds something: one that vanished is compared where it was."""
    masks = [visit.masks[label] for visit in visits if label in visit.masks]
    return next((mask for mask in reversed(masks) if mask.any()), masks[-1])


def outline_band(mask: np.ndarray, spacing_mm: tuple[float, float, float]) -> np.ndarray:
    """(x, y, z) bool: voxels within `BAND_MM` of the border of a drawn mask, on either side."""
    if not mask.any():
        return np.zeros(mask.shape, bool)
    near_tumor = distance_mm(mask, spacing_mm) <= BAND_MM
    return near_tumor & (distance_mm(~mask, spacing_mm) <= BAND_MM)

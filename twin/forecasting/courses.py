"""Simulated courses of posterior draws: curves, and maps at the visits."""

from __future__ import annotations

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from twin.calibration.setting import Setting
from twin.domain import Domain
from twin.draws import Draws, failed
from twin.errors import TwinError
from twin.models.model import Params, TumorModel
from twin.models.state import State
from twin.observation.density import Density
from twin.observation.edema import Edema, shown
from twin.observation.initial_state import InitialState
from twin.observation.segmentation import drawn_probability, visibility_threshold
from twin.simulation import trajectory
from twin.treatments.forcing import Forcing


@dataclass(frozen=True)
class Courses:
    """Simulated draws: series (S, T) and, per visit, maps (V, x, y, z)."""

    viable_ml: np.ndarray
    burden_ml: np.ndarray
    visible_ml: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    drawn: np.ndarray


def simulate_courses(
    setting: Setting, draws: Draws, times: np.ndarray, at_visits: np.ndarray
) -> Courses:
    """Simulate every draw under the treatments given.

    Args:
        setting: patient, model and fitted visits.
        draws: S parameter values by name.
        times: (T,) days of the curves.
        at_visits: (V,) which of the times are visits.

    Raises:
        TwinError: a draw whose simulation is not finite.
    """
    forcing, rows = setting.forcing(times)
    series, maps = _simulate(
        setting.model,
        draws,
        setting.domain,
        forcing,
        setting.initial,
        setting.resectable_flat,
        jnp.asarray(rows[at_visits]),
        setting.visible_label,
        setting.density_everywhere,
    )
    viable, burden, visible = (np.asarray(a, float) for a in series)
    mean, square, drawn = (np.asarray(a, float) / len(viable) for a in maps)
    bad = failed(viable, burden)
    if bad.any():
        raise TwinError(
            "simulations of the forecast are not finite",
            where="forecast",
            got=f"{int(bad.sum())} of {len(bad)} draws",
            fix="Check the parameter table for priors far outside the literature.",
        )
    voxel_ml = setting.domain.voxel_ml
    return Courses(
        viable_ml=viable[:, rows] * voxel_ml,
        burden_ml=burden[:, rows] * voxel_ml,
        visible_ml=visible[:, rows] * voxel_ml,
        mean=setting.domain.volume(mean),
        sd=setting.domain.volume(np.sqrt(np.maximum(square - mean**2, 0.0))),
        drawn=setting.domain.volume(drawn),
    )


@eqx.filter_jit
def _simulate(
    model: TumorModel,
    draws: Draws,
    domain: Domain,
    forcing: Forcing,
    initial: InitialState,
    resectable_mm: Array | None,
    visit_rows: Array,
    label: str,
    everywhere: bool,
) -> tuple[tuple[Array, ...], tuple[Float[Array, "v n"], ...]]:
    """Series (S, rows) of every draw; sums over draws of seen, seen² and outlined at visits."""

    def one(sums: tuple[Array, ...], params: Params) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
        states = trajectory(model, params, domain, forcing, initial(params), resectable_mm)
        seen = states.seen
        at_visit = seen[visit_rows]
        drawn = drawn_probability(at_visit, visibility_threshold(params, label)) * domain.mask
        maps = (at_visit, at_visit**2, drawn)
        series = sums_over_voxels(params, states, label, everywhere)
        return jax.tree.map(jnp.add, sums, maps), series

    zeros = jnp.zeros((visit_rows.shape[0], domain.mask.size))
    sums, series = jax.lax.scan(one, (zeros, zeros, zeros), draws)
    return series, sums


def sums_over_voxels(
    params: Params, state: State, label: str, everywhere: bool, edema: Edema | None = None
) -> tuple[Array, ...]:
    """(...) sums of viable cells, of those that a density image shows, and outlined voxels.

    Args:
        params: with the threshold of the label.
        state: leading axes are kept.
        label: mask label that is outlined (see `visibility_threshold`).
        everywhere: whether density is seen in all tissue, or within the outline alone.
        edema: swelling that is outlined with the cells, and that hides them from an ADC map.
    """
    visible = shown(state, params, edema) > visibility_threshold(params, label)
    burden = state.seen if everywhere else Density(edema).predict(state, params) * visible
    return state.viable.sum(-1), burden.sum(-1), visible.sum(-1)

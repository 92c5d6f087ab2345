"""What half the time step and half the voxel change in the quantities of interest of a patient.

The same draws are simulated again with one of the two halved. The change tells how far the numbers
are from what the equations say, at the same parameters; the calibration is not repeated.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from twin.calibration.posterior import Posterior
from twin.calibration.refined_setting import refined
from twin.calibration.setting import Setting, make_setting
from twin.draws import setting_of
from twin.errors import TwinError
from twin.imaging.resample import volume_mean
from twin.patient import coarsen_patient
from twin.scenarios.engines import Engine, one_by_one
from twin.scenarios.outcomes import Outcomes
from twin.scenarios.plan_set import PlanSet
from twin.scenarios.sensitivity import (
    LOG_ML,
    Quantity,
    courses_of_interest,
    quantities_of,
    simulate_scores,
)
from twin.scenarios.sweep import with_drugs_of
from twin.simulation import OK

MOST_VOXELS = 6_000_000
"""Grids beyond this are coarsened instead of refined."""
_VOXELS_AT_ONCE = 40_000_000


@dataclass(frozen=True)
class Change:
    """What one refinement does to one quantity, over the same posterior draws.

    Attributes:
        quantity: what changes.
        refinement: "half the time step", "half the voxel" or "twice the voxel".
        median: of the quantity over the draws, as it is computed for the user, in its unit.
        sd: its standard deviation over the draws.
        change: root mean square of the change, same unit.
        percent: median of the absolute change relative to the value (in mL where the quantity is
            a logarithm); NaN where the value is 0.
        in_sd: `change` over `sd`; NaN where the quantity does not vary.
    """

    quantity: Quantity
    refinement: str
    median: float
    sd: float
    change: float
    percent: float
    in_sd: float


def refinement_changes(
    posterior: Posterior,
    plans: PlanSet | None = None,
    *,
    draws: int = 64,
    repeated: int = 8,
    seed: int = 0,
    engine: Engine = one_by_one,
) -> list[Change]:
    """Changes of every quantity of interest, by refinement.

    Args:
        posterior: from `calibrate`.
        plans: courses to look at; by default `courses_of_interest`.
        draws: for the median and the standard deviation.
        repeated: how many of them are simulated again.
        seed: of the draws.
        engine: how blocks of simulations are run.

    Raises:
        TwinError: simulations that fail, or a tumor that vanishes on a grid that had to be
            coarsened.
    """
    plans = courses_of_interest(posterior) if plans is None else plans
    extended = with_drugs_of(posterior, plans)
    scores = extended.sample_scores(draws, seed)
    quantities, base = _finite(simulate_scores(extended, plans, scores, engine=engine))
    found = []
    for name, setting in _refinements(setting_of(extended)):
        block = int(np.clip(_VOXELS_AT_ONCE // setting.domain.mask.size, 1, repeated // 2))
        again = simulate_scores(
            replace(extended, setting=setting),
            plans,
            scores[:repeated],
            engine=engine,
            block=block,
        )
        values = _finite(again)[1]
        found += [
            _change(quantity, name, base[:, index], values[:, index])
            for index, quantity in enumerate(quantities)
        ]
    return found


def _finite(outcomes: Outcomes) -> tuple[tuple[Quantity, ...], Float[np.ndarray, "s q"]]:
    failed = (outcomes.status != OK).any(axis=0)
    if failed.any():
        raise TwinError(
            "simulations of the calculation verification are not finite",
            where="refinement",
            got=f"{int(failed.sum())} of {failed.size} draws",
            fix="Check the parameter table for priors far outside the literature.",
        )
    return quantities_of(outcomes)


def _refinements(setting: Setting) -> Iterator[tuple[str, Setting]]:
    yield "half the time step", replace(setting, max_step_days=setting.max_step_days / 2.0)
    if 8 * setting.domain.mask.size <= MOST_VOXELS:
        yield "half the voxel", refined(setting)
    else:
        yield "twice the voxel", _coarsened(setting)


def _coarsened(setting: Setting) -> Setting:
    """The setting on cubic voxels of twice the edge, with images averaged to them."""
    patient = setting.patient
    coarse = coarsen_patient(patient, 2.0 * float(max(patient.grid.spacing_mm)))
    made = make_setting(
        coarse, setting.model, visits=len(setting.fitted), max_step_days=setting.max_step_days
    )
    error = setting.image_error
    if error is not None:
        error = jax.tree.map(partial(_averaged, setting, made), error)
    return replace(made, table=setting.table, image_error=error)


def _averaged(fine: Setting, coarse: Setting, fields: Array) -> Array:
    """(..., N) fields averaged to the voxels of a coarser setting."""
    volumes = np.asarray(fine.domain.volume(fields)).reshape(-1, *fine.domain.shape)
    means = [
        volume_mean(volume, fine.patient.grid, coarse.patient.grid, outside_counts=True)
        for volume in volumes
    ]
    return jnp.asarray(np.reshape(means, (*fields.shape[:-1], -1)), jnp.float32)


def _change(quantity: Quantity, name: str, base: np.ndarray, again: np.ndarray) -> Change:
    before = base[: len(again)]
    difference = again - before
    if quantity.unit == LOG_ML:
        relative = 10.0**difference - 1.0
    else:
        relative = np.divide(
            difference, before, out=np.full(len(before), np.nan), where=before != 0.0
        )
    known = relative[np.isfinite(relative)]
    sd, change = float(base.std(ddof=1)), float(np.sqrt((difference**2).mean()))
    return Change(
        quantity,
        name,
        float(np.median(base)),
        sd,
        change,
        float(100.0 * np.median(np.abs(known))) if known.size else float("nan"),
        change / sd if sd > 1e-9 * max(1.0, float(np.abs(base).max())) else float("nan"),
    )

"""The one front door to a simulation: `simulate(model, params, domain, schedule, times)`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from twin.domain import Domain
from twin.errors import TwinError
from twin.models.model import Params, TumorModel
from twin.solvers.splitting import State, solve
from twin.treatments.forcing import MAX_STEP_DAYS, Forcing, compile_forcing
from twin.treatments.schedule import Schedule

OK, NOT_FINITE, OUT_OF_BOUNDS = 0, 1, 2
STATUS = {OK: "ok", NOT_FINITE: "not finite", OUT_OF_BOUNDS: "outside 0..1"}


@dataclass(frozen=True)
class Trajectory:
    """States at recorded times.

    Attributes:
        times_days: (T,) days since the first visit.
        viable: (T, x, y, z) viable cells as a fraction of the carrying capacity.
        dead: (T, x, y, z) killed cells that are not yet cleared, same unit.
        status: 0 where all went well, see `STATUS`; bad values are set to 0, never returned.
        voxel_ml: volume of a voxel, mL.
    """

    times_days: np.ndarray
    viable: np.ndarray
    dead: np.ndarray
    status: int
    voxel_ml: float

    @property
    def seen(self) -> np.ndarray:
        """(T, x, y, z) what an image shows: viable cells and killed ones not yet cleared."""
        return self.viable + self.dead

    @property
    def viable_ml(self) -> np.ndarray:
        """(T,) viable burden: mL of tissue at full carrying capacity."""
        return self.viable.sum(axis=(1, 2, 3), dtype=np.float64) * self.voxel_ml

    def visible_ml(self, threshold: float) -> np.ndarray:
        """(T,) volume in which the seen cell fraction exceeds `threshold`, mL."""
        return (self.seen > threshold).sum(axis=(1, 2, 3)) * self.voxel_ml


def simulate(
    model: TumorModel,
    params: Mapping[str, float],
    domain: Domain,
    schedule: Schedule,
    times_days: Sequence[float] | np.ndarray,
    *,
    initial: np.ndarray,
    initial_dead: np.ndarray | None = None,
    start_days: float = 0.0,
    body_surface_m2: float = 1.8,
    resectable_mm: np.ndarray | None = None,
    dose_maps: np.ndarray | None = None,
    max_step_days: float = MAX_STEP_DAYS,
) -> Trajectory:
    """Run a tumor model under a schedule from any state.

    Args:
        model: equations, for instance `FisherKPP()`.
        params: natural values by name; see `model.table` for names and units.
        domain: where cells can be.
        schedule: treatments in days since the first visit. Those before `start_days` do not act
            again, but drug that is still in the body does.
        times_days: increasing times to record.
        initial: (x, y, z) viable cell fraction at `start_days`, 0..1.
        initial_dead: (x, y, z) killed cells not yet cleared at `start_days`.
        start_days: time of the initial state.
        body_surface_m2: turns drug doses in mg into mg/m².
        resectable_mm: (x, y, z) distance from the outline that surgery follows, mm; needed when
            the schedule holds surgery.
        dose_maps: (maps, x, y, z) dose relative to the prescribed one; None means 1 everywhere.
        max_step_days: longest step.

    Returns:
        The trajectory. Its `status` tells failure; values are finite whatever happens.

    Raises:
        TwinError: unusable input (shapes, values, missing parameters).
    """
    state = State(_checked(domain, initial, "initial"), _checked(domain, initial_dead, "dead"))
    drugs = schedule.drugs
    _complete(model, params, domain, drugs)
    forcing, rows = compile_forcing(
        schedule,
        start_days=start_days,
        times_days=times_days,
        drugs=drugs,
        body_surface_m2=body_surface_m2,
        max_step_days=max_step_days,
    )
    if np.any(forcing.resection_mm >= 0.0) and resectable_mm is None:
        raise TwinError(
            "the schedule holds surgery but no outline to follow",
            where="resectable_mm",
            expected="distance of every voxel from the outline, mm",
            fix="Pass twin.treatments.surgery.distance_mm(mask, spacing_mm).",
        )
    if dose_maps is not None and int(np.max(forcing.dose_map)) >= len(dose_maps):
        raise TwinError(
            "a fraction names a dose map that is not given",
            where="dose_maps",
            expected=f"at least {int(np.max(forcing.dose_map)) + 1} maps",
            got=str(len(dose_maps)),
        )
    viable, dead = trajectory(
        model,
        {name: jnp.asarray(v, jnp.float32) for name, v in params.items()},
        domain,
        jax.tree.map(jnp.asarray, forcing),
        state,
        None if resectable_mm is None else domain.flat(np.asarray(resectable_mm)),
        None if dose_maps is None else jnp.stack([domain.flat(m) for m in np.asarray(dose_maps)]),
    )
    viable, dead = np.asarray(viable)[rows], np.asarray(dead)[rows]
    status = status_of(viable, dead)
    if status != OK:
        viable, dead = (np.nan_to_num(a, nan=0.0, posinf=0.0, neginf=0.0) for a in (viable, dead))
    return Trajectory(
        np.asarray(times_days, float),
        domain.volume(viable),
        domain.volume(dead),
        status,
        domain.voxel_ml,
    )


@eqx.filter_jit
def trajectory(
    model: TumorModel,
    params: Params,
    domain: Domain,
    forcing: Forcing,
    initial: State,
    resectable_mm: Array | None = None,
    dose_maps: Array | None = None,
) -> tuple[Float[Array, "rows n"], Float[Array, "rows n"]]:
    """Viable and dead cells at the end of every row of `forcing`; can be traced and differentiated
    (forward mode)."""
    return solve(
        model.rates(params, domain, forcing.drugs),
        forcing,
        initial,
        lambda begin, end: (end.viable, end.dead),
        classes=domain.dominant,
        resectable_mm=resectable_mm,
        dose_maps=dose_maps,
    )


def status_of(viable: np.ndarray, dead: np.ndarray, slack: float = 1e-3) -> int:
    """Status of a result: finite, and the viable fraction within 0..1."""
    if not (np.isfinite(viable).all() and np.isfinite(dead).all()):
        return NOT_FINITE
    if viable.size and (viable.min() < -slack or viable.max() > 1.0 + slack):
        return OUT_OF_BOUNDS
    return OK


def _checked(domain: Domain, field: np.ndarray | None, name: str) -> Array:
    if field is None:
        return jnp.zeros_like(domain.mask)
    array = np.asarray(field)
    if not np.isfinite(array).all() or array.min() < 0.0 or (name == "initial" and array.max() > 1):
        raise TwinError(
            "cell fraction is not usable",
            where=name,
            expected="finite values in 0..1",
            got=f"{np.nanmin(array):g} to {np.nanmax(array):g},"
            f" {int((~np.isfinite(array)).sum())} not finite",
        )
    return domain.flat(array)


def _complete(
    model: TumorModel, params: Mapping[str, float], domain: Domain, drugs: tuple[str, ...]
) -> None:
    needed = set(model.table("generic", drugs, domain.tissues))
    missing = sorted(needed - set(params))
    if missing:
        raise TwinError(
            "parameters are missing",
            where="params",
            expected=", ".join(sorted(needed)),
            got="without " + ", ".join(missing),
        )

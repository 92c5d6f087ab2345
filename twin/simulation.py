"""The one front door to a simulation: `simulate(model, params, domain, schedule, times)`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from twin.domain import Domain
from twin.errors import TwinError
from twin.models.model import Params, TumorModel
from twin.models.state import State
from twin.operators.transport import LONG_STEP
from twin.parameters import StandardNormal
from twin.solvers.splitting import Derivatives, solve
from twin.treatments.forcing import (
    MAX_STEP_DAYS,
    SHARED_ROWS,
    SHARED_STEPS,
    Forcing,
    compile_forcing,
)
from twin.treatments.schedule import Schedule

OK, NOT_FINITE, OUT_OF_BOUNDS = 0, 1, 2
ROUND_OFF = 1e-5
"""A saturated tumor may stand this much above its capacity in float32."""
POSITIVE = ("alpha_beta_ratio", "clearance_half_life", "repair_half_time", "linear_onset_dose")
"""Parameters that are divided by; every other one may be 0."""
STATUS = {OK: "ok", NOT_FINITE: "not finite", OUT_OF_BOUNDS: "outside 0..1"}


@dataclass(frozen=True)
class Trajectory:
    """States at recorded times.

    Attributes:
        times_days: (T,) days since the first visit.
        cells: (T, C, x, y, z) viable cells of each compartment of the model, as fractions of the
            carrying capacity.
        dead: (T, x, y, z) killed cells that are not yet cleared, same unit.
        fields: name -> (T, x, y, z), whatever else the model carries.
        memory: name -> (T, ...), what a restart needs beside them.
        status: 0 where all went well, see `STATUS`; bad values are set to 0, never returned.
        voxel_ml: volume of a voxel, mL.
    """

    times_days: np.ndarray
    cells: np.ndarray
    dead: np.ndarray
    fields: Mapping[str, np.ndarray]
    memory: Mapping[str, np.ndarray]
    status: int
    voxel_ml: float

    @property
    def viable(self) -> np.ndarray:
        """(T, x, y, z) viable cells of all compartments."""
        return self.cells.sum(axis=1)

    def state(self, index: int) -> State:
        """The whole state at a recorded time: pass it as `initial` to go on from there."""
        return State(
            tuple(cells.reshape(-1) for cells in self.cells[index]),
            self.dead[index].reshape(-1),
            {name: field[index].reshape(-1) for name, field in self.fields.items()},
            {name: array[index] for name, array in self.memory.items()},
        )

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
    initial: np.ndarray | State,
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
        initial: (x, y, z) viable cell fraction at `start_days`, 0..1, which the model divides
            among its compartments; or a whole state, for instance `trajectory.state(-1)`.
        initial_dead: (x, y, z) killed cells not yet cleared at `start_days`; with a density only.
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
    drugs = schedule.drugs
    values = {
        name: jnp.asarray(v, jnp.float32)
        for name, v in _complete(model, params, domain, drugs).items()
    }
    state, rate = _first_state(model, values, domain, drugs, initial, initial_dead)
    forcing, rows = compile_forcing(
        schedule,
        start_days=start_days,
        times_days=times_days,
        drugs=drugs,
        body_surface_m2=body_surface_m2,
        max_step_days=max_step_days,
        multiple_of=SHARED_STEPS,
        rows_multiple_of=SHARED_ROWS,
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
    states = trajectory(
        model,
        values,
        domain,
        jax.tree.map(jnp.asarray, forcing),
        state,
        None if resectable_mm is None else domain.flat(np.asarray(resectable_mm)),
        None if dose_maps is None else jnp.stack([domain.flat(m) for m in np.asarray(dose_maps)]),
        long_steps=LONG_STEP < rate * float(np.max(forcing.dt_days, initial=0.0)) < float("inf"),
    )
    states = jax.tree.map(lambda leaf: np.asarray(leaf)[rows], states)
    status = status_of(states)
    if status != OK:
        states = jax.tree.map(lambda a: np.nan_to_num(a, nan=0.0, posinf=0.0, neginf=0.0), states)
    return Trajectory(
        np.asarray(times_days, float),
        np.stack([domain.volume(cells) for cells in states.cells], axis=1),
        domain.volume(states.dead),
        {name: domain.volume(field) for name, field in states.fields.items()},
        states.memory,
        status,
        domain.voxel_ml,
    )


@eqx.filter_jit
def trajectory(
    model: TumorModel,
    params: Params,
    domain: Domain,
    forcing: Forcing,
    initial: State | Float[Array, " n"],
    resectable_mm: Array | None = None,
    dose_maps: Array | None = None,
    *,
    derivatives: Derivatives = "forward",
    long_steps: bool = False,
) -> State:
    """States at the end of every row of `forcing`, leading axis R; can be traced, and
    differentiated in the direction of `derivatives`.

    `initial` is a whole state, or the density that the model starts one from. With `long_steps`
    diffusion picks the cheapest kind of step; `simulate` asks for it where one explicit step would
    be divided into dozens.
    """
    equations = model.equations(params, domain, forcing.drugs)
    return solve(
        equations,
        forcing,
        initial if isinstance(initial, State) else equations.start(initial),
        lambda begin, end: end,
        resectable_mm=resectable_mm,
        dose_maps=dose_maps,
        derivatives=derivatives,
        long_steps=long_steps,
    )


def status_of(states: State, slack: float = 1e-3) -> int:
    """Status of a result: everything finite, and the viable fraction within 0..1."""
    if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(states)):
        return NOT_FINITE
    viable = np.asarray(states.viable)
    if viable.size and (min(c.min() for c in states.cells) < -slack or viable.max() > 1.0 + slack):
        return OUT_OF_BOUNDS
    return OK


def _first_state(
    model: TumorModel,
    params: Params,
    domain: Domain,
    drugs: tuple[str, ...],
    initial: np.ndarray | State,
    initial_dead: np.ndarray | None,
) -> tuple[State, float]:
    """The state to begin with, and the rate of diffusion, 1/day."""
    if isinstance(initial, State):
        if initial_dead is not None:
            raise TwinError(
                "a whole state holds its dead cells already",
                where="initial_dead",
                expected="none",
                got="an array",
            )
        state = jax.tree.map(jnp.asarray, initial)
        return state, float(_started(model, params, domain, drugs, state.viable)[1])
    viable = _checked(domain, initial, "initial")
    started, rate = _started(model, params, domain, drugs, viable)
    if initial_dead is not None:
        started = replace(started, dead=_checked(domain, initial_dead, "dead"))
    return started, float(rate)


@eqx.filter_jit
def _started(
    model: TumorModel, params: Params, domain: Domain, drugs: tuple[str, ...], viable: Array
) -> tuple[State, Array]:
    equations = model.equations(params, domain, drugs)
    return equations.start(viable), equations.operator.rate


def _checked(domain: Domain, field: np.ndarray, name: str) -> Array:
    array = np.asarray(field)
    most = 1.0 + ROUND_OFF if name == "initial" else np.inf
    if not np.isfinite(array).all() or array.min() < 0.0 or array.max() > most:
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
) -> dict[str, float]:
    """The parameters, with those that the table fixes where they are not given."""
    table = model.table("generic", drugs, domain.tissues)
    fixed = {n: float(p.prior.transform(0.0)) for n, p in table.items() if p.fixed}
    missing = sorted(set(table) - set(params) - set(fixed))
    if missing:
        raise TwinError(
            "parameters are missing",
            where="params",
            expected=", ".join(sorted(table)),
            got="without " + ", ".join(missing),
        )
    signed = {name for name, p in table.items() if isinstance(p.prior, StandardNormal)}
    for name, value in params.items():
        if name in signed:
            continue
        least = "above 0" if name in POSITIVE else "at least 0"
        if value < 0.0 or (value == 0.0 and name in POSITIVE):
            raise TwinError(
                "parameter out of range", where=name, expected=least, got=f"{float(value):g}"
            )
    return {**fixed, **params}

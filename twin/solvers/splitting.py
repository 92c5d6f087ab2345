"""Strang splitting: half reaction, transport, half reaction, with treatment at its very time.

What happens in each part is the model's (twin/models/model.py). Second order in time where the
parts are; a step ends wherever something happens, so nothing is rounded to whole days.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from twin.models.model import Equations
from twin.models.radiation import Dose, unrepaired_gy
from twin.models.state import State
from twin.operators.transport import LongSteps
from twin.treatments.forcing import Forcing

Derivatives = Literal["forward", "reverse"]
"""Which derivatives a solve can take: forward is faster where parameters are few; reverse keeps
checkpoints of the state and serves many."""
CHECKPOINTS = 32


def solve[Recorded](
    equations: Equations,
    forcing: Forcing,
    initial: State,
    record: Callable[[State, State], Recorded],
    *,
    resectable_mm: Float[Array, " n"] | None = None,
    dose_maps: Float[Array, "maps n"] | None = None,
    derivatives: Derivatives = "forward",
    long_steps: bool = False,
) -> Recorded:
    """Run the course and return `record(after treatment at its start, end)` stacked over rows.

    Args:
        equations: of the model at its parameters.
        forcing: treatment tables.
        initial: state at the start of the first row.
        record: reduces a row's state just after the resection at its start, and its state at the
            end, to what is kept.
        resectable_mm: distance of each voxel from the outline that surgery follows; None where no
            schedule holds surgery.
        dose_maps: dose of each map relative to the prescribed one; None means 1 everywhere.
        derivatives: which ones can be taken.
        long_steps: whether diffusion picks its kind of step (`twin.operators.transport`).
    """
    loop = jax.lax.fori_loop if derivatives == "forward" else _checkpointed
    loop = LongSteps(loop) if long_steps else loop
    tables = equations.tables(forcing)
    open_gy = unrepaired_gy(
        forcing,
        equations.radiation.repair_half_time_days,
        1 if dose_maps is None else dose_maps.shape[0],
    )

    def react(state: State, step: Array, half: int) -> State:
        table = jax.tree.map(lambda leaf: leaf[step, half], tables)
        return equations.react(state, table, half)

    def begin(state: State, step: Array) -> State:
        """Fractions at the start of a step and its first half reaction."""
        dose = Dose(
            forcing.dose_gy[step],
            forcing.dose_squared_gy2[step],
            open_gy[step],
            forcing.recent_doses[step],
            forcing.dose_map[step],
            dose_maps,
        )
        return react(equations.irradiate(state, dose), step, 0)

    def finish(state: State, step: Array) -> State:
        return react(equations.transport(state, forcing.dt_days[step], loop), step, 1)

    def course(state: State, start: Array, stop: Array) -> State:
        # Adjacent half steps stand together in the loop, so that the state is read once for both.
        state = loop(start, stop - 1, lambda k, s: begin(finish(s, k), k + 1), begin(state, start))
        return finish(state, stop - 1)

    def resect(state: State, margin: Array) -> State:
        if resectable_mm is None:
            return state
        kept = jnp.where(resectable_mm > margin, 1.0, 0.0).astype(state.dead.dtype)
        return jax.lax.cond(margin >= 0.0, lambda s: equations.resect(s, kept), lambda s: s, state)

    def row(state: State, xs: tuple[Array, ...]) -> tuple[State, Recorded]:
        start, stop, margin = xs
        resected = resect(state, margin)
        end = jax.lax.cond(stop > start, lambda s: course(s, start, stop), lambda s: s, resected)
        return end, record(resected, end)

    rows = tuple(
        jnp.asarray(r) for r in (forcing.row_start, forcing.row_stop, forcing.resection_mm)
    )
    return jax.lax.scan(row, initial, rows)[1]


def _checkpointed(lower: Any, upper: Any, body: Callable[[Any, Any], Any], init: Any) -> Any:
    """`fori_loop` whose reverse derivative recomputes from a few kept states."""

    def step(carry: tuple[Array, Any]) -> tuple[Array, Any]:
        index, value = carry
        return index + 1, body(index, value)

    first = jnp.asarray(lower, jnp.int32)
    return eqx.internal.while_loop(
        lambda carry: carry[0] < upper,
        step,
        (first, init),
        kind="checkpointed",
        checkpoints=CHECKPOINTS,
    )[1]

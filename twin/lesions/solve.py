"""Lesion equations by diffrax: adaptive, differentiated forward, for what has no closed form.

Tsit5 (Tsitouras 2011, doi 10.1016/j.camwa.2011.06.002) of diffrax (Kidger 2021, arXiv 2202.02435).
Steps end where the right-hand side jumps. Where an integration fails the result is not a number;
callers never accept such a point.
"""

from __future__ import annotations

from collections.abc import Callable

import diffrax
import jax.numpy as jnp
from jaxtyping import Array, Float

RELATIVE_TOLERANCE = 1e-8
ABSOLUTE_TOLERANCE = 1e-9
MAX_STEPS = 4096
_BEYOND_DAYS = 1e-2


def integrate(
    change: Callable[[Array, Array], Array],
    start: Float[Array, " s"],
    days: Float[Array, " times"],
    jumps: Float[Array, " jumps"],
) -> Float[Array, "times s"]:
    """State at each day, from day 0 on.

    Args:
        change: (day, state) -> rate of the state, 1/day.
        start: state on day 0.
        days: at least 0, in any order.
        jumps: days on which the rate jumps, increasing.
    """
    order = jnp.argsort(days)
    controller = diffrax.PIDController(rtol=RELATIVE_TOLERANCE, atol=ABSOLUTE_TOLERANCE)
    if jumps.size:
        controller = diffrax.ClipStepSizeController(controller, jump_ts=jumps)
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(lambda time, state, _: change(jnp.asarray(time), state)),
        diffrax.Tsit5(),
        jnp.zeros_like(days[0]),
        days[order[-1]] + _BEYOND_DAYS,
        None,
        start,
        saveat=diffrax.SaveAt(ts=days[order]),
        stepsize_controller=controller,
        adjoint=diffrax.ForwardMode(),
        max_steps=MAX_STEPS,
        throw=False,
    )
    states = jnp.zeros_like(solution.ys).at[order].set(solution.ys)  # type: ignore[arg-type]
    return jnp.where(solution.result == diffrax.RESULTS.successful, states, jnp.nan)

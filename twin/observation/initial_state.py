"""The state at the first fitted visit, from a density image or from an outline alone.

Inside the outline the cell fraction is the (slightly smoothed) density image times a calibrated
scale, or, without one, a rising profile. Outside it falls off as a travelling wave does ahead of
its front, from the visibility threshold c at the outline: f = c exp(−distance / length).
"""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from twin.models.model import Params
from twin.parameters import LogNormal, LogUniform, Parameter
from twin.solvers.splitting import State


class InitialState(eqx.Module):
    """Initial state as a function of `initial_scale`, `infiltration_length` and a threshold.

    Attributes:
        density: (N,) cell fraction in the measured region; None where only an outline is known.
        measured: (N,) 1 where `density` holds a measurement.
        outside_mm: (N,) distance from the outline, 0 inside; None where density covers all tissue.
        inside_mm: (N,) depth below the outline, 0 outside.
        mask: (N,) tissue.
        label: mask label whose threshold holds at the outline.
    """

    density: Float[Array, " n"] | None
    measured: Float[Array, " n"]
    outside_mm: Float[Array, " n"] | None
    inside_mm: Float[Array, " n"]
    mask: Float[Array, " n"]
    label: str = eqx.field(static=True)

    def __call__(self, params: Params) -> State:
        """State at natural parameter values."""
        if self.outside_mm is None:
            assert self.density is not None
            viable = params["initial_scale"] * self.density
        else:
            threshold = params[f"visibility_threshold_{self.label}"]
            length = params["infiltration_length"]
            tail = threshold * jnp.exp(-self.outside_mm / length)
            if self.density is None:
                core = 1.0 - (1.0 - threshold) * jnp.exp(-self.inside_mm / length)
            else:
                core = self.density
            viable = jnp.where(self.measured > 0.0, params["initial_scale"] * core, tail)
        viable = jnp.clip(viable, 0.0, 0.999) * self.mask
        return State(viable, jnp.zeros_like(viable))


def initial_parameters(with_outline: bool) -> list[Parameter]:
    """Parameters of the initial state."""
    scale = Parameter(
        "initial_scale",
        "1",
        LogNormal(1.0, 0.1),
        "factor between the density image of the first visit and the cell fraction",
        "assumed: ADC repeats within 5 to 10 %",
        "assumed",
    )
    length = Parameter(
        "infiltration_length",
        "mm",
        LogUniform(0.5, 12.0),
        "distance over which cells thin out beyond the outline of the first visit",
        "assumed",
        "assumed",
    )
    return [scale, length] if with_outline else [scale]

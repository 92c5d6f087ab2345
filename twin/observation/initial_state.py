"""The state at the first fitted visit, from a density image or from an outline alone.

Where density was measured the cell fraction is the (slightly smoothed) image times a calibrated
scale; inside an outline without density it is a rising profile. Beyond, it falls off as a
travelling wave does ahead of its front, f = c exp(−distance / length), where c is the visibility
threshold at an outline, or the nearest value that stands out of the noise of a density image.
"""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from twin.models.model import Params
from twin.observation.segmentation import visibility_threshold
from twin.parameters import LogNormal, LogUniform, Parameter

IMAGE_ERROR = "first_image_error"
"""Name of the (R,) scores of `ImageError` among the values that draws hold."""


class ImageError(eqx.Module):
    """How noise of the first image displaces the initial state: mean + Σ w_r mode_r, w ~ N(0, 1).

    Attributes:
        mean: (N,) cell fraction that the image shows too much.
        modes: (R, N) what it errs by about that.
    """

    mean: Float[Array, " n"]
    modes: Float[Array, "r n"]


class InitialState(eqx.Module):
    """Initial state as a function of `initial_scale`, `infiltration_length` and a threshold.

    Attributes:
        density: (N,) cell fraction in the measured region; None where only an outline is known.
        measured: (N,) 1 where `density` holds a measurement.
        edge: (N,) nearest measured density, where it was measured beyond any outline; else None.
        outside_mm: (N,) distance from the measured region or outline, 0 inside.
        inside_mm: (N,) depth below the outline, 0 outside.
        mask: (N,) tissue.
        label: mask label whose threshold holds at the outline.
        error: of the first image, where it is known; taken off.
    """

    density: Float[Array, " n"] | None
    measured: Float[Array, " n"]
    edge: Float[Array, " n"] | None
    outside_mm: Float[Array, " n"]
    inside_mm: Float[Array, " n"]
    mask: Float[Array, " n"]
    label: str = eqx.field(static=True)
    error: ImageError | None = None

    def __call__(self, params: Params) -> Float[Array, " n"]:
        """(N,) viable cell fraction at natural parameter values."""
        scale, length = params["initial_scale"], params["infiltration_length"]
        if self.edge is None:
            border = visibility_threshold(params, self.label)
        else:
            border = scale * self.edge
        tail = border * jnp.exp(-self.outside_mm / length)
        if self.density is None:
            core = 1.0 - (1.0 - border) * jnp.exp(-self.inside_mm / length)
        else:
            core = self.density
        viable = jnp.where(self.measured > 0.0, scale * core, tail)
        if self.error is not None:
            viable = viable - self.error.mean
            if IMAGE_ERROR in params:
                viable = viable + params[IMAGE_ERROR] @ self.error.modes
        return jnp.clip(viable, 0.0, 0.999) * self.mask


def initial_parameters() -> list[Parameter]:
    """Parameters of the initial state."""
    return [
        Parameter(
            "initial_scale",
            "1",
            LogNormal(1.0, 0.1),
            "factor between the density image of the first visit and the cell fraction",
            "assumed: ADC repeats within 5 to 10 %",
            "assumed",
        ),
        Parameter(
            "infiltration_length",
            "mm",
            LogUniform(0.5, 12.0),
            "distance over which cells thin out beyond what the first visit shows",
            "assumed",
            "assumed",
        ),
    ]

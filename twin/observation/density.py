"""An image of the cell fraction itself, or what was read from an ADC map as one.

    y = (1 - e) (u + w) + noise

u are viable and w dead cells not yet cleared, as fractions of the carrying capacity. e is the share
of extra water (twin/observation/edema), which hides cells from an ADC map.
"""

from __future__ import annotations

import equinox as eqx
from jaxtyping import Array, Float

from twin.models.model import Params
from twin.models.state import State
from twin.observation.edema import Edema
from twin.observation.observation import gaussian_log_prob, in_deviations
from twin.parameters import LogNormal, Parameter


class Density(eqx.Module):
    """A cell fraction image as an observation (see `twin.observation.observation`).

    Attributes:
        edema: swelling that hides cells; None where the image tells cells from water.
        weight: (N,) 1 where the image counts, or a number.
        correlated_voxels: voxels that share one independent piece of information.
    """

    edema: Edema | None = None
    weight: Float[Array, "..."] | float = 1.0
    correlated_voxels: float = eqx.field(static=True, default=1.0)

    def parameters(self) -> list[Parameter]:
        """Noise of a voxel, and the swelling's parameters."""
        noise = Parameter(
            "density_noise",
            "1",
            LogNormal(0.05, 0.5),
            "standard deviation of the cell fraction of a voxel",
            "assumed: ADC repeats within 5 to 10 %",
            "assumed",
        )
        return [noise, *(self.edema.parameters() if self.edema else [])]

    def predict(self, state: State, params: Params) -> Float[Array, "*t n"]:
        """Cell fraction of each voxel."""
        if self.edema is None:
            return state.seen
        return state.seen * (1.0 - self.edema.fraction(state, params))

    def log_prob(self, predicted: Array, observed: Array, params: Params) -> Float[Array, ""]:
        """Of an image."""
        sd = params["density_noise"]
        return gaussian_log_prob(predicted, observed, sd, self.weight, self.correlated_voxels)

    def standardized(self, values: Array, params: Params) -> Float[Array, "*n"]:
        """Images in standard deviations of their noise."""
        return in_deviations(values, params["density_noise"], self.weight, self.correlated_voxels)

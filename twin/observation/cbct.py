"""Cone-beam CT: tumor cells and swelling shift the attenuation of the tissue that they displace.

    I = background + contrast · shown + noise

`background` is what the voxel would show without a tumor, in HU, and `shown` what an outline
follows (twin/observation/edema). Soft tissue and tumor differ by a few tens of HU at most, lung and
tumor by hundreds; scatter makes the noise of a cone beam several times that of a planning CT.
Contrast and noise are assumed; the contrast may have either sign.
"""

from __future__ import annotations

import equinox as eqx
from jaxtyping import Array, Float

from twin.models.model import Params
from twin.models.state import State
from twin.observation.edema import Edema, shown
from twin.observation.observation import gaussian_log_prob, in_deviations
from twin.parameters import LogNormal, Parameter, Uniform


class ConeBeamCT(eqx.Module):
    """A cone-beam CT in HU as an observation (see `twin.observation.observation`).

    Attributes:
        background_hu: (N,) or a number: the tissue without tumor, from an earlier CT or an atlas.
        edema: swelling that shows with the cells; None for none.
        weight: (N,) 1 where the image counts, or a number.
        correlated_voxels: voxels that share one independent piece of information.
    """

    background_hu: Float[Array, "..."] | float
    edema: Edema | None = None
    weight: Float[Array, "..."] | float = 1.0
    correlated_voxels: float = eqx.field(static=True, default=1.0)

    def parameters(self) -> list[Parameter]:
        """Contrast and noise, and the swelling's parameters."""
        rows = [
            Parameter(
                "cbct_contrast",
                "HU",
                Uniform(-20.0, 60.0),
                "attenuation of tissue at the carrying capacity less that without tumor",
                "assumed: brighter than fat, near muscle",
                "assumed",
            ),
            Parameter(
                "cbct_noise",
                "HU",
                LogNormal(25.0, 0.4),
                "standard deviation of the attenuation of a voxel",
                "assumed",
                "assumed",
            ),
        ]
        return [*rows, *(self.edema.parameters() if self.edema else [])]

    def predict(self, state: State, params: Params) -> Float[Array, "*t n"]:
        """Attenuation of each voxel, HU."""
        return self.background_hu + params["cbct_contrast"] * shown(state, params, self.edema)

    def log_prob(self, predicted: Array, observed: Array, params: Params) -> Float[Array, ""]:
        """Of an image in HU."""
        sd = params["cbct_noise"]
        return gaussian_log_prob(predicted, observed, sd, self.weight, self.correlated_voxels)

    def standardized(self, values: Array, params: Params) -> Float[Array, "*n"]:
        """Images in standard deviations of their noise."""
        return in_deviations(values, params["cbct_noise"], self.weight, self.correlated_voxels)

"""Uptake of a tracer in PET, blurred by the scanner, with Gaussian noise.

    signal = G (background + (u + q w) / b) + noise

u is the viable and w the dead cell fraction, G the blur by the point spread function (partial
volume), b the cell fraction at a signal of 1, q the uptake of a dead cell's surroundings relative
to a living cell: cells that clear the dead burn glucose as well, so q counts for FDG and is left
out for amino acids such as FET. Signals are relative to the usual maximum of a tumor. Map and noise
after Lipkova et al. 2019 (doi 10.1109/TMI.2019.2902044), who have neither background nor blur.
"""

from __future__ import annotations

from typing import Literal

import equinox as eqx
from jaxtyping import Array, Float

from twin.domain import Domain
from twin.models.model import Params
from twin.models.state import State
from twin.observation.blur import FWHM, blur
from twin.observation.observation import gaussian_log_prob, in_deviations
from twin.parameters import LogUniform, Parameter, Uniform

_LIPKOVA = "Lipkova et al. 2019, doi 10.1109/TMI.2019.2902044 (prior file of GliomaSolver)"
RESOLUTION_MM = 5.0
"""Full width at half maximum of a clinical scanner's point spread function (assumed)."""


class Pet(eqx.Module):
    """A PET image as an observation (see `twin.observation.observation`).

    Attributes:
        domain: tissue, which takes up the background.
        tracer: "fet" shows viable cells; "fdg" also what clears the dead ones.
        resolution_mm: full width at half maximum of the point spread function.
        weight: (N,) 1 where the image counts, or a number.
        correlated_voxels: voxels that share one independent piece of information.
    """

    domain: Domain
    tracer: Literal["fet", "fdg"] = eqx.field(static=True, default="fet")
    resolution_mm: float = eqx.field(static=True, default=RESOLUTION_MM)
    weight: Float[Array, "..."] | float = 1.0
    correlated_voxels: float = eqx.field(static=True, default=1.0)

    def parameters(self) -> list[Parameter]:
        """Scale, background and noise of the tracer, and for FDG the uptake of the dead."""
        rows = [
            Parameter(
                f"{self.tracer}_cells_per_signal",
                "1",
                Uniform(0.6, 1.02),
                f"cell fraction at a {self.tracer.upper()} signal of 1",
                _LIPKOVA,
                "literature human",
            ),
            Parameter(
                f"{self.tracer}_background",
                "1",
                Uniform(0.0, 0.3),
                f"{self.tracer.upper()} signal of healthy tissue",
                "assumed",
                "assumed",
            ),
            Parameter(
                f"{self.tracer}_noise",
                "1",
                LogUniform(0.018, 0.25),
                f"standard deviation of the {self.tracer.upper()} signal of a voxel",
                _LIPKOVA,
                "literature human",
            ),
        ]
        if self.tracer == "fdg":
            rows.append(
                Parameter(
                    "fdg_uptake_at_dead_cells",
                    "1",
                    Uniform(0.0, 1.0),
                    "FDG uptake of the inflammation around a dead cell over that of a viable cell",
                    "assumed, wide",
                    "assumed",
                    needs="treatment",
                )
            )
        return rows

    def predict(self, state: State, params: Params) -> Float[Array, "*t n"]:
        """Signal of each voxel."""
        domain, cells = self.domain, state.viable
        if self.tracer == "fdg":
            cells = cells + params["fdg_uptake_at_dead_cells"] * state.dead
        uptake = params[f"{self.tracer}_background"] * domain.mask
        uptake = uptake + cells / params[f"{self.tracer}_cells_per_signal"]
        return blur(uptake, domain.shape, domain.spacing_mm, self.resolution_mm / FWHM)

    def log_prob(self, predicted: Array, observed: Array, params: Params) -> Float[Array, ""]:
        """Of an image in the unit of the prediction."""
        sd = params[f"{self.tracer}_noise"]
        return gaussian_log_prob(predicted, observed, sd, self.weight, self.correlated_voxels)

    def standardized(self, values: Array, params: Params) -> Float[Array, "*n"]:
        """Images in standard deviations of their noise."""
        sd = params[f"{self.tracer}_noise"]
        return in_deviations(values, sd, self.weight, self.correlated_voxels)

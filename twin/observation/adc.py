"""Apparent diffusion coefficient and cell fraction: f = (ADC_w − ADC) / (ADC_w − ADC_d).

ADC_w is the diffusion of free water at body temperature, ADC_d that of tissue at full carrying
capacity. A value above ADC_w means no cells, never a positive fraction. Linear map after Hormuth
et al. 2015 (doi 10.1088/1478-3975/12/4/046006); the end points are explicit because groups differ.
"""

from __future__ import annotations

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float

from twin.models.model import Params
from twin.models.state import State
from twin.observation.edema import Edema
from twin.observation.observation import gaussian_log_prob, in_deviations
from twin.parameters import LogNormal, Parameter

WATER_ADC = 3.0
"""ADC of free water at 37 °C, 1e-3 mm²/s."""
DENSE_ADC = 0.5
"""ADC assumed at full carrying capacity, 1e-3 mm²/s."""


def cell_fraction(
    adc_1e3_mm2_s: np.ndarray, water_adc: float = WATER_ADC, dense_adc: float = DENSE_ADC
) -> np.ndarray:
    """Cell fraction 0..1 seen in an ADC map.

    Args:
        adc_1e3_mm2_s: ADC in 1e-3 mm²/s (muscle is about 1.4, dense tumor 0.7 to 1.2).
        water_adc, dense_adc: end points of the map, same unit.
    """
    fraction = (water_adc - np.asarray(adc_1e3_mm2_s, float)) / (water_adc - dense_adc)
    return np.clip(fraction, 0.0, 1.0)


def adc(
    fraction: np.ndarray, water_adc: float = WATER_ADC, dense_adc: float = DENSE_ADC
) -> np.ndarray:
    """ADC in 1e-3 mm²/s of a cell fraction; the inverse of `cell_fraction` within 0..1."""
    return water_adc - (water_adc - dense_adc) * np.asarray(fraction, float)


class ApparentDiffusion(eqx.Module):
    """An ADC map as an observation (see `twin.observation.observation`).

    Attributes:
        edema: swelling, which raises the ADC towards that of water; None for none.
        water_adc, dense_adc: end points of the map, 1e-3 mm²/s.
        weight: (N,) 1 where the map counts, or a number; muscle and fat have an ADC of their own.
        correlated_voxels: voxels that share one independent piece of information.
    """

    edema: Edema | None = None
    water_adc: float = eqx.field(static=True, default=WATER_ADC)
    dense_adc: float = eqx.field(static=True, default=DENSE_ADC)
    weight: Float[Array, "..."] | float = 1.0
    correlated_voxels: float = eqx.field(static=True, default=1.0)

    def parameters(self) -> list[Parameter]:
        """Noise of a voxel, and the swelling's parameters."""
        noise = Parameter(
            "adc_noise",
            "1e-3 mm²/s",
            LogNormal(0.08, 0.5),
            "standard deviation of the ADC of a voxel",
            "assumed: ADC repeats within 5 to 10 %",
            "assumed",
        )
        return [noise, *(self.edema.parameters() if self.edema else [])]

    def predict(self, state: State, params: Params) -> Float[Array, "*t n"]:
        """ADC of each voxel, 1e-3 mm²/s."""
        drop = (self.water_adc - self.dense_adc) * state.seen
        if self.edema is not None:
            drop = drop * (1.0 - self.edema.fraction(state, params))
        return self.water_adc - drop

    def log_prob(self, predicted: Array, observed: Array, params: Params) -> Float[Array, ""]:
        """Of a map in 1e-3 mm²/s."""
        sd = params["adc_noise"]
        return gaussian_log_prob(predicted, observed, sd, self.weight, self.correlated_voxels)

    def standardized(self, values: Array, params: Params) -> Float[Array, "*n"]:
        """Maps in standard deviations of their noise."""
        return in_deviations(values, params["adc_noise"], self.weight, self.correlated_voxels)

"""Apparent diffusion coefficient and cell fraction: f = (ADC_w − ADC) / (ADC_w − ADC_d).

ADC_w is the diffusion of free water at body temperature, ADC_d that of tissue at full carrying
capacity. A value above ADC_w means no cells, never a positive fraction. Linear map after Hormuth
et al. 2015 (doi 10.1088/1478-3975/12/4/046006); the end points are explicit because groups differ.
"""

from __future__ import annotations

import numpy as np

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

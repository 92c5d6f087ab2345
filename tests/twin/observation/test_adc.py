"""The map between ADC and cell fraction."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from twin.observation.adc import DENSE_ADC, WATER_ADC, adc, cell_fraction


@given(st.floats(-1.0, 6.0), st.floats(1e-3, 3.0))
def test_more_diffusion_means_fewer_cells(low: float, step: float):
    few, many = cell_fraction(np.array([low + step, low]))
    assert few <= many
    if low > DENSE_ADC and low + step < WATER_ADC:
        assert few < many


def test_the_end_points_are_full_and_empty():
    assert np.array_equal(cell_fraction(np.array([DENSE_ADC, WATER_ADC])), [1.0, 0.0])


def test_adc_above_water_means_no_cells_never_a_positive_fraction():
    assert np.array_equal(cell_fraction(np.array([WATER_ADC + 1e-6, 3.4, 10.0, 1e6])), np.zeros(4))


def test_adc_below_dense_tissue_is_full_and_no_more():
    assert np.array_equal(cell_fraction(np.array([0.49, 0.0, -5.0])), np.ones(3))


@given(st.floats(0.0, 1.0), st.floats(2.0, 3.5), st.floats(0.2, 1.0))
def test_adc_and_cell_fraction_undo_each_other(fraction: float, water: float, dense: float):
    there = adc(np.array([fraction]), water, dense)
    assert abs(cell_fraction(there, water, dense)[0] - fraction) < 1e-12


def test_a_hand_calculated_value():
    """ADC 1.0 between 3.0 and 0.5: f = 2.0 / 2.5."""
    assert abs(cell_fraction(np.array([1.0]))[0] - 0.8) < 1e-15

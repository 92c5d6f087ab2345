"""Values are kept in one unit per modality, and implausible ones are refused."""

import numpy as np
import pytest

from twin.errors import TwinError
from twin.grid import Grid
from twin.imaging import Image
from twin.imaging.units import ADC_UNIT, check_plausible, to_kept_unit

GRID = Grid.from_spacing((3, 3, 3), 2.0)
TUMOR = np.ones(GRID.shape, bool)


def adc(value: float, unit: str) -> Image:
    return Image(np.full(GRID.shape, value), GRID, "ADC", unit)


@pytest.mark.parametrize(
    ("value", "unit"), [(1.2, ADC_UNIT), (1.2e-3, "mm2/s"), (1200, "1e-6 mm2/s"), (1.2e-3, "mm²/s")]
)
def test_every_unit_of_adc_becomes_the_kept_one(value, unit):
    kept = to_kept_unit(adc(value, unit), where="here")
    assert kept.unit == ADC_UNIT
    np.testing.assert_allclose(kept.data, 1.2, rtol=1e-6)


@pytest.mark.parametrize(
    ("value", "claimed", "likely"),
    [
        (1200, ADC_UNIT, "1e-6 mm2/s"),
        (1200, "mm2/s", "1e-6 mm2/s"),
        (1.2e-3, ADC_UNIT, "mm2/s"),
        (1.2, "1e-6 mm2/s", ADC_UNIT),
    ],
)
def test_a_wrong_unit_of_adc_names_the_likely_one(value, claimed, likely):
    image = to_kept_unit(adc(value, claimed), where="here")
    with pytest.raises(TwinError, match=f'here: implausible ADC.*look like unit "{likely}"'):
        check_plausible(image, TUMOR, given_unit=claimed, where="here")


def test_without_a_tumor_nothing_is_judged():
    check_plausible(adc(900.0, ADC_UNIT), ~TUMOR, given_unit=ADC_UNIT, where="here")


def test_a_cell_count_is_no_cell_fraction():
    image = Image(np.full(GRID.shape, 5e5), GRID, "CELL_FRACTION", "1")
    with pytest.raises(TwinError, match="median between 0 and 1, got 5e"):
        check_plausible(image, TUMOR, given_unit="1", where="here")

"""Intensities follow their formulas and refuse what they are not made for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.errors import TwinError
from twin.grid import Grid
from twin.imaging import Image
from twin.imaging.intensity import (
    F18_HALF_LIFE_MINUTES,
    WINDOWS,
    Window,
    foreground,
    relative_to_tissue,
    standardized,
    to_suv,
    windowed,
)

GRID = Grid.from_spacing((12, 10, 8), 2.0)
RNG = np.random.default_rng(5)
NOISE = RNG.uniform(50.0, 150.0, GRID.shape)
BODY = np.zeros(GRID.shape, dtype=bool)
BODY[2:10, 2:8, 1:7] = True
GIVEN = {"weight_kg": 70.0, "injected_dose_mbq": 350.0, "minutes_since_injection": 60.0}


def image(values: np.ndarray, modality: str = "T1", unit: str = "a.u.") -> Image:
    return Image(values, GRID, modality, unit)


def mask(region: np.ndarray) -> Image:
    return Image(region, GRID, "MASK", "1")


def constant(value: float, modality: str, unit: str) -> Image:
    return image(np.full(GRID.shape, value), modality, unit)


def test_an_even_spread_of_the_decayed_dose_in_the_body_is_an_suv_of_one():
    # 350 MBq halved once in 70 kg = 70,000 mL: 2,500 Bq/mL everywhere.
    given_after = GIVEN | {"minutes_since_injection": F18_HALF_LIFE_MINUTES}
    suv = to_suv(constant(2500.0, "PET", "Bq/mL"), **given_after)
    assert suv.unit == "SUV"
    np.testing.assert_allclose(suv.data, 1.0, rtol=1e-6)


def test_suv_by_hand():
    # 10 kBq/mL, 80 kg, 400 MBq, 110 min of a half-life of 110 min: 10e3 * 80e3 / 200e6.
    suv = to_suv(
        constant(10.0, "PET", "kBq/mL"),
        weight_kg=80.0,
        injected_dose_mbq=400.0,
        minutes_since_injection=110.0,
        half_life_minutes=110.0,
    )
    np.testing.assert_allclose(suv.data, 4.0, rtol=1e-6)


@given(minutes=st.floats(0.0, 300.0))
def test_waiting_and_decay_cancel(minutes):
    start = to_suv(constant(5e3, "PET", "Bq/mL"), **(GIVEN | {"minutes_since_injection": 0.0}))
    left = 5e3 * 2.0 ** (-minutes / F18_HALF_LIFE_MINUTES)
    later = to_suv(constant(left, "PET", "Bq/mL"), **(GIVEN | {"minutes_since_injection": minutes}))
    np.testing.assert_allclose(later.data, start.data, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("weight_kg", 70_000.0),
        ("weight_kg", 0.0),
        ("injected_dose_mbq", 3.5e8),
        ("injected_dose_mbq", -350.0),
        ("minutes_since_injection", -1.0),
        ("minutes_since_injection", 3600.0 * 24),
        ("half_life_minutes", 0.0),
        ("weight_kg", float("nan")),
    ],
)
def test_numbers_that_no_patient_has_are_refused(name, value):
    with pytest.raises(TwinError, match=f"^{name}: implausible number"):
        to_suv(constant(5e3, "PET", "Bq/mL"), **(GIVEN | {name: value}))


def test_what_is_no_activity_is_refused():
    with pytest.raises(TwinError, match="not a PET image of activity .*It is in SUV already"):
        to_suv(constant(3.0, "PET", "SUV"), **GIVEN)
    with pytest.raises(TwinError, match="got CT in HU"):
        to_suv(constant(3.0, "CT", "HU"), **GIVEN)


def test_foreground_is_the_body_with_its_dark_parts():
    values = np.where(BODY, NOISE + 300.0, RNG.uniform(0.0, 20.0, GRID.shape))
    values[5, 5, 4] = 0.0
    values[0, 0, 0] = 600.0
    np.testing.assert_array_equal(foreground(image(values)).data > 0.5, BODY)
    with pytest.raises(TwinError, match="one value only"):
        foreground(constant(1.0, "T1", "a.u."))


@given(gain=st.floats(0.1, 50.0), offset=st.floats(0.0, 500.0))
def test_standardized_values_forget_the_scanner(gain, offset):
    plain = standardized(image(NOISE), mask(BODY))
    assert plain.data[BODY].mean() == pytest.approx(0.0, abs=1e-5)
    assert plain.data[BODY].std() == pytest.approx(1.0, abs=1e-5)
    other = standardized(image(NOISE * gain + offset), mask(BODY))
    np.testing.assert_allclose(other.data, plain.data, atol=2e-2)


def test_without_a_reference_the_foreground_is_taken():
    values = image(np.where(BODY, NOISE + 300.0, 1.0))
    np.testing.assert_array_equal(
        standardized(values).data, standardized(values, foreground(values)).data
    )


def test_a_reference_tissue_is_at_one():
    tissue = np.zeros(GRID.shape)
    tissue[3:6, 3:6, 3:6] = 1
    relative = relative_to_tissue(image(NOISE), mask(tissue))
    assert np.median(relative.data[tissue > 0]) == pytest.approx(1.0)
    np.testing.assert_allclose(relative.data / relative.data[0, 0, 0], NOISE / NOISE[0, 0, 0], 1e-5)


def test_references_that_cannot_serve_are_refused():
    wider = Image(np.ones((13, 10, 8)), Grid.from_spacing((13, 10, 8), 2.0), "MASK", "1")
    for normalize in (standardized, relative_to_tissue):
        with pytest.raises(TwinError, match="reference mask is empty"):
            normalize(image(NOISE), mask(np.zeros(GRID.shape)))
        with pytest.raises(TwinError, match="different grids"):
            normalize(image(NOISE), wider)
        with pytest.raises(TwinError, match="not for the modality .*got CT"):
            normalize(image(NOISE, "CT", "HU"), mask(BODY))
        with pytest.raises(TwinError, match="unknown unit of T1"):
            normalize(image(NOISE, "T1", "HU"), mask(BODY))
    with pytest.raises(TwinError, match="do not vary"):
        standardized(constant(7.0, "T1", "a.u."), mask(BODY))
    with pytest.raises(TwinError, match="no signal"):
        relative_to_tissue(constant(0.0, "T1", "a.u."), mask(BODY))


@pytest.mark.parametrize("name", WINDOWS)
def test_a_window_maps_its_ends_to_zero_and_one_and_clips_beyond(name):
    window = WINDOWS[name]
    low, high = window.level_hu - window.width_hu / 2, window.level_hu + window.width_hu / 2
    values = np.linspace(low - window.width_hu, high + window.width_hu, NOISE.size)
    shown = windowed(image(values.reshape(GRID.shape), "CT", "HU"), name).data.ravel()
    expected = np.interp(values, [low, high], [0.0, 1.0])
    np.testing.assert_allclose(shown, expected, atol=1e-5)


def test_windows_that_show_nothing_or_are_unknown_are_refused():
    ct = image(NOISE, "CT", "HU")
    with pytest.raises(TwinError, match="the window shows nothing .*got 50"):
        windowed(ct, Window(-800.0, 100.0))
    with pytest.raises(TwinError, match='unknown window .*Did you mean "lung"'):
        windowed(ct, "lungs")
    with pytest.raises(TwinError, match="not a window"):
        Window(40.0, 0.0)
    with pytest.raises(TwinError, match="not for the modality"):
        windowed(image(NOISE), "lung")
    with pytest.raises(TwinError, match="unknown unit of CT"):
        windowed(image(NOISE, "CT", "a.u."), "lung")

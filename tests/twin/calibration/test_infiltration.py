"""Infiltration length from one scan, on tumors that the reference solver grew to a wave."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import twin
from tests.twin.calibration.cases import adc_patient
from twin.calibration import Infiltration, infiltration
from twin.calibration.infiltration import LEVELS, wave_depth
from twin.errors import TwinError
from twin.front import GROWTH
from twin.parameters import LogUniform
from twin.patient import Patient
from twin.treatments.schedule import Schedule
from twin.virtual_patient import procedural_patient, with_noise

GROWN = {3.0: (0.27, 0.03, 3.0), 4.0: (0.5, 0.03125, 4.0)}
"""By length, mm: diffusivity, proliferation rate, voxel."""
THRESHOLDS = {"enhancing": (0.5, 0.85), "flair": (0.05, 0.5)}


@cache
def grown(length_mm: float) -> tuple[Patient, np.ndarray]:
    """A patient with one scan after 150 days, and the cell fraction that it shows."""
    spread, growth, voxel_mm = GROWN[length_mm]
    patient, truth = procedural_patient(
        (32, 32, 30),
        voxel_mm,
        {"diffusivity": spread, "proliferation_rate": growth},
        Schedule(),
        (0.0, 150.0),
        tumor_sd_mm=6.0,
        site="glioma",
        refinement=1,
        relative_tolerance=1e-4,
    )
    last = replace(patient.visits[-1], time_days=0.0, masks={})
    return replace(patient, visits=(last,)), truth.seen[-1]


def outlined(length_mm: float, enhancing: float, flair: float) -> Patient:
    """The same with outlines alone."""
    patient, seen = grown(length_mm)
    masks = {"enhancing": seen > enhancing, "flair": seen > flair}
    return replace(patient, visits=(replace(patient.visits[0], images={}, masks=masks),))


def test_the_tail_of_the_wave_falls_as_a_line_times_an_exponential():
    low = np.array([1e-3, 1e-4, 1e-5, 1e-6])
    scaled = low * np.exp(wave_depth(low) - wave_depth(low[:1]))
    slopes = np.diff(scaled) / np.diff(wave_depth(low))
    np.testing.assert_allclose(slopes, slopes[-1], rtol=0.02)
    assert slopes[-1] > 0.0
    high = 1.0 - np.array([1e-3, 1e-4])
    assert np.diff(wave_depth(high))[0] == pytest.approx(
        -np.log(10.0) / (np.sqrt(2.0) - 1.0), rel=0.01
    )


@pytest.mark.parametrize("length_mm", GROWN)
@pytest.mark.parametrize("noise_sd", [0.0, 0.05])
def test_a_density_image_tells_the_length(length_mm: float, noise_sd: float):
    found = infiltration(with_noise(grown(length_mm)[0], noise_sd=noise_sd, seed=1))
    low, high = found.interval()
    error = found.median_mm / length_mm - 1.0
    print(f"{length_mm:g} mm: {found.median_mm:.2f} ({low:.2f} to {high:.2f}), {error:+.0%}")
    assert low <= length_mm <= high and abs(error) < 0.15
    assert found.contraction > 0.8
    assert (found.inner, found.outer) == tuple(f"cell fraction {level:g}" for level in LEVELS)


@pytest.mark.parametrize("length_mm", GROWN)
def test_two_outlines_at_unknown_thresholds_cover_the_length(length_mm: float):
    random = np.random.default_rng(3)
    covered, errors = [], []
    for _ in range(20):
        # A tumor whose cell fraction never reaches the upper threshold has no such outline.
        highest = 0.95 * grown(length_mm)[1].max()
        upper = random.uniform(0.5, min(0.85, highest))
        found = infiltration(outlined(length_mm, upper, random.uniform(*THRESHOLDS["flair"])))
        low, high = found.interval()
        covered.append(low <= length_mm <= high)
        errors.append(abs(np.log(found.median_mm / length_mm)))
    print(f"{length_mm:g} mm: {np.mean(covered):.0%} covered, median error {np.median(errors):.0%}")
    assert np.mean(covered) >= 0.8 and np.median(errors) < 0.5


def test_the_summary_prints_no_value_of_what_one_scan_cannot_tell():
    found = infiltration(outlined(3.0, 0.65, 0.2))
    assert isinstance(found, Infiltration) and found.determined_length
    rows = {row["name"]: row for row in found.summary()}
    length = rows.pop("front_length")
    assert length["low"] < length["point"] < length["high"] and length["determined"]
    assert set(rows) == {"front_speed", *GROWTH}
    for row in rows.values():
        assert row["point"] is None and row["low"] is None and row["high"] is None
        assert row["determined"] is False and row["prior_low"] < row["prior_high"]
    (warning,) = found.diagnostics["warnings"]
    assert "proliferation rate, speed and time to progression cannot be known" in warning


def test_the_same_seed_gives_the_same_draws_and_a_wider_gap_a_longer_length():
    near, far = outlined(4.0, 0.65, 0.35), outlined(4.0, 0.65, 0.1)
    np.testing.assert_array_equal(infiltration(near).length_mm, infiltration(near).length_mm)
    assert infiltration(far).gap_mm > infiltration(near).gap_mm + 3.0
    assert infiltration(far).median_mm > infiltration(near).median_mm


def test_an_adc_map_is_compared_with_the_outline_around_it():
    found = twin.infiltration(adc_patient())
    assert (found.inner, found.outer) == ("cell fraction 0.6", "gtv")


def test_one_outline_alone_is_refused_with_what_is_missing():
    patient = outlined(3.0, 0.65, 0.2)
    visit = patient.visits[0]
    alone = replace(patient, visits=(replace(visit, masks={"flair": visit.masks["flair"]}),))
    with pytest.raises(TwinError, match="outlines at two visibility thresholds .*got flair") as e:
        infiltration(alone)
    assert "Add the second outline" in str(e.value)


def test_surfaces_that_cross_or_coincide_are_refused():
    patient = outlined(3.0, 0.65, 0.2)
    visit = patient.visits[0]
    inner, outer = visit.masks["enhancing"], visit.masks["flair"]
    for other in (np.roll(outer, 8, axis=0), inner):
        masks = {"enhancing": inner, "flair": other}
        with pytest.raises(TwinError, match="not one inside the other"):
            infiltration(replace(patient, visits=(replace(visit, masks=masks),)))


def test_a_gap_that_no_length_of_the_prior_gives_is_refused():
    patient = outlined(3.0, 0.65, 0.2)
    visit = patient.visits[0]
    masks = {"enhancing": visit.masks["enhancing"], "flair": patient.tissue}
    priors = {
        "diffusivity": LogUniform(0.02, 0.03),
        "proliferation_rate": LogUniform(0.15, 0.19),
    }
    with pytest.raises(TwinError, match="no infiltration length of the prior explains"):
        infiltration(replace(patient, visits=(replace(visit, masks=masks),)), priors=priors)

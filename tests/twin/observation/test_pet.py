"""PET shows viable cells through the scanner's blur; FDG also what clears the dead ones."""

import numpy as np
import pytest

from tests.twin.observation.courses import (
    DOMAIN,
    FIVE_LARGE_FRACTIONS,
    GRID,
    course,
    numbers,
    single,
)
from tests.twin.tumors import blob, box
from twin.observation.blur import FWHM
from twin.observation.pet import Pet

PARAMS = numbers(
    {
        "fet_cells_per_signal": 0.8,
        "fet_background": 0.1,
        "fet_noise": 0.1,
        "fdg_cells_per_signal": 0.8,
        "fdg_background": 0.1,
        "fdg_noise": 0.1,
        "fdg_uptake_at_dead_cells": 0.7,
    }
)
WITHOUT_BACKGROUND = numbers({"fet_background": 0.0, "fdg_background": 0.0})


def test_without_blur_the_signal_is_the_cells_over_the_scale_and_a_background_in_tissue():
    state = single(blob(box(GRID)), 0.3 * blob(box(GRID)))
    found = DOMAIN.volume(Pet(DOMAIN, resolution_mm=0.0).predict(state, PARAMS))
    expected = 0.1 * box(GRID) + blob(box(GRID)) / 0.8
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_partial_volume_lowers_the_peak_of_a_small_lesion_by_the_formula():
    """A Gaussian lesion of width s blurred by r keeps s³ / (s² + r²)^1.5 of its peak."""
    state = single(0.8 * np.exp(-((3.0 * (np.indices(GRID) - 8.5)) ** 2).sum(0) / (2 * 6.0**2)))
    sharp, blurred = (
        DOMAIN.volume(Pet(DOMAIN, resolution_mm=r).predict(state, PARAMS | WITHOUT_BACKGROUND))
        for r in (0.0, 9.0)
    )
    spread = 9.0 / FWHM
    kept = (6.0**2 / (6.0**2 + spread**2)) ** 1.5
    # The middle voxels are half a voxel off the peak on each axis.
    off = 3 * 1.5**2 / 2
    shape = np.exp(-off / (6.0**2 + spread**2)) / np.exp(-off / 6.0**2)
    assert blurred[8, 8, 8] / sharp[8, 8, 8] == pytest.approx(kept * shape, rel=1e-3)
    assert blurred.sum() == pytest.approx(sharp.sum(), rel=0.01)


def test_after_radiotherapy_fdg_still_shows_what_an_amino_acid_no_longer_does():
    found, states = course([0.0, 20.0], FIVE_LARGE_FRACTIONS)
    fet, fdg = (
        np.asarray(Pet(DOMAIN, tracer).predict(states, PARAMS | WITHOUT_BACKGROUND)).max(axis=1)
        for tracer in ("fet", "fdg")
    )
    print(f"peak signal before and after: FET {fet.round(2)}, FDG {fdg.round(2)}")
    assert found.viable_ml[1] < 0.1 * found.viable_ml[0]
    assert fet[1] < 0.1 * fet[0] and fdg[1] > 0.3 * fdg[0]
    assert fet[0] == pytest.approx(fdg[0], rel=1e-5)


@pytest.mark.parametrize("tracer, count", [("fet", 3), ("fdg", 4)])
def test_parameters_are_those_that_the_prediction_asks_for(tracer, count):
    pet = Pet(DOMAIN, tracer)
    rows = {row.name: row for row in pet.parameters()}
    assert len(rows) == count and set(rows) <= set(PARAMS)
    assert rows[f"{tracer}_noise"].interval(0.9) == pytest.approx((0.0205, 0.219), rel=0.01)
    values = {name: row.prior.transform(0.0) for name, row in rows.items()}
    state = single(blob(box(GRID)))
    signal = pet.predict(state, values)
    assert np.isfinite(float(pet.log_prob(signal, signal, values)))

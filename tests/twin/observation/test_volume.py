"""Outlined volume as one number, and volumes from diameters."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.twin.observation.courses import DOMAIN, GRID, numbers, single
from tests.twin.tumors import blob, box
from twin.errors import TwinError
from twin.observation.volume import LEAST_ML, Volume, diameter_of_volume, volume_of_diameters

PARAMS = numbers({"visibility_threshold_flair": 0.2, "volume_noise": 0.2})
FLAIR = Volume(DOMAIN, "flair")


def test_no_cells_have_no_volume_and_full_tissue_has_its_own():
    assert float(FLAIR.predict(single(np.zeros(GRID)), PARAMS)) == pytest.approx(0.0, abs=1e-5)
    whole = float(FLAIR.predict(single(1.0 * box(GRID)), PARAMS))
    assert whole == pytest.approx(box(GRID).sum() * DOMAIN.voxel_ml, rel=1e-3)


def test_a_sharp_reader_counts_the_voxels_above_the_threshold():
    tumor = blob(box(GRID), 0.9, 3.0)
    sharp = Volume(DOMAIN, "flair", width=1e-4)
    expected = (tumor > 0.2).sum() * DOMAIN.voxel_ml
    assert float(sharp.predict(single(tumor), PARAMS)) == pytest.approx(expected, rel=1e-3)
    soft = float(FLAIR.predict(single(tumor), PARAMS))
    assert soft == pytest.approx(expected, rel=0.3)


def test_more_cells_are_no_less_volume():
    volumes = [float(FLAIR.predict(single(blob(box(GRID), p)), PARAMS)) for p in (0.1, 0.3, 0.6)]
    assert volumes[0] < volumes[1] < volumes[2]


def test_the_density_of_measured_volumes_integrates_to_one():
    predicted = jnp.asarray(3.0)
    grid = np.exp(np.linspace(np.log(1e-3), np.log(30.0), 400)) - 1e-3
    shifted = jax.vmap(lambda v: FLAIR.log_prob(predicted, v - LEAST_ML, PARAMS))
    density = np.exp(np.asarray(shifted(jnp.asarray(grid + 1e-3)), float))
    assert np.trapezoid(density, grid) == pytest.approx(1.0, abs=2e-3)


def test_a_reading_half_the_volume_is_as_likely_as_one_of_twice_it_but_for_the_scale():
    predicted = jnp.asarray(100.0)
    half, twice = (FLAIR.log_prob(predicted, jnp.asarray(v), PARAMS) for v in (50.0, 200.0))
    assert float(half - twice) == pytest.approx(math.log(200.0 / 50.0), rel=0.02)


def test_a_lesion_too_small_to_measure_has_a_finite_probability():
    nothing = FLAIR.log_prob(jnp.asarray(0.0), jnp.asarray(0.0), PARAMS)
    much = FLAIR.log_prob(jnp.asarray(0.0), jnp.asarray(5.0), PARAMS)
    assert np.isfinite(float(nothing)) and float(much) < float(nothing) - 100.0


@given(st.floats(0.0, 300.0), st.floats(0.0, 1.0))
def test_diameters_and_volumes_are_inverse_and_an_ellipsoid_is_below_its_ball(longest, ratio):
    ball = volume_of_diameters(longest)
    assert diameter_of_volume(ball) == pytest.approx(longest, rel=1e-9, abs=1e-9)
    flat = volume_of_diameters(longest, ratio * longest)
    assert flat == pytest.approx(ball * ratio**2, rel=1e-12, abs=1e-12)
    three = volume_of_diameters(longest, 0.5 * longest, ratio * longest)
    assert three == pytest.approx(0.5 * ratio * ball, rel=1e-12, abs=1e-12)


def test_recist_thresholds_as_volumes_of_balls():
    """+20 % of a diameter are +73 % of a volume, -30 % are -66 %."""
    first = volume_of_diameters(40.0)
    assert volume_of_diameters(48.0) / first == pytest.approx(1.728)
    assert volume_of_diameters(28.0) / first == pytest.approx(0.343)
    assert volume_of_diameters(10.0) == pytest.approx(0.5236, rel=1e-4)


@pytest.mark.parametrize("diameters", [(-1.0,), (10.0, 12.0), (math.nan,), (10.0, 5.0, -1.0)])
def test_diameters_that_cannot_be_are_refused(diameters):
    with pytest.raises(TwinError, match="diameters are not usable"):
        volume_of_diameters(*diameters)


def test_a_negative_volume_has_no_diameter():
    with pytest.raises(TwinError, match="volume is not usable.*-1"):
        diameter_of_volume(-1.0)

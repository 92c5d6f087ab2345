"""How many independent voxels a residual field holds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.calibration.noise import FLOOR, estimate_noise, independent_noise
from twin.errors import TwinError
from twin.grid import Grid
from twin.virtual_images import FWHM_PER_SD, smooth_noise

SHAPE = (48, 46, 44)
COUNT = int(np.prod(SHAPE))


def _white(visits: int, sd: float = 0.03, seed: int = 0) -> np.ndarray:
    return sd * np.random.default_rng(seed).standard_normal((visits, COUNT))


def _smooth(visits: int, fwhm_voxels: float, sd: float = 0.03, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    grid = Grid.from_spacing(SHAPE, 1.0)
    return sd * np.stack([smooth_noise(grid, fwhm_voxels, random).ravel() for _ in range(visits)])


def _integral(fwhm_voxels: float) -> float:
    """Integral of the autocorrelation of white noise smoothed by a Gaussian of deviation s.

    The autocorrelation is a Gaussian of deviation s sqrt(2): V = (4 pi s²)^(3/2) voxels.
    """
    return float((4.0 * np.pi * (fwhm_voxels / FWHM_PER_SD) ** 2) ** 1.5)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_white_noise_counts_every_voxel(seed: int):
    noise = estimate_noise(_white(4, 0.03, seed), np.ones((4, COUNT)), SHAPE)
    assert abs(noise.sd / 0.03 - 1.0) < 0.01
    assert 1.0 <= noise.correlated_voxels < 1.05
    assert noise.visit_correlation < 0.01
    assert noise.effective_count > 0.92 * 4 * COUNT
    assert abs(noise.noise_sd / 0.03 - 1.0) < 0.01 and noise.discrepancy_sd < 0.1 * 0.03


@pytest.mark.parametrize("fwhm", [3.0, 5.0, 7.0])
def test_smooth_noise_counts_as_the_integral_of_its_autocorrelation(fwhm: float):
    found = [
        estimate_noise(_smooth(4, fwhm, seed=seed), np.ones((4, COUNT)), SHAPE) for seed in range(6)
    ]
    assert abs(np.mean([n.sd for n in found]) / 0.03 - 1.0) < 0.05
    assert abs(np.mean([n.correlated_voxels for n in found]) / _integral(fwhm) - 1.0) < 0.25
    assert all(n.discrepancy_sd > n.noise_sd for n in found)


def test_what_smooth_noise_hides_is_claimed_as_it_is_and_not_as_if_voxels_were_independent():
    """A slowly varying shape is fitted to 100 draws; its amplitude must spread as claimed.

    With shape g the amplitude is g'r / g'g and its claimed deviation sqrt(variance / g'g), which is
    what Gauss-Newton uses. Independent voxels would claim a tenth at most.
    """
    fields = _smooth(100, 5.0)
    center = (np.array(SHAPE) - 1)[:, None, None, None] / 2
    shape = np.exp(-((np.indices(SHAPE) - center) ** 2).sum(axis=0) / (2.0 * 8.0**2)).ravel()
    total = (shape**2).sum()
    spread = (fields @ shape / total).std()
    claims = [estimate_noise(f[None], np.ones((1, COUNT)), SHAPE) for f in fields[:20]]
    claimed = np.mean([np.sqrt(n.variance / total) for n in claims])
    assert abs(claimed / spread - 1.0) < 0.25
    assert spread > 10.0 * 0.03 / np.sqrt(total)


def test_smooth_noise_over_white_noise_shows_both_parts():
    found = [
        estimate_noise(
            _white(4, 0.03, s) + _smooth(4, 5.0, 0.03, s + 50), np.ones((4, COUNT)), SHAPE
        )
        for s in range(6)
    ]
    for noise in found:
        assert abs(noise.sd / (0.03 * np.sqrt(2.0)) - 1.0) < 0.05
        assert abs(noise.noise_sd**2 + noise.discrepancy_sd**2 - noise.sd**2) < 1e-12
    # Half of the variance is smooth: V is about half of what smooth noise alone has.
    voxels = np.mean([noise.correlated_voxels for noise in found])
    assert abs(voxels / (0.5 * _integral(5.0)) - 1.0) < 0.25


def test_residuals_that_repeat_at_every_visit_count_once():
    one = _white(1)
    once = estimate_noise(one, np.ones((1, COUNT)), SHAPE)
    thrice = estimate_noise(np.repeat(one, 3, axis=0), np.ones((3, COUNT)), SHAPE)
    assert abs(thrice.visit_correlation - 1.0) < 1e-9
    assert abs(thrice.effective_count / once.effective_count - 1.0) < 1e-6
    assert abs(thrice.variance / (3.0 * once.variance) - 1.0) < 1e-6


def test_opposite_residuals_do_not_count_more_than_independent_ones():
    one = _white(1)
    noise = estimate_noise(np.concatenate([one, -one]), np.ones((2, COUNT)), SHAPE)
    assert noise.visit_correlation == 0.0


@pytest.mark.parametrize("most", [1.0, 10.0, 500.0])
def test_pieces_of_information_are_capped(most: float):
    noise = estimate_noise(_white(2), np.ones((2, COUNT)), SHAPE, most)
    assert noise.effective_count <= 2 * most * (1.0 + 1e-9)
    assert noise.correlated_voxels == COUNT / most


def test_one_field_of_constant_misfit_is_one_piece_of_information():
    noise = estimate_noise(np.full((1, COUNT), 0.02), np.ones((1, COUNT)), SHAPE)
    assert abs(noise.correlated_voxels / COUNT - 1.0) < 0.01
    assert abs(noise.effective_count - 1.0) < 0.01


def test_voxels_and_visits_without_weight_do_not_matter():
    residual = _white(3)
    weight = np.zeros((3, COUNT))
    weight[:2].reshape(2, *SHAPE)[:, 8:40, 8:40, 8:40] = 1.0
    noise = estimate_noise(residual * weight, weight, SHAPE)
    assert abs(noise.sd / 0.03 - 1.0) < 0.02
    assert noise.correlated_voxels < 1.1
    assert noise.effective_count <= weight.sum()


def test_nothing_observed_means_no_noise_estimate():
    assert estimate_noise(_white(2), np.zeros((2, COUNT)), SHAPE) is None


def test_a_perfect_fit_is_not_believed_below_the_floor():
    noise = estimate_noise(np.zeros((2, COUNT)), np.ones((2, COUNT)), SHAPE)
    assert noise.sd == FLOOR and np.isfinite(noise.variance) and noise.variance >= FLOOR**2


@given(scale=st.floats(0.1, 10.0))
def test_scaling_residuals_scales_deviations_and_leaves_counts(scale: float):
    shape = (12, 12, 12)
    residual = 0.03 * np.random.default_rng(4).standard_normal((2, 12**3))
    weight = np.ones_like(residual)
    base = estimate_noise(residual, weight, shape)
    scaled = estimate_noise(scale * residual, weight, shape)
    assert abs(scaled.sd / (scale * base.sd) - 1.0) < 1e-6
    assert abs(scaled.effective_count / base.effective_count - 1.0) < 1e-3


def test_independent_noise_claims_every_voxel_of_every_visit():
    weight = np.zeros((3, COUNT))
    weight[1:, :100] = 1.0
    noise = independent_noise(0.04, weight)
    assert noise.variance == 0.04**2 and noise.effective_count == 200.0
    assert noise.voxels_per_visit == 100.0 and noise.correlated_voxels == 1.0


@pytest.mark.parametrize("sd", [0.0, -1.0, np.nan])
def test_independent_noise_without_a_deviation_is_refused(sd: float):
    with pytest.raises(TwinError, match="noise needs a positive standard deviation"):
        independent_noise(sd, np.ones((1, 8)))

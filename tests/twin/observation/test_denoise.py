"""Estimating the noise of a density image, and starting a simulation from it."""

import numpy as np
import pytest
from scipy import ndimage

from twin.observation.denoise import denoised, noise_left, pixel_noise, smooth

SHAPE = (36, 34, 32)
EVERYWHERE = np.ones(SHAPE, bool)


def _tumor(peak: float = 0.7, sd_voxels: float = 4.0) -> np.ndarray:
    """Gaussian tumor in the middle of otherwise empty tissue."""
    center = (np.array(SHAPE) - 1)[:, None, None, None] / 2
    squared = ((np.indices(SHAPE) - center) ** 2).sum(axis=0)
    return peak * np.exp(-squared / (2.0 * sd_voxels**2))


def _noise(sd: float, seed: int) -> np.ndarray:
    return sd * np.random.default_rng(seed).standard_normal(SHAPE)


@pytest.mark.parametrize("sd", [0.005, 0.025, 0.1])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_noise_on_a_tumor_is_estimated_within_a_tenth(sd: float, seed: int):
    assert abs(pixel_noise(_tumor() + _noise(sd, seed), EVERYWHERE) / sd - 1.0) < 0.1


def test_the_noise_is_estimated_within_a_region_alone():
    noisy = _tumor() + _noise(0.02, 3)
    region = np.zeros(SHAPE, bool)
    region[8:26, 8:26, 8:24] = True
    found = pixel_noise(np.where(region, noisy, 1e3), region)
    assert abs(found / 0.02 - 1.0) < 0.1


def test_a_quadratic_field_has_no_noise():
    """Third differences of a quadratic vanish."""
    i, j, k = np.indices(SHAPE)
    assert pixel_noise(1e-3 * (i**2 + 2.0 * j * k - 3.0 * k**2), EVERYWHERE) < 1e-12


def test_a_region_too_small_to_judge_counts_as_free_of_noise():
    region = np.zeros(SHAPE, bool)
    region[4:7, 4:7, 4:7] = True
    assert pixel_noise(_noise(0.1, 0), region) == 0.0


def test_a_clean_image_is_left_as_it_is():
    clean = _tumor()
    density, measured = denoised(clean, EVERYWHERE)
    assert np.array_equal(density, clean)
    assert np.array_equal(measured, EVERYWHERE)


def test_a_clean_image_is_empty_outside_its_region():
    clean = _tumor(sd_voxels=6.0)
    region = clean > 0.2
    density, measured = denoised(clean, region)
    assert np.array_equal(density, np.where(region, clean, 0.0))
    assert np.array_equal(measured, region)


def test_the_core_of_a_tumor_is_unbiased():
    """Within 1 %, over 20 draws, where the clean fraction is above ten deviations of the noise.

    The mean over the core and the draws has a standard error of 0.025 / sqrt(20 * 1500).
    """
    clean = _tumor()
    core = clean > 0.25
    error = np.mean(
        [
            (denoised(clean + _noise(0.025, s), EVERYWHERE)[0] - clean)[core].mean()
            for s in range(20)
        ]
    )
    assert abs(error) < 0.01 * clean[core].mean()


def test_the_core_keeps_its_voxels_and_is_not_smoothed():
    """Smoothing beforehand would pass for diffusion: the peak must stay."""
    clean = _tumor(sd_voxels=2.0)
    peak = np.unravel_index(np.argmax(clean), SHAPE)
    kept = np.mean([denoised(clean + _noise(0.02, s), EVERYWHERE)[0][peak] for s in range(20)])
    smoothed = ndimage.gaussian_filter(clean, 1.0)[peak]
    assert smoothed < 0.8 * clean[peak]
    assert abs(kept / clean[peak] - 1.0) < 0.03


def test_white_noise_seeds_no_tumor_in_empty_tissue():
    """One-sided, four deviations are exceeded by 3.2e-5 of the voxels; neighbors go together.

    Over 40 draws that is 50 voxels in some 12 clumps. Clipping instead would leave a mean of 0.4
    deviations in every voxel.
    """
    count = cells = clipped = 0.0
    for seed in range(40):
        noise = _noise(0.03, seed)
        density, measured = denoised(noise, EVERYWHERE)
        count += measured.sum()
        cells += density[measured].sum()
        clipped += np.maximum(noise, 0.0).sum()
    assert count / (40 * noise.size) < 8e-5
    assert cells < 1e-4 * clipped


def test_the_noise_left_is_known_at_the_border_of_the_tissue_too():
    """A face averages half of the voxels: sqrt(2) times the deviation of the inside."""
    region = np.zeros(SHAPE, bool)
    region[3:-3, 3:-3, 3:-3] = True
    smoothed = np.stack([smooth(_noise(1.0, s), region) for s in range(100)])
    ratio = smoothed.std(axis=0) / noise_left(region)
    for place in (np.s_[15:20, 15:20, 15:20], np.s_[3, 10:25, 10:25], np.s_[3, 3, 8:26]):
        assert abs(np.sqrt((ratio[place] ** 2).mean()) - 1.0) < 0.06
    inside = noise_left(region)[18, 17, 16]
    assert abs(inside / (2.0 * np.sqrt(np.pi)) ** -1.5 - 1.0) < 1e-3


def test_the_burden_survives_denoising():
    """What is measured holds 97 to 101 % of the cells: the rim below the noise is cut off."""
    clean = _tumor()
    shares = []
    for seed in range(10):
        density, measured = denoised(clean + _noise(0.025, seed), EVERYWHERE)
        shares.append(density[measured].sum() / clean.sum())
    assert 0.97 < np.mean(shares) < 1.01


def test_a_density_is_never_negative():
    density, _ = denoised(_tumor() + _noise(0.1, 0), EVERYWHERE)
    assert density.min() >= 0.0

"""Noise of density images, and an initial state that noise cannot seed with tumor."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

CLEAN = 1e-3
"""Noise below this standard deviation (cell fraction) is left alone."""


def pixel_noise(field: np.ndarray, region: np.ndarray) -> float:
    """Standard deviation of voxel-independent noise within a region, from third differences.

    Third differences of a smooth field vanish; those of white noise have variance 20 sd².
    """
    values = []
    for axis in range(3):
        if field.shape[axis] > 3:
            inside = np.lib.stride_tricks.sliding_window_view(region, 4, axis=axis).all(axis=-1)
            values.append(np.diff(field, 3, axis=axis)[inside])
    differences = np.concatenate(values) if values else np.zeros(0)
    if differences.size < 20:
        return 0.0
    return float(1.4826 * np.median(np.abs(differences)) / np.sqrt(20.0))


def smooth(field: np.ndarray, region: np.ndarray, sigma_voxels: float = 1.0) -> np.ndarray:
    """Gaussian smoothing within a region; what lies outside has no weight."""
    weight = _blurred(region.astype(float), sigma_voxels)
    total = _blurred(np.where(region, field, 0.0), sigma_voxels)
    return np.where(region, total / np.maximum(weight, 1e-12), 0.0)


def noise_left(region: np.ndarray, sigma_voxels: float = 1.0) -> np.ndarray:
    """Share of the deviation of white noise that `smooth` leaves, (x, y, z).

    sqrt(sum g²) / sum g with the Gaussian weights g within the region: (2 sqrt(π) sigma)^(-3/2)
    inside, more at a border, where fewer voxels are averaged.
    """
    inside = region.astype(float)
    weight = np.maximum(_blurred(inside, sigma_voxels), 1e-12)
    squares = _blurred(inside, sigma_voxels / np.sqrt(2.0))
    return np.sqrt(squares) / weight / (2.0 * np.sqrt(np.pi) * sigma_voxels) ** 1.5


def denoised(field: np.ndarray, region: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A density for a simulation to start from, and where it stands out of the noise.

    Noise inside a tumor does no harm, since diffusion smooths it within days, while smoothing it
    beforehand would pass for diffusion. Around zero it must be kept out: it may neither seed tumor
    all over the tissue nor be clipped, since its mean would then be positive and grow. So voxels
    far above the noise keep their value, weak ones take the mean of their surroundings, and where
    that mean is below four deviations of what noise is left in it, or only in specks apart from any
    lesion above it, nothing was measured.

    Args:
        field: (x, y, z) cell fraction.
        region: where the image shows it.

    Returns:
        The density, at least 0, and the measured region.
    """
    sd = pixel_noise(field, region)
    if sd < CLEAN:
        return np.where(region, np.maximum(field, 0.0), 0.0), region
    mean = smooth(field, region)
    share = mean**2 / (mean**2 + (4.0 * sd) ** 2)
    left = sd * noise_left(region)
    density = np.where(region, share * field + (1.0 - share) * mean, 0.0)
    return np.maximum(density, 0.0), _lesions(region & (mean > 4.0 * left), mean)


def _lesions(measured: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Connected parts of a measured region that reach a third of the highest density.

    Noise that neighbors share can stand out of the noise of single voxels: its specks are no tumor.
    """
    parts, count = ndimage.label(measured, structure=np.ones((3, 3, 3)))  # type: ignore[misc]
    if count == 0:
        return measured
    peaks = ndimage.maximum(mean, parts, index=np.arange(1, count + 1))
    kept = 1 + np.flatnonzero(np.asarray(peaks) >= np.max(peaks) / 3.0)
    return np.isin(parts, kept)


def _blurred(field: np.ndarray, sigma_voxels: float) -> np.ndarray:
    return ndimage.gaussian_filter(field, sigma_voxels, truncate=4.0, mode="constant")

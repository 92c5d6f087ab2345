"""Diversity: how alike two patients of a cohort look, by multi-scale structural similarity in 3-D.

    MS-SSIM = Π_s cs_s^w · l_S^w,  cs = (2σ_xy + c₂)/(σ_x² + σ_y² + c₂),  l = (2μ_xμ_y + c₁)/(...)

Wang, Simoncelli and Bovik 2003, https://doi.org/10.1109/ACSSC.2003.1292216. A generator that
repeats itself has pairs more alike than real ones are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import ndimage

from generative.metrics.figure import Figure, interval, resamples

_WIDTH = 1.0
_SMALLEST = 8


@dataclass(frozen=True)
class Diversity:
    """Mean similarity of pairs within synthetic and within real patients, and the difference."""

    synthetic: Figure
    real: Figure
    difference: Figure


def diversity(
    real: Float[np.ndarray, "n x y z"],
    synthetic: Float[np.ndarray, "m x y z"],
    *,
    pairs: int = 60,
    draws: int = 400,
    seed: int = 0,
) -> Diversity:
    """Similarity of pairs of patients, no patient in two pairs; first scans.

    Args:
        real, synthetic: images.
        pairs: at most so many of each.
        draws: of the bootstrap over pairs.
        seed: of pairs and draws.
    """
    random = np.random.default_rng(seed)
    low, high = np.quantile(real, (0.005, 0.995))
    values = []
    for images in (synthetic, real):
        order = random.permutation(len(images))[: 2 * min(pairs, len(images) // 2)]
        scaled = np.clip((images[order] - low) / max(float(high - low), 1e-12), 0.0, 1.0)
        values.append(ms_ssim(scaled[::2], scaled[1::2]))
    drawn = [v[resamples(len(v), draws=draws, random=random)].mean(axis=1) for v in values]
    means = [float(v.mean()) for v in values]
    return Diversity(
        interval(means[0], drawn[0]),
        interval(means[1], drawn[1]),
        interval(means[0] - means[1], drawn[0] - drawn[1]),
    )


def ms_ssim(
    one: Float[np.ndarray, "n x y z"], other: Float[np.ndarray, "n x y z"]
) -> Float[np.ndarray, " n"]:
    """Similarity of the volumes of each pair, 0 to 1, of intensities from 0 to 1."""
    c1, c2 = 0.01**2, 0.03**2
    one, other = one.astype(np.float64), other.astype(np.float64)
    found = []
    while True:
        mean = _blur(one), _blur(other)
        variances = _blur(one**2) - mean[0] ** 2 + _blur(other**2) - mean[1] ** 2
        covariance = _blur(one * other) - mean[0] * mean[1]
        structure = (2.0 * covariance + c2) / (np.maximum(variances, 0.0) + c2)
        found.append(np.maximum(structure.mean(axis=(1, 2, 3)), 0.0))
        if min(one.shape[1:]) < 2 * _SMALLEST:
            light = (2.0 * mean[0] * mean[1] + c1) / (mean[0] ** 2 + mean[1] ** 2 + c1)
            found.append(light.mean(axis=(1, 2, 3)))
            break
        one, other = _halved(one), _halved(other)
    return np.prod(np.array(found) ** (1.0 / (len(found) - 1)), axis=0)


def _blur(volumes: np.ndarray) -> np.ndarray:
    return ndimage.gaussian_filter(volumes, (0.0, _WIDTH, _WIDTH, _WIDTH), truncate=3.0)


def _halved(volumes: np.ndarray) -> np.ndarray:
    x, y, z = (n // 2 for n in volumes.shape[1:])
    even = volumes[:, : 2 * x, : 2 * y, : 2 * z]
    return even.reshape(len(volumes), x, 2, y, 2, z, 2).mean(axis=(2, 4, 6))

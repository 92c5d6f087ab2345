"""Radial power spectra: is the noise and the sharpness of synthetic scans that of real ones?"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from generative.metrics.figure import Figure, interval, resamples


def spectrum_distance(
    real: Float[np.ndarray, "n s"],
    synthetic: Float[np.ndarray, "m s"],
    *,
    draws: int = 400,
    seed: int = 0,
) -> Figure:
    """Root mean square distance of mean radial log spectra, natural logarithms of power.

    Args:
        real, synthetic: spectra of patients, see `radial_spectra`.
        draws: of the bootstrap over patients.
        seed: of the draws.
    """
    random = np.random.default_rng(seed)
    value = real.mean(axis=0) - synthetic.mean(axis=0)
    drawn = np.array(
        [
            real[rows].mean(axis=0) - synthetic[others].mean(axis=0)
            for rows, others in zip(
                resamples(len(real), draws=draws, random=random),
                resamples(len(synthetic), draws=draws, random=random),
                strict=True,
            )
        ]
    )
    squares = (drawn**2).mean(axis=1)
    # Drawing patients adds its own variance to a square: it is taken off again.
    squares = np.maximum(squares - (squares.mean() - (value**2).mean()), 0.0)
    return interval(float(np.sqrt((value**2).mean())), np.sqrt(squares))


def radial_spectra(images: Float[np.ndarray, "n t x y z"]) -> Float[np.ndarray, "n s"]:
    """Log of the mean power in shells of spatial frequency, for each scan of each patient."""
    shape = images.shape[2:]
    frequencies = np.meshgrid(*(np.fft.fftfreq(n) for n in shape), indexing="ij")
    radius = np.sqrt(sum(f**2 for f in frequencies))
    shells = min(shape) // 2
    place = np.minimum((radius * 2.0 * shells).astype(int), shells).ravel()
    counts = np.bincount(place, minlength=shells + 1)[:shells]
    found = np.empty((*images.shape[:2], shells))
    for patient, scans in enumerate(images):
        power = np.abs(np.fft.fftn(scans, axes=(1, 2, 3))) ** 2 / float(np.prod(shape))
        for scan, one in enumerate(power):
            sums = np.bincount(place, one.ravel(), shells + 1)[:shells]
            found[patient, scan] = np.log(sums / counts + 1e-6)
    return found.reshape(len(images), -1)

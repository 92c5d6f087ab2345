"""What a scanner makes of a clean image: blur, gain, bias field, noise; each site has its own.

Every strength is drawn per scan from the range of the world's scanner, so that a generator meets
the variety of a hospital. Noise is relative to the contrast of tumor to surrounding tissue.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import ndimage

from twin.grid import Grid
from twin.virtual_images import FWHM_PER_SD, smooth_noise

Range = tuple[float, float]


@dataclass(frozen=True)
class Scanner:
    """Ranges that the properties of each scan are drawn from, uniformly.

    Attributes:
        blur_fwhm_mm: width of the point spread.
        noise: standard deviation of the noise, relative to the contrast of the tumor.
        noise_fwhm_mm: correlation width of the noise.
        bias: standard deviation of the logarithm of a smooth multiplicative field (MR coils).
        gain_sd: standard deviation of the logarithm of the calibration error.
    """

    blur_fwhm_mm: Range
    noise: Range
    noise_fwhm_mm: float
    bias: Range
    gain_sd: float

    def scan(
        self,
        clean: Float[np.ndarray, "x y z"],
        grid: Grid,
        *,
        contrast: float,
        random: np.random.Generator,
    ) -> Float[np.ndarray, "x y z"]:
        """One scan of a clean image, in its unit; `contrast` is tumor above surroundings."""
        blur_mm = random.uniform(*self.blur_fwhm_mm)
        seen = ndimage.gaussian_filter(
            clean, blur_mm / FWHM_PER_SD / grid.spacing_mm, mode="nearest"
        )
        extent_mm = float(np.min(np.array(grid.shape) * grid.spacing_mm))
        bias = random.uniform(*self.bias)
        if bias > 0.0:
            seen = seen * np.exp(bias * smooth_noise(grid, 0.6 * extent_mm, random))
        seen = seen * np.exp(self.gain_sd * random.standard_normal())
        strength = contrast * random.uniform(*self.noise)
        return seen + strength * smooth_noise(grid, self.noise_fwhm_mm, random)

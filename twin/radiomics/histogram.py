"""Gray levels and their histogram.

Zwanenburg et al., Radiology 2020, doi 10.1148/radiol.2020191145, sections 2.7 and 3.4 of the
reference manual.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from twin.errors import TwinError
from twin.radiomics.finite import entropy

HIGHEST_LEVEL = 1024
"""More gray levels than this are refused: matrices grow with the square of their number."""


@dataclass(frozen=True)
class FixedBinCount:
    """Gray levels 1 to `bins` of equal width between a region's smallest and largest intensity.

    Args:
        bins: number of gray levels.
    """

    bins: int = 64

    def __post_init__(self) -> None:
        if self.bins < 2:
            raise TwinError("gray levels", where="bins", expected="2 or more", got=str(self.bins))

    def levels(self, values: Float[np.ndarray, "voxels"]) -> Int[np.ndarray, "voxels"]:
        """Gray level of each voxel, from 1 on."""
        values = values.astype(np.float64)
        low, high = values.min(), values.max()
        width = high - low if high > low else 1.0
        level = np.floor(self.bins * (values - low) / width).astype(np.int32) + 1
        return np.minimum(level, self.bins)


@dataclass(frozen=True)
class FixedBinWidth:
    """Gray levels of a given width, the first from a given intensity on.

    Args:
        width: width of a level, in the image's unit.
        low: where level 1 begins; intensities below it count as level 1.
    """

    width: float
    low: float = 0.0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.width) and self.width > 0 and np.isfinite(self.low)):
            raise TwinError(
                "gray levels",
                where="width, low",
                expected="a positive width and a finite beginning",
                got=f"{self.width}, {self.low}",
            )

    def levels(self, values: Float[np.ndarray, "voxels"]) -> Int[np.ndarray, "voxels"]:
        """Gray level of each voxel, from 1 on.

        Raises:
            TwinError: if there would be more than `HIGHEST_LEVEL` of them.
        """
        level = np.floor((values.astype(np.float64) - self.low) / self.width) + 1
        if level.max() > HIGHEST_LEVEL:
            raise TwinError(
                "too many gray levels",
                where="width",
                expected=f"at most {HIGHEST_LEVEL} levels",
                got=f"{level.max():.0f}",
                fix="Choose a greater width, or limit the range of intensities",
            )
        return np.maximum(level, 1).astype(np.int32)


Bins = FixedBinCount | FixedBinWidth


def histogram_features(
    counts: Float[Array, "levels"], mean: Float[Array, ""]
) -> dict[str, Float[Array, ""]]:
    """Features of the histogram itself; gradients are taken over levels 1 to the last that occurs.

    Args:
        counts: number of voxels of each gray level from 1 on.
        mean: mean gray level; of levels equally frequent, the mode is the one nearest to it.
    """
    p = counts / counts.sum()
    level = jnp.arange(1, len(counts) + 1, dtype=jnp.float32)
    last = jnp.where(counts > 0, level, 0.0).max()
    far = jnp.where(counts == counts.max(), jnp.abs(level - mean), jnp.inf)
    gradient = _gradient(counts, level, last)
    steepest = jnp.where(level <= last, gradient, -jnp.inf)
    shallowest = jnp.where(level <= last, gradient, jnp.inf)
    return {
        "mode": level[far.argmin()],
        "entropy": entropy(p),
        "uniformity": (p**2).sum(),
        "max_grad": steepest.max(),
        "max_grad_g": level[steepest.argmax()],
        "min_grad": shallowest.min(),
        "min_grad_g": level[shallowest.argmin()],
    }


def _gradient(counts: Array, level: Array, last: Array) -> Array:
    """Central differences of the histogram, one-sided at level 1 and at the last level."""
    before = jnp.append(counts[:1], counts[:-1])
    after = jnp.where(level >= last, counts, jnp.append(counts[1:], counts[-1:]))
    span = 2.0 - (level == 1) - (level == last)
    return jnp.where(span > 0, (after - before) / jnp.maximum(span, 1.0), 0.0)

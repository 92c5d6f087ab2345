"""One number of a tumor: its outlined volume as a reader measures it, and volumes from diameters.

    V = Σ_voxels (p − p₀) / (1 − p₀) · voxel,   p = probability to be drawn, p₀ = p without any cell
    ln(measured + V_min) = ln(V + V_min) + noise

Without p₀ the tails of p over all healthy tissue would add up to more than a small tumor. V_min
keeps a lesion too small to measure finite: the volume of a ball of 5 mm, what RECIST 1.1 enters for
one (Eisenhauer et al. 2009, doi 10.1016/j.ejca.2008.10.026).
"""

from __future__ import annotations

import math

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from twin.domain import Domain
from twin.errors import TwinError
from twin.models.model import Params
from twin.models.state import State
from twin.observation.edema import Edema, shown
from twin.observation.observation import gaussian_log_prob, in_deviations
from twin.observation.segmentation import (
    WIDTH,
    drawn_probability,
    threshold_parameter,
    visibility_threshold,
)
from twin.parameters import LogNormal, Parameter

LEAST_ML = math.pi / 6.0 * 0.5**3
"""Volume of a ball of 5 mm, mL."""


class Volume(eqx.Module):
    """Outlined volume as an observation (see `twin.observation.observation`).

    Attributes:
        domain: gives the volume of a voxel.
        label: mask label whose threshold holds; "" for the one of patients without outlines.
        edema: swelling that is measured with the cells; None for none.
        width: cell fraction over which an outline changes from unlikely to likely.
    """

    domain: Domain
    label: str = eqx.field(static=True, default="")
    edema: Edema | None = None
    width: float = eqx.field(static=True, default=WIDTH)

    def parameters(self) -> list[Parameter]:
        """Noise of the reader, the threshold, and the swelling's parameters."""
        noise = Parameter(
            "volume_noise",
            "1",
            LogNormal(0.15, 0.5),
            "standard deviation of the logarithm of a measured volume",
            "assumed: readers differ by 10 to 25 %",
            "assumed",
        )
        threshold = [threshold_parameter(self.label)] if self.label else []
        return [noise, *threshold, *(self.edema.parameters() if self.edema else [])]

    def predict(self, state: State, params: Params) -> Float[Array, "*t"]:
        """Volume in mL."""
        threshold = visibility_threshold(params, self.label)
        drawn = drawn_probability(shown(state, params, self.edema), threshold, self.width)
        empty = drawn_probability(jnp.zeros(()), threshold, self.width)
        return ((drawn - empty) / (1.0 - empty)).sum(axis=-1) * self.domain.voxel_ml

    def log_prob(self, predicted: Array, observed: Array, params: Params) -> Float[Array, ""]:
        """Density of measured volumes, mL."""
        known, found = jnp.log(predicted + LEAST_ML), jnp.log(observed + LEAST_ML)
        return gaussian_log_prob(known, found, params["volume_noise"]) - found.sum()

    def standardized(self, values: Array, params: Params) -> Float[Array, "*t"]:
        """Logarithms of volumes in standard deviations of the reader."""
        return in_deviations(jnp.log(values + LEAST_ML), params["volume_noise"])


def volume_of_diameters(
    longest_mm: float, short_mm: float | None = None, third_mm: float | None = None
) -> float:
    """Volume in mL of an ellipsoid π/6 a b c from the diameters that a reader drew.

    A missing third diameter is taken as the second, a missing second as the first: one diameter, as
    in RECIST, stands for a ball, and flatters or blames a lesion that is none.

    Raises:
        TwinError: a diameter that is negative or not finite, or a second longer than the longest.
    """
    second = longest_mm if short_mm is None else short_mm
    axes = np.array([longest_mm, second, second if third_mm is None else third_mm], float)
    if not np.isfinite(axes).all() or axes.min() < 0.0 or second > longest_mm:
        raise TwinError(
            "diameters are not usable",
            where="volume_of_diameters",
            expected="finite, not negative, the longest first, mm",
            got=", ".join(f"{axis:g}" for axis in axes),
        )
    return float(math.pi / 6.0 * axes.prod() / 1000.0)


def diameter_of_volume(volume_ml: float) -> float:
    """Diameter in mm of the ball of a volume.

    Raises:
        TwinError: a volume that is negative or not finite.
    """
    if not (math.isfinite(volume_ml) and volume_ml >= 0.0):
        raise TwinError(
            "volume is not usable",
            where="diameter_of_volume",
            expected="finite and not negative, mL",
            got=f"{volume_ml:g}",
        )
    return float(ball_diameters_mm(np.asarray(volume_ml)))


def ball_diameters_mm(volumes_ml: np.ndarray) -> np.ndarray:
    """(...) diameters in mm of the balls of (...) volumes, (6 V / π)^(1/3)."""
    return np.asarray(np.cbrt(6000.0 * np.asarray(volumes_ml, float) / math.pi))

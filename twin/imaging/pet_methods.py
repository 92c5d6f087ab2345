"""Ways to segment a lesion in PET, each a small object: thresholds, watershed, random walker.

`AdaptiveThreshold` is the one to use; the others are what it is measured against, in
docs/validation/pet-segmentation.md. A method gets the uptake and returns a mask of one region.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from twin.errors import TwinError
from twin.imaging.uptake import Uptake, contrast


class Method(Protocol):
    """Finds the lesion in an image."""

    def __call__(self, uptake: Uptake) -> np.ndarray:
        """(x, y, z) bool, one connected region."""
        ...


@dataclass(frozen=True)
class FixedThreshold:
    """SUV above a number.

    Attributes:
        suv: 2.5 is customary.
    """

    suv: float = 2.5

    def __post_init__(self) -> None:
        _check_within("suv", self.suv, 0.0, np.inf)

    def __call__(self, uptake: Uptake) -> np.ndarray:
        """The region above the threshold."""
        return uptake.lesion(uptake.suv > self.suv)


@dataclass(frozen=True)
class RelativeThreshold:
    """SUV above a fraction of the lesion's maximum; its region is first found by SUV 2.5.

    Attributes:
        fraction: 0.41 after Boellaard et al. 2015 (doi 10.1007/s00259-014-2961-x).
    """

    fraction: float = 0.41

    def __post_init__(self) -> None:
        _check_within("fraction", self.fraction, 0.0, 1.0)

    def __call__(self, uptake: Uptake) -> np.ndarray:
        """The region above the threshold."""
        lesion = FixedThreshold()(uptake)
        return uptake.lesion(uptake.suv > self.fraction * uptake.suv[lesion].max())


@dataclass(frozen=True)
class AdaptiveThreshold:
    """SUV above tissue^(1 − f) · peak^f, between tissue and peak of the lesion in logarithms.

    Attributes:
        fraction: f, how far the border lies from tissue (0) towards the peak (1).
        smoothing_mm: standard deviation of the Gaussian blur before.
        candidate_ratio: regions above this many times the tissue may be the lesion.
    """

    fraction: float = 0.6
    smoothing_mm: float = 3.0
    candidate_ratio: float = 3.0

    def __post_init__(self) -> None:
        _check_within("fraction", self.fraction, 0.0, 1.0)
        _check_contrast(self.smoothing_mm, self.candidate_ratio)

    def __call__(self, uptake: Uptake) -> np.ndarray:
        """The region above the threshold."""
        scaled = contrast(
            uptake, smoothing_mm=self.smoothing_mm, candidate_ratio=self.candidate_ratio
        )
        return uptake.lesion(scaled > self.fraction)


@dataclass(frozen=True)
class GradientWatershed:
    """The border runs along the steepest contrast between sure lesion and sure tissue.

    Attributes:
        inner: contrast above which a voxel is lesion for sure.
        outer: contrast below which it is not.
        smoothing_mm: standard deviation of the Gaussian blur before.
        candidate_ratio: regions above this many times the tissue may be the lesion.
    """

    inner: float = 0.8
    outer: float = 0.4
    smoothing_mm: float = 3.0
    candidate_ratio: float = 3.0

    def __post_init__(self) -> None:
        _check_bounds(self.inner, self.outer)
        _check_contrast(self.smoothing_mm, self.candidate_ratio)

    def __call__(self, uptake: Uptake) -> np.ndarray:
        """The basin of the sure lesion."""
        from skimage.segmentation import watershed

        scaled = contrast(
            uptake, smoothing_mm=self.smoothing_mm, candidate_ratio=self.candidate_ratio
        )
        slopes = np.gradient(scaled, *uptake.spacing_mm)
        steepness = np.sqrt(sum(slope**2 for slope in slopes))
        return uptake.lesion(watershed(steepness, _markers(scaled, self.inner, self.outer)) == 1)


@dataclass(frozen=True)
class RandomWalker:
    """Voxels from which a walker that shuns steps of contrast reaches sure lesion first.

    Grady 2006, doi 10.1109/TPAMI.2006.233.

    Attributes:
        inner: contrast above which a voxel is lesion for sure.
        outer: contrast below which it is not.
        stiffness: the larger, the more steps of contrast stop a walker.
        smoothing_mm: standard deviation of the Gaussian blur before.
        candidate_ratio: regions above this many times the tissue may be the lesion.
    """

    inner: float = 0.8
    outer: float = 0.4
    stiffness: float = 100.0
    smoothing_mm: float = 3.0
    candidate_ratio: float = 3.0

    def __post_init__(self) -> None:
        _check_bounds(self.inner, self.outer)
        _check_within("stiffness", self.stiffness, 0.0, np.inf)
        _check_contrast(self.smoothing_mm, self.candidate_ratio)

    def __call__(self, uptake: Uptake) -> np.ndarray:
        """The voxels that more often reach lesion than tissue."""
        from skimage.segmentation import random_walker

        scaled = contrast(
            uptake, smoothing_mm=self.smoothing_mm, candidate_ratio=self.candidate_ratio
        )
        found = random_walker(
            np.minimum(scaled, 1.0),
            _markers(scaled, self.inner, self.outer),
            beta=self.stiffness,
            mode="cg_j",
            tol=1e-4,
            spacing=uptake.spacing_mm / uptake.spacing_mm.min(),
        )
        return uptake.lesion(found == 1)


def _markers(scaled: np.ndarray, inner: float, outer: float) -> np.ndarray:
    """(x, y, z) 1 for sure lesion, 2 for sure tissue, 0 for what is to be decided."""
    return np.where(scaled > inner, 1, np.where(scaled < outer, 2, 0))


def _check_bounds(inner: float, outer: float) -> None:
    _check_within("inner", inner, 0.0, 1.0)
    _check_within("outer", outer, 0.0, inner)


def _check_contrast(smoothing_mm: float, candidate_ratio: float) -> None:
    if not 0.0 <= smoothing_mm < np.inf:
        raise TwinError("smoothing cannot be negative", where="smoothing_mm", got=f"{smoothing_mm}")
    _check_within("candidate_ratio", candidate_ratio, 1.0, np.inf)


def _check_within(name: str, value: float, low: float, high: float) -> None:
    if not low < value < high:
        raise TwinError(
            f"{name} is out of range",
            where=name,
            expected=f"above {low:g}" + (f" and below {high:g}" if np.isfinite(high) else ""),
            got=f"{value:g}",
        )

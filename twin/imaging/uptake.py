"""Uptake in a PET image: what is tissue, how far a voxel stands out, which region is the lesion.

    contrast = ln(SUV / tissue) / ln(peak / tissue)

is 0 in tissue and 1 at the lesion's peak. It is taken of logarithms because SUV spans decades: half
way between a tissue of 0.6 and a peak of 20 is 10 on a linear scale and 3.5 on this one, which is
where readers draw the border of hot tumors as well as of faint ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from twin.errors import TwinError

BODY_SUV = 0.1
"""Below lies air: noise around the body."""
PEAK_PERCENTILE = 90.0
"""Of the uptake in a lesion; its maximum depends on noise and on the size of the voxels."""
CLICK_REACH_MM = 40.0
"""A click beside uptake, as in a necrotic core, means what is around it up to this distance."""


@dataclass(frozen=True, eq=False)
class Uptake:
    """A PET image in SUV and what is known of where its lesion lies.

    Attributes:
        suv: (x, y, z) values.
        spacing_mm: (3,) edges of a voxel.
        border_mm: voxels closer than this to the border of the image count less, in proportion,
            when the largest region is looked for: what the border cuts is rarely the lesion that
            the image was made for. 0 counts all alike.
        click: index of a voxel inside the lesion; None where nobody clicked. Where it lies in no
            candidate region, voxels count by their nearness to it.
    """

    suv: np.ndarray
    spacing_mm: np.ndarray
    border_mm: float
    click: tuple[int, int, int] | None = None

    def smoothed(self, sigma_mm: float) -> np.ndarray:
        """Values blurred by a Gaussian of this standard deviation."""
        from scipy.ndimage import gaussian_filter

        if sigma_mm == 0.0:
            return self.suv
        return gaussian_filter(self.suv, sigma_mm / self.spacing_mm)

    def lesion(self, candidates: np.ndarray) -> np.ndarray:
        """The connected region meant among candidates: at the click, else the largest.

        Raises:
            TwinError: no candidates, or none near the click.
        """
        from scipy.ndimage import label

        labelled: Any = label(candidates)
        labels, count = labelled
        if count == 0:
            raise TwinError(
                "no uptake above the background",
                where="PET",
                expected="a region that stands out from tissue",
                got=f"a maximum of SUV {self.suv.max():.3g}",
                fix="Check unit and image, choose another method, or outline the lesion by hand",
            )
        if self.click is not None and labels[self.click]:
            return labels == labels[self.click]
        sizes = np.bincount(labels.ravel(), self._weights().ravel())[1:]
        if sizes.max() == 0.0:
            raise TwinError(
                "the click is not in a lesion",
                where="click",
                expected=f"uptake above the background within {CLICK_REACH_MM:g} mm",
                got=f"none around voxel {self.click}",
                fix="Click into the uptake of the lesion",
            )
        return labels == 1 + int(np.argmax(sizes))

    def _weights(self) -> np.ndarray:
        """(x, y, z) from 0 at the border to 1 at `border_mm` from it, or from 1 at the click."""
        places = np.meshgrid(
            *(
                (np.arange(n) + 0.5) * h
                for n, h in zip(self.suv.shape, self.spacing_mm, strict=True)
            ),
            indexing="ij",
            sparse=True,
        )
        if self.click is not None:
            here = (np.array(self.click) + 0.5) * self.spacing_mm
            squares = [(place - at) ** 2 for place, at in zip(places, here, strict=True)]
            return np.maximum(
                1.0 - np.sqrt(squares[0] + squares[1] + squares[2]) / CLICK_REACH_MM, 0.0
            )
        if self.border_mm == 0.0:
            return np.ones(self.suv.shape)
        extent = self.spacing_mm * self.suv.shape
        inward = [np.minimum(place, end - place) for place, end in zip(places, extent, strict=True)]
        nearest = np.minimum(np.minimum(inward[0], inward[1]), inward[2])
        return np.minimum(nearest / self.border_mm, 1.0)


def tissue_suv(suv: np.ndarray) -> float:
    """Median uptake of the body in the image.

    Raises:
        TwinError: no voxel is body.
    """
    body = suv[suv > BODY_SUV]
    if body.size == 0:
        raise TwinError(
            "no uptake above the background",
            where="PET",
            expected=f"tissue above SUV {BODY_SUV:g}",
            got=f"a maximum of SUV {suv.max():.3g}",
            fix="Check that the values are SUV",
        )
    return float(np.median(body))


def contrast(uptake: Uptake, *, smoothing_mm: float, candidate_ratio: float) -> np.ndarray:
    """(x, y, z) contrast of every voxel to tissue, relative to that of the lesion's peak.

    Args:
        uptake: the image.
        smoothing_mm: standard deviation of the Gaussian blur before.
        candidate_ratio: regions above this many times the tissue may be the lesion.

    Raises:
        TwinError: nothing stands out, or nothing near the click.
    """
    suv = uptake.smoothed(smoothing_mm)
    tissue = tissue_suv(suv)
    lesion = uptake.lesion(suv > candidate_ratio * tissue)
    peak = float(np.percentile(suv[lesion], PEAK_PERCENTILE))
    return np.log(np.maximum(suv, tissue) / tissue) / np.log(peak / tissue)

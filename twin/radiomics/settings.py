"""What is extracted, and how: gray levels, filters, aggregation."""

from __future__ import annotations

from dataclasses import dataclass, field

from twin.errors import TwinError
from twin.radiomics.filters import CUT, Filter, LaplacianOfGaussian
from twin.radiomics.histogram import Bins, FixedBinCount
from twin.radiomics.texture import AGGREGATIONS

LEAST_REACH_MM = 10.0
"""The ball of a peak and a wavelet reach less far than this, on voxels of up to 4 mm."""


@dataclass(frozen=True)
class Settings:
    """How features are extracted from an image and its mask.

    Args:
        bins: gray levels of the image itself.
        filters: filters whose answers get intensity and texture features of their own.
        filtered_bins: gray levels of the filters' answers.
        aggregations: how texture is aggregated, of `texture.AGGREGATIONS`.
        intensity_range: smallest and largest intensity that count (the rest of the mask counts for
            shape only), in the image's unit.
        intensity_step: distance between intensities that the volume histogram tells apart: 1 for
            whole Hounsfield units, 0 where intensities are continuous.
        ring_mm: width of the ring around the region that is described too; None for no ring.
        habitats: number of regions of alike voxels that are described; None for none.

    Raises:
        TwinError: for an unknown aggregation, an empty range, a ring without width, fewer than two
            habitats.
    """

    bins: Bins = field(default_factory=FixedBinCount)
    filters: tuple[Filter, ...] = ()
    filtered_bins: Bins = field(default_factory=FixedBinCount)
    aggregations: tuple[str, ...] = ("3D_comb",)
    intensity_range: tuple[float, float] | None = None
    intensity_step: float = 0.0
    ring_mm: float | None = None
    habitats: int | None = None

    def __post_init__(self) -> None:
        unknown = [a for a in self.aggregations if a not in AGGREGATIONS]
        if unknown or not self.aggregations:
            raise TwinError(
                "unknown aggregation of texture",
                where="aggregations",
                expected=f"some of {', '.join(AGGREGATIONS)}",
                got=", ".join(unknown) or "none",
            )
        if self.intensity_range and not self.intensity_range[0] < self.intensity_range[1]:
            raise TwinError(
                "range of intensities",
                where="intensity_range",
                expected="smallest below largest",
                got=f"{self.intensity_range}",
            )
        if self.ring_mm is not None and not 0 < self.ring_mm < float("inf"):
            raise TwinError(
                "width of a ring", where="ring_mm", expected="above 0", got=f"{self.ring_mm}"
            )
        if self.habitats is not None and self.habitats < 2:
            raise TwinError(
                "number of habitats", where="habitats", expected="2 or more", got=f"{self.habitats}"
            )

    @property
    def reach_mm(self) -> float:
        """How far around a region an image is looked at."""
        widths = [f.sigma_mm for f in self.filters if isinstance(f, LaplacianOfGaussian)]
        return max(LEAST_REACH_MM, self.ring_mm or 0.0, CUT * max(widths, default=0.0))

"""What is extracted, and how: gray levels, filters, aggregation."""

from __future__ import annotations

from dataclasses import dataclass, field

from twin.errors import TwinError
from twin.radiomics.filters import Filter
from twin.radiomics.histogram import Bins, FixedBinCount
from twin.radiomics.texture import AGGREGATIONS


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

    Raises:
        TwinError: for an unknown aggregation or an empty range.
    """

    bins: Bins = field(default_factory=FixedBinCount)
    filters: tuple[Filter, ...] = ()
    filtered_bins: Bins = field(default_factory=FixedBinCount)
    aggregations: tuple[str, ...] = ("3D_comb",)
    intensity_range: tuple[float, float] | None = None
    intensity_step: float = 0.0

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

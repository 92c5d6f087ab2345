"""How each modality is prepared and extracted unless told otherwise.

All are resampled to cubic voxels, so that directions mean the same; 64 gray levels between the
extremes of a region; Laplacians of Gaussian at three sizes of a few voxels. CT counts soft tissue
only.
"""

from __future__ import annotations

from dataclasses import dataclass

from twin.radiomics.filters import LaplacianOfGaussian
from twin.radiomics.settings import Settings


@dataclass(frozen=True)
class Preset:
    """Preparation and extraction of one kind of image.

    Args:
        spacing_mm: edge of the cubic voxels that images are resampled to; None keeps theirs.
        settings: what is extracted.
    """

    spacing_mm: float | None
    settings: Settings


def _logs(*sizes_mm: float) -> tuple[LaplacianOfGaussian, ...]:
    return tuple(LaplacianOfGaussian(size) for size in sizes_mm)


PET = Preset(4.0, Settings(filters=_logs(4.0, 6.0, 8.0)))
CT = Preset(
    2.0,
    Settings(filters=_logs(2.0, 3.0, 4.0), intensity_range=(-200.0, 300.0), intensity_step=1.0),
)
MR = Preset(2.0, Settings(filters=_logs(2.0, 3.0, 4.0)))


def preset_of(modality: str) -> Preset:
    """The preset of a modality: PET, CT, or MR for every other."""
    return {"PET": PET, "CT": CT}.get(modality, MR)

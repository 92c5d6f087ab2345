"""How each modality is prepared and extracted unless told otherwise.

All are resampled to cubic voxels, so that directions mean the same; 64 gray levels between the
extremes of a region; Laplacians of Gaussian at three sizes of a few voxels. CT counts soft tissue
only.
"""

from __future__ import annotations

from dataclasses import dataclass

from twin.imaging.image import Image
from twin.imaging.isotropic import interpolate_around
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

    def prepare(self, image: Image, mask: Image) -> tuple[Image, Image]:
        """Image and mask in cubic voxels, up to as far from the mask as features look."""
        if self.spacing_mm is None:
            return image, mask
        return interpolate_around(image, mask, self.spacing_mm, margin_mm=self.settings.reach_mm)


def _logs(*sizes_mm: float) -> tuple[LaplacianOfGaussian, ...]:
    return tuple(LaplacianOfGaussian(size) for size in sizes_mm)


HABITATS = 3
PET = Preset(4.0, Settings(filters=_logs(4.0, 6.0, 8.0), ring_mm=8.0, habitats=HABITATS))
CT = Preset(
    2.0,
    Settings(
        filters=_logs(2.0, 3.0, 4.0),
        intensity_range=(-200.0, 300.0),
        intensity_step=1.0,
        ring_mm=5.0,
        habitats=HABITATS,
    ),
)
MR = Preset(2.0, Settings(filters=_logs(2.0, 3.0, 4.0), ring_mm=5.0, habitats=HABITATS))


def preset_of(modality: str) -> Preset:
    """The preset of a modality: PET, CT, or MR for every other."""
    return {"PET": PET, "CT": CT}.get(modality, MR)

"""From a virtual tumor to the clean image of a modality, in its unit.

Uptake inside the tumor follows viable cells, is clumped by the texture and dark in the hypoxic
core. Its mean inside the first outline is drawn apart from everything else, so that brightness
says nothing about the response. Levels are assumed, of the order that the modality shows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from generative.virtual_tumor import VirtualTumor
from generative.worlds import Range, World, log_uniform
from twin.errors import TwinError


@dataclass(frozen=True)
class Levels:
    """Brightness of a modality: outside tissue, of both tissues, and of tumor above them."""

    outside: float
    soft: float
    stroma: float
    contrast: Range


LEVELS = {
    "PET": Levels(outside=0.2, soft=1.0, stroma=1.6, contrast=(3.0, 9.0)),
    "CT": Levels(outside=-90.0, soft=30.0, stroma=50.0, contrast=(25.0, 60.0)),
    "T1C": Levels(outside=20.0, soft=100.0, stroma=140.0, contrast=(80.0, 220.0)),
}
"""SUV, HU and arbitrary units."""


def levels_of(modality: str) -> Levels:
    """Levels of a modality that can be rendered.

    Raises:
        TwinError: for another one.
    """
    if modality not in LEVELS:
        raise TwinError(
            "modality cannot be rendered",
            where="modality",
            expected=f"one of {', '.join(LEVELS)}",
            got=modality,
        )
    return LEVELS[modality]


def render(
    tumor: VirtualTumor, world: World, modality: str, random: np.random.Generator
) -> tuple[Float[np.ndarray, "t x y z"], float]:
    """Clean images of every scan, and the contrast of this tumor, both in the modality's unit."""
    levels = levels_of(modality)
    contrast = log_uniform(levels.contrast, random)
    background = np.where(
        tumor.tissue,
        levels.soft + (levels.stroma - levels.soft) * tumor.stroma,
        levels.outside,
    )
    pattern = np.maximum(1.0 + tumor.texture, 0.0) * (1.0 - world.core_darkness * tumor.core)
    uptake = tumor.viable * pattern
    mean = float(uptake[0][tumor.masks[0]].mean())
    return background + contrast * uptake / mean, contrast

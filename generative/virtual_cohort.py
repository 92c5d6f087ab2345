"""Virtual cohorts: many tumors of a world, scanned; the same numbers whatever runs beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32

from generative.cohort import ScanCohort
from generative.parallel import Progress, over_patients
from generative.renderer import levels_of, render
from generative.virtual_tumor import SCAN_DAYS, grow_tumor
from generative.worlds import World
from twin.errors import TwinError
from twin.grid import Grid


@dataclass(frozen=True)
class VirtualPatient:
    """Scans of one virtual patient, and what only the simulation knows."""

    images: Float32[np.ndarray, "t x y z"]
    masks: Bool[np.ndarray, "t x y z"]
    responded: bool
    truth: dict[str, float]


def simulate_patient(
    world: World,
    grid: Grid,
    modality: str,
    random: np.random.Generator,
    days: Sequence[float] = SCAN_DAYS,
) -> VirtualPatient:
    """One patient of a world, scanned on some days.

    Raises:
        TwinError: an unknown modality, or a region too small for the tumors.
    """
    tumor = grow_tumor(world, grid, random, days)
    clean, contrast = render(tumor, world, modality, random)
    images = [world.scanner.scan(image, grid, contrast=contrast, random=random) for image in clean]
    return VirtualPatient(
        np.stack(images).astype(np.float32), tumor.masks, tumor.responded, tumor.truth
    )


def simulate_cohort(
    world: World,
    patients: int,
    *,
    seed: int,
    modality: str = "PET",
    side: int = 32,
    region_mm: float = 64.0,
    progress: Progress | None = None,
) -> ScanCohort:
    """A cohort of a world with known truth; patient i depends on the seed and i alone.

    Args:
        world: law of nature, see `generative.worlds`.
        patients: how many.
        seed: of every draw.
        modality: PET (SUV), CT (HU) or T1C (arbitrary units).
        side: voxels along each edge of the cubic tumor region.
        region_mm: its edge.
        progress: called with patients done and all of them.

    Raises:
        TwinError: no patients, an unknown modality, or a region too small for the tumors.
    """
    if patients < 1:
        raise TwinError(
            "a cohort needs patients", where="patients", expected="at least 1", got=str(patients)
        )
    levels_of(modality)
    edge_mm = region_mm / side
    grid = Grid.from_spacing((side, side, side), edge_mm)
    shape = (patients, len(SCAN_DAYS), *grid.shape)
    images, masks = np.empty(shape, np.float32), np.empty(shape, bool)
    responded = np.empty(patients, bool)
    truth: dict[str, np.ndarray] = {}

    def simulated(index: int) -> VirtualPatient:
        return simulate_patient(world, grid, modality, np.random.default_rng([seed, index]))

    for index, patient in enumerate(over_patients(simulated, range(patients), progress)):
        images[index], masks[index] = patient.images, patient.masks
        responded[index] = patient.responded
        for name, value in patient.truth.items():
            truth.setdefault(name, np.empty(patients))[index] = value
    return ScanCohort(
        tuple(f"virtual-{world.name}-{seed}-{index:06d}" for index in range(patients)),
        images,
        masks,
        np.tile(SCAN_DAYS, (patients, 1)),
        responded,
        (edge_mm, edge_mm, edge_mm),
        modality,
        "simulated from public",
        f"simulated in world {world.name}, seed {seed}: procedural anatomy, assumed priors",
        truth=truth,
    )

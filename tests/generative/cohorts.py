"""Cohorts for tests: simulated patients on coarse grids, and generators that cheat."""

import functools
from dataclasses import replace

import numpy as np

from generative import ScanCohort
from generative.virtual_cohort import simulate_cohort
from generative.worlds import get_world

SIZE = 100


@functools.cache
def thirds() -> tuple[ScanCohort, ScanCohort, ScanCohort]:
    """(training, test, a third draw) of one world, `SIZE` patients each."""
    whole = simulate_cohort(get_world("A"), 3 * SIZE, seed=13, side=16)
    parts = [whole.select(np.arange(SIZE) + SIZE * part) for part in range(3)]
    return parts[0], parts[1], as_synthetic(parts[2])


def as_synthetic(cohort: ScanCohort) -> ScanCohort:
    """The same scans as if a generator had made them as it was asked to."""
    columns = {"requested_volume_ml": cohort.volumes_ml[:, 0]}
    return replace(cohort, provenance="synthetic", columns=columns, truth={})


def copying(cohort: ScanCohort, *, noise: float = 0.02, seed: int = 0) -> ScanCohort:
    """What a generator gives that returns its training patients, turned, moved and a bit noisy."""
    random = np.random.default_rng(seed)
    images, masks = cohort.images.copy(), cohort.masks.copy()
    for index in range(len(images)):
        images[index], masks[index] = turned(images[index], masks[index], random)
        spread = noise * images[index].std()
        images[index] += spread * random.standard_normal(images[index].shape).astype(np.float32)
    return as_synthetic(replace(cohort, images=images, masks=masks))


def turned(
    images: np.ndarray, masks: np.ndarray, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Scans and masks with axes permuted and flipped, moved by up to a voxel."""
    axes = (0, *(1 + random.permutation(3)))
    flipped = tuple(np.flatnonzero(random.random(3) < 0.5) + 1)
    move = tuple(random.integers(-1, 2, 3))
    both = [np.flip(np.transpose(a, axes), flipped) for a in (images, masks)]
    return np.roll(both[0], move, (1, 2, 3)), np.roll(both[1], move, (1, 2, 3))


def blank(cohort: ScanCohort) -> ScanCohort:
    """What a generator gives that knows nothing: one mask, one intensity, a coin for response."""
    random = np.random.default_rng(0)
    masks = np.zeros_like(cohort.masks)
    masks[..., 5:10, 5:10, 5:10] = True
    return as_synthetic(
        replace(
            cohort,
            images=np.ones_like(cohort.images),
            masks=masks,
            response=random.random(len(cohort)) < 0.5,
        )
    )

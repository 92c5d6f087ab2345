"""The public prior that private moments steer: virtual patients of many worlds around world A.

Each patient has a world of their own: its constants are drawn from ranges wide enough to hold
hospitals that differ in tumors, scanners and calibration. Nothing here was fitted to a patient.
The pool is remembered by its seed: patient i can be simulated again at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
from jaxtyping import Bool, Float

from generative.scanner import Range, Scanner
from generative.summaries import summarize_scans, summary_names
from generative.virtual_cohort import VirtualPatient, simulate_patient
from generative.virtual_tumor import UnseenTumor
from generative.worlds import World, get_world, log_uniform
from twin.grid import Grid

REGION_MM = 64.0
"""Tumors are simulated in a region of this edge; another region is the same one, scaled."""
_VOLUME_ML = (0.3, 30.0)
_GAIN_SD = 0.3
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Pool:
    """Virtual patients that the prior gives, and their summaries.

    Attributes:
        side: voxels along each edge.
        modality: of the images.
        days: of the scans.
        seed: of the pool.
        summaries: (M, K) as in `generative.summaries`.
        responded: (M,) whether the simulation shrank the tumor.
    """

    side: int
    modality: str
    days: tuple[float, ...]
    seed: int
    summaries: Float[np.ndarray, "m k"]
    responded: Bool[np.ndarray, " m"]

    def patient(self, index: int) -> VirtualPatient:
        """Simulate one of the patients again."""
        return _simulate(self.side, self.modality, self.days, self.seed, index)


def draw_pool(
    patients: int,
    *,
    side: int,
    modality: str,
    days: Sequence[float],
    seed: int,
    progress: Progress | None = None,
) -> Pool:
    """Simulate and summarize patients of the prior; the scans themselves are let go."""
    summaries = np.empty((patients, len(summary_names(len(days)))))
    responded = np.empty(patients, bool)
    for index in range(patients):
        found = _simulate(side, modality, tuple(days), seed, index)
        summaries[index] = summarize_scans(found.images[None], found.masks[None], modality)[0]
        responded[index] = found.responded
        if progress is not None:
            progress(index + 1, patients)
    return Pool(side, modality, tuple(days), seed, summaries, responded)


def draw_world(random: np.random.Generator) -> World:
    """World A with other constants, each from a wide range."""

    def wide(low: float, high: float) -> float:
        return log_uniform((low, high), random)

    def part(low: float, high: float, width: float) -> Range:
        start = random.uniform(low, high)
        return (start, start + width)

    return replace(
        get_world("A"),
        volume_ml=_VOLUME_ML,
        lobulation=random.uniform(0.05, 0.35),
        lobe_fwhm_mm=wide(8.0, 24.0),
        proliferation_per_day=(0.005, 0.06),
        infiltration_mm=(0.6, 5.0),
        core_share=(0.0, 0.6),
        core_darkness=random.uniform(0.3, 1.0),
        core_dose=random.uniform(0.4, 0.9),
        texture_amplitude=(0.02, 0.6),
        texture_fwhm_mm=wide(4.0, 14.0),
        alpha_per_gy=wide(0.01, 0.08),
        hidden_sd=0.5,
        scanner=Scanner(
            part(3.0, 8.0, 1.0), part(0.01, 0.13, 0.02), wide(3.5, 7.0), (0.0, 0.1), _GAIN_SD
        ),
    )


def _simulate(
    side: int, modality: str, days: tuple[float, ...], seed: int, index: int
) -> VirtualPatient:
    grid = Grid.from_spacing((side, side, side), REGION_MM / side)
    for attempt in count():
        random = np.random.default_rng([seed, index, attempt])
        try:
            return simulate_patient(draw_world(random), grid, modality, random, days)
        except UnseenTumor:
            continue
    raise AssertionError("count() does not end")

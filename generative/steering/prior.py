"""The public prior that private moments steer: virtual patients of many worlds around world A.

Every patient has a world of their own. Its constants are standard normal scores, mapped to ranges
wide enough to hold hospitals that differ in tumors, scanners and calibration. Nothing here was
fitted to a patient. A pool is remembered by its scores and its seed: any of its patients can be
simulated again at any time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import special

from generative.model import ScanProtocol
from generative.parallel import Progress, over_patients
from generative.scanner import Range, Scanner
from generative.summaries import summarize_scans, summary_names
from generative.virtual_cohort import VirtualPatient, simulate_patient
from generative.virtual_tumor import UnseenTumor
from generative.worlds import World, get_world
from twin.grid import Grid

REGION_MM = 64.0
"""Tumors are simulated in a region of this edge; another region is the same one, scaled."""
_LOGARITHMIC: dict[str, Range] = {
    "volume_ml": (0.3, 30.0),
    "lobe_fwhm_mm": (8.0, 24.0),
    "proliferation_per_day": (0.005, 0.06),
    "infiltration_mm": (0.6, 5.0),
    "texture_fwhm_mm": (4.0, 14.0),
    "alpha_per_gy": (0.008, 0.1),
    "gain": (0.3, 3.0),
    "noise_fwhm_mm": (3.5, 7.0),
    "noise": (0.015, 0.15),
}
_LINEAR: dict[str, Range] = {
    "lobulation": (0.05, 0.4),
    "core_share": (0.0, 0.6),
    "core_darkness": (0.3, 1.0),
    "core_dose": (0.4, 0.9),
    "texture_amplitude": (0.02, 0.6),
    "blur_fwhm_mm": (3.0, 9.0),
    "bias": (0.0, 0.1),
    "gain_sd": (0.0, 0.2),
}
_CALIBRATED = ("CT",)  # Hounsfield units mean the same everywhere
CONSTANTS = (*_LOGARITHMIC, *_LINEAR)


@dataclass(frozen=True)
class Pool:
    """Virtual patients of the prior.

    Attributes:
        protocol: of their scans.
        seed: of everything that is not in the scores.
        scores: (M, S) of the constants, in the order of `CONSTANTS`.
        numbers: (M,) which draws of the seed belong to each patient.
    """

    protocol: ScanProtocol
    seed: int
    scores: Float[np.ndarray, "m s"]
    numbers: Int[np.ndarray, " m"]

    def __len__(self) -> int:
        return len(self.scores)

    def patient(self, index: int) -> VirtualPatient | None:
        """Simulate one of the patients; none where no voxel shows the tumor."""
        random = np.random.default_rng([self.seed, int(self.numbers[index])])
        side, modality, days = self.protocol.side, self.protocol.modality, self.protocol.days
        grid = Grid.from_spacing((side,) * 3, REGION_MM / side)
        world, gain = world_of(self.scores[index])
        try:
            found = simulate_patient(world, grid, modality, random, days)
        except UnseenTumor:
            return None
        if modality in _CALIBRATED:
            return found
        return replace(found, images=found.images * np.float32(gain))

    def select(self, rows: np.ndarray) -> Pool:
        """The pool of some patients."""
        return replace(self, scores=self.scores[rows], numbers=self.numbers[rows])

    def summarize(
        self, progress: Progress | None = None
    ) -> tuple[Float[np.ndarray, "m k"], Bool[np.ndarray, " m"]]:
        """Summaries of every patient, and which are seen; the scans are let go.

        Args:
            progress: called with patients done and all of them.
        """
        summaries = np.zeros((len(self), len(summary_names(len(self.protocol.days)))))
        seen = np.zeros(len(self), bool)

        def summary(index: int) -> Float[np.ndarray, " k"] | None:
            found = self.patient(index)
            if found is None:
                return None
            return summarize_scans(found.images[None], found.masks[None], self.protocol.modality)[0]

        for index, found in enumerate(over_patients(summary, range(len(self)), progress)):
            if found is not None:
                seen[index], summaries[index] = True, found
        return summaries, seen


def world_of(scores: Float[np.ndarray, " s"]) -> tuple[World, float]:
    """World A with the constants of some scores, and the gain of the images."""
    share = special.ndtr(scores)
    value = {
        name: float(np.exp(np.interp(part, (0.0, 1.0), np.log(_LOGARITHMIC[name]))))
        if name in _LOGARITHMIC
        else float(np.interp(part, (0.0, 1.0), _LINEAR[name]))
        for name, part in zip(CONSTANTS, share, strict=True)
    }

    def at(name: str) -> Range:
        return (value[name], value[name])

    world = replace(
        get_world("A"),
        volume_ml=at("volume_ml"),
        lobulation=value["lobulation"],
        lobe_fwhm_mm=value["lobe_fwhm_mm"],
        proliferation_per_day=at("proliferation_per_day"),
        infiltration_mm=at("infiltration_mm"),
        core_share=at("core_share"),
        core_darkness=value["core_darkness"],
        core_dose=value["core_dose"],
        texture_amplitude=at("texture_amplitude"),
        texture_fwhm_mm=value["texture_fwhm_mm"],
        alpha_per_gy=value["alpha_per_gy"],
        weights=(0.0, 0.0, 0.0),
        hidden_sd=0.0,
        scanner=Scanner(
            at("blur_fwhm_mm"),
            at("noise"),
            value["noise_fwhm_mm"],
            at("bias"),
            value["gain_sd"],
        ),
    )
    return world, value["gain"]


def draw_scores(patients: int, random: np.random.Generator) -> Float[np.ndarray, "m s"]:
    """Scores of the prior."""
    return random.standard_normal((patients, len(CONSTANTS)))

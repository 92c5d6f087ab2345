"""Named worlds: how tumors grow, look, are scanned and respond. Everything in them is simulated.

A world is a law of nature for a virtual cohort. A generator is pre-trained in one and judged in
another, so worlds differ in the growth model, the priors, the shape of tumors, the renderer, the
scanner and the mechanism of response.

Mechanism. Three traits show in the first scan: the heterogeneity of cellularity, the hypoxic core
and the infiltrating border. A weighted sum of them moves the radiosensitivity of the tumor,
together with a part that nothing shows; the simulated course then decides the response. Volume and
mean uptake are drawn apart from the traits, so that neither predicts the response by itself.

Priors of growth and radiosensitivity are assumed, within the ranges of `twin.models.priors`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from generative.scanner import Range, Scanner
from twin.errors import TwinError
from twin.models import FisherKPP, Gompertz, TumorModel

TRAITS = ("heterogeneity", "hypoxic_core", "infiltration")


@dataclass(frozen=True)
class World:
    """One law of nature.

    Attributes:
        name: as users ask for it.
        model: equations of growth and treatment.
        volume_ml: range of the first tumor volume, log-uniform.
        lobulation: relative amplitude of the smooth deformation of the outline.
        lobe_fwhm_mm: width of its lobes.
        proliferation_per_day: range, log-uniform.
        infiltration_mm: range of sqrt(D/ρ) that the border trait moves through.
        core_share: range of the share of the tumor that the core trait moves through.
        core_darkness: share of its uptake that the hypoxic core lacks.
        core_dose: dose of a fraction in the hypoxic core, relative to the oxygenated rim.
        texture_amplitude: range of the relative standard deviation of uptake inside the tumor.
        texture_fwhm_mm: width of its clumps.
        alpha_per_gy: median radiosensitivity.
        weights: of the traits, in the order of `TRAITS`, on the logarithm of radiosensitivity.
        hidden_sd: spread of the logarithm that nothing shows.
        scanner: of the world.
        remission: a tumor responds that shrank to at most this share of its first volume.
    """

    name: str
    model: TumorModel
    volume_ml: Range
    lobulation: float
    lobe_fwhm_mm: float
    proliferation_per_day: Range
    infiltration_mm: Range
    core_share: Range
    core_darkness: float
    core_dose: float
    texture_amplitude: Range
    texture_fwhm_mm: float
    alpha_per_gy: float
    weights: tuple[float, float, float]
    hidden_sd: float
    scanner: Scanner
    remission: float = 0.5


WORLDS = {
    world.name: world
    for world in (
        World(
            name="A",
            model=FisherKPP(),
            volume_ml=(4.0, 24.0),
            lobulation=0.15,
            lobe_fwhm_mm=16.0,
            proliferation_per_day=(0.01, 0.04),
            infiltration_mm=(1.0, 4.0),
            core_share=(0.0, 0.35),
            core_darkness=0.7,
            core_dose=0.6,
            texture_amplitude=(0.05, 0.35),
            texture_fwhm_mm=7.0,
            alpha_per_gy=0.036,
            weights=(-0.3, -0.3, -0.2),
            hidden_sd=0.3,
            scanner=Scanner((4.0, 6.0), (0.03, 0.08), 4.0, (0.0, 0.0), 0.05),
        ),
        World(
            name="B",
            model=Gompertz(),
            volume_ml=(3.0, 20.0),
            lobulation=0.25,
            lobe_fwhm_mm=12.0,
            proliferation_per_day=(0.01, 0.03),
            infiltration_mm=(0.8, 3.0),
            core_share=(0.0, 0.45),
            core_darkness=0.85,
            core_dose=0.7,
            texture_amplitude=(0.05, 0.45),
            texture_fwhm_mm=9.0,
            alpha_per_gy=0.021,
            weights=(-0.35, -0.2, -0.25),
            hidden_sd=0.38,
            scanner=Scanner((4.5, 7.0), (0.04, 0.10), 5.0, (0.02, 0.08), 0.08),
        ),
    )
}


def get_world(name: str) -> World:
    """The world of a name.

    Raises:
        TwinError: for an unknown one, naming those there are.
    """
    if name not in WORLDS:
        raise TwinError(
            "unknown world", where="world", expected=f"one of {', '.join(WORLDS)}", got=name
        )
    return WORLDS[name]


def log_uniform(low_high: Range, random: np.random.Generator) -> float:
    """A draw between two positive numbers, uniform in the logarithm."""
    return float(np.exp(random.uniform(*np.log(low_high))))

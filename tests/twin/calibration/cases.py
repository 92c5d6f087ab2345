"""Small virtual patients with known parameters, which the calibration tests fit."""

from dataclasses import replace
from functools import cache

import numpy as np

from twin.imaging.image import Image
from twin.observation.adc import adc
from twin.parameters import Fixed
from twin.patient import Patient
from twin.treatments.schedule import DrugDose, Fraction, Schedule
from twin.virtual_patient import procedural_patient

TRUE = {
    "diffusivity": 0.4,
    "proliferation_rate": 0.035,
    "radiosensitivity_alpha": 0.05,
    "alpha_beta_ratio": 10.0,
    "sensitivity_temozolomide": 0.6,
    "clearance_half_life": 20.0,
}
ESTIMATED = (
    "diffusivity",
    "proliferation_rate",
    "radiosensitivity_alpha",
    "sensitivity_temozolomide",
)
KNOWN = {
    "alpha_beta_ratio": Fixed(TRUE["alpha_beta_ratio"]),
    "clearance_half_life": Fixed(TRUE["clearance_half_life"]),
}
"""What the recovery takes as known: not told apart from alpha by one dose a fraction."""
FAR_START = {
    "diffusivity": 0.05,
    "proliferation_rate": 0.02,
    "radiosensitivity_alpha": 0.025,
    "sensitivity_temozolomide": 0.2,
}
"""Where fits start: half to an eighth of the truth."""


TREATED_SPACING_MM = 2.5
TREATED_DAYS = (0.0, 30.0, 60.0, 90.0, 120.0)


@cache
def treated_patient() -> Patient:
    """Growth, 20 fractions of 2 Gy, two cycles of temozolomide; clean density images, no masks.

    The data come from the adaptive solver of `twin.solvers.reference` on a grid twice as fine.
    """
    schedule = Schedule(
        fractions=tuple(Fraction(30.0 + d, 2.0) for d in range(28) if d % 7 < 5),
        drug_doses=tuple(
            DrugDose(62.0 + 28.0 * cycle + d, "temozolomide", 270.0)
            for cycle in range(2)
            for d in range(5)
        ),
    )
    patient, _ = procedural_patient(
        (36, 36, 32),
        TREATED_SPACING_MM,
        TRUE,
        schedule,
        TREATED_DAYS,
        tumor_peak=0.6,
        tumor_sd_mm=11.0,
        site="glioma",
    )
    return without_masks(patient)


@cache
def adc_patient(seed: int | None = None) -> Patient:
    """A tiny treated patient with ADC maps and `gtv` masks; noise with a seed."""
    patient, _ = procedural_patient(
        (16, 16, 14),
        4.0,
        {**TRUE, "diffusivity": 0.6},
        Schedule(
            fractions=tuple(Fraction(16.0 + d, 2.0) for d in range(5)),
            drug_doses=(DrugDose(24.0, "temozolomide", 270.0),),
        ),
        (0.0, 15.0, 30.0, 45.0),
        tumor_peak=0.7,
        tumor_sd_mm=9.0,
        site="glioma",
        noise_sd=0.0 if seed is None else 0.03,
        seed=seed or 0,
        visibility_threshold=0.3,
    )
    return replace(patient, visits=tuple(_as_adc(visit) for visit in patient.visits))


@cache
def outlined_patient() -> Patient:
    """An untreated patient of whom only outlines are known, at two thresholds and three visits."""
    patient, truth = procedural_patient(
        (24, 24, 22),
        3.0,
        {"diffusivity": 0.4, "proliferation_rate": 0.035},
        Schedule(),
        (0.0, 40.0, 80.0),
        tumor_peak=0.9,
        tumor_sd_mm=8.0,
        site="glioma",
    )
    visits = tuple(
        replace(visit, images={}, masks={"enhancing": seen > 0.65, "flair": seen > 0.2})
        for visit, seen in zip(patient.visits, truth.seen, strict=True)
    )
    return replace(patient, visits=visits)


def without_masks(patient: Patient) -> Patient:
    """The patient without any outline."""
    return replace(patient, visits=tuple(replace(v, masks={}) for v in patient.visits))


def _as_adc(visit):
    fraction = visit.images["CELL_FRACTION"]
    image = Image(np.asarray(adc(fraction.data)), fraction.grid, "ADC", "1e-3 mm2/s")
    return replace(visit, images={"ADC": image})

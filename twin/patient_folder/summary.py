"""What a patient has, and what is missing for calibrating a twin, in words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin.patient import Patient, Visit
from twin.treatments.schedule import Schedule

DENSITY_MODALITIES = ("ADC", "CELL_FRACTION")


@dataclass(frozen=True)
class Finding:
    """One line of a check.

    Args:
        level: "error" (cannot be used), "warning" (can be used, with a limit) or "info".
        where: file and field, or the part of the patient.
        message: what was found.
    """

    level: str
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.level}: {self.where}: {self.message}"


def describe(patient: Patient) -> list[Finding]:
    """What is there: grid, visits, masks with volumes, treatments, organs, markers."""
    said = [
        Finding("info", "patient", f"{patient.id}, site {patient.site}, "
                f"body surface {patient.body_surface_m2:g} m²"),
        Finding("info", "grid", f"{patient.grid!r}"),
        Finding("info", "tissue", f"{patient.volume_ml(patient.tissue):.4g} mL"
                + "".join(f"; {name} {_amount_ml(patient, part):.4g} mL"
                          for name, part in patient.tissues.items())),
    ]  # fmt: skip
    if patient.simulated_note:
        said.append(Finding("info", "simulated", patient.simulated_note))
    said += [
        Finding("info", f"visit {visit.name}", _describe_visit(patient, visit))
        for visit in patient.visits
    ]
    said.append(Finding("info", "treatments", describe_treatments(patient.treatments)))
    for organ in patient.organs:
        limit = "no limit" if organ.eqd2_limit_gy is None else f"{organ.eqd2_limit_gy:g} Gy EQD2"
        said.append(
            Finding(
                "info",
                f"organ {organ.name}",
                f"alpha/beta {organ.alpha_beta_gy:g} Gy, gets {organ.sparing:.0%} of the tumor "
                f"dose, limit {limit}",
            )
        )
    if patient.tensor is not None:
        said.append(Finding("info", "tensor", "directions of diffusion, for models of fibers"))
    if patient.markers:
        told = ", ".join(f"{marker} {value}" for marker, value in patient.markers.items())
        said.append(Finding("info", "markers", told))
    said += [
        Finding("info", f"prior of {shift.parameter}", shift.describe(patient.markers))
        for shift in patient.prior_shifts
    ]
    return said


def describe_treatments(schedule: Schedule) -> str:
    """One line on the treatments given."""
    parts = []
    if schedule.fractions:
        first, last = schedule.fractions[0].time_days, schedule.fractions[-1].time_days
        parts.append(
            f"{counted(len(schedule.fractions), 'fraction')}, "
            f"{schedule.total_dose_gy:g} Gy in all, day {first:g} to {last:g}"
        )
    for drug in schedule.drugs:
        doses = [dose for dose in schedule.drug_doses if dose.drug == drug]
        total = sum(dose.dose_mg for dose in doses)
        parts.append(f"{drug}: {counted(len(doses), 'dose')}, {total:g} mg in all")
    parts += [
        f"surgery on day {surgery.time_days:g} with a margin of {surgery.margin_mm:g} mm"
        for surgery in schedule.surgeries
    ]
    return "; ".join(parts) or "none given"


def counted(count: int, noun: str) -> str:
    """A count with its noun in the right number."""
    return f"{count} {noun}" + ("" if count == 1 else "s")


def limits(patient: Patient) -> list[Finding]:
    """What is missing for calibrating, and what the result will not be able to say."""

    def warn(where: str, message: str) -> None:
        found.append(Finding("warning", where, message))

    found: list[Finding] = []
    if len(patient.visits) == 1:
        warn("visits", "only one visit: growth cannot be calibrated, it needs at least two")
    elif len(patient.visits) == 2:
        warn("visits", "two visits: nothing is left to hold out for judging the forecast")
    if not any(m in visit.images for visit in patient.visits for m in DENSITY_MODALITIES):
        warn("images", "no ADC or CELL_FRACTION image: cell density must be guessed from masks")
    for visit in patient.visits:
        if not visit.masks:
            warn(f"visit {visit.name}", "no mask: its visible volume cannot be scored")
    events = patient.treatments.times_days
    if not events:
        warn("treatments", "none given: the response to treatment stays at its prior")
    elif not any(visit.time_days > events[0] for visit in patient.visits):
        warn("treatments", "no visit after a treatment: the response stays at its prior")
    if not patient.organs:
        warn("organs", "none: plans cannot be weighed against radiation toxicity")
    if any(visit.simulated for visit in patient.visits) and not patient.simulated_note:
        warn("simulated_note", "visits are simulated but the note that says so is missing")
    inner = patient.tissue[1:-1, 1:-1, 1:-1]
    if np.count_nonzero(inner) != np.count_nonzero(patient.tissue):
        warn("tissue", "reaches the edge of the grid: crop_to_tumor closes it before simulating")
    for visit in patient.visits:
        for label, mask in visit.masks.items():
            outside = np.count_nonzero(mask & ~patient.tissue) / max(np.count_nonzero(mask), 1)
            if outside > 0:
                warn(f"visit {visit.name}, mask {label}", f"{outside:.2%} outside the tissue mask")
    return found


def _describe_visit(patient: Patient, visit: Visit) -> str:
    images = ", ".join(f"{key} [{image.unit}]" for key, image in visit.images.items())
    masks = ", ".join(
        f"{label} {patient.volume_ml(mask):.4g} mL" for label, mask in visit.masks.items()
    )
    note = " (simulated)" if visit.simulated else ""
    return f"day {visit.time_days:g}{note}; images: {images or 'none'}; masks: {masks or 'none'}"


def _amount_ml(patient: Patient, fraction: np.ndarray) -> float:
    return float(fraction.sum(dtype=np.float64)) * patient.grid.voxel_volume_mm3 / 1000.0

"""From a patient to the content of a patient file, with its images written beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from twin.imaging.image import MASK, Image
from twin.imaging.nifti import write_nifti
from twin.imaging.tensor import COMPONENTS, tensor_on_grid
from twin.imaging.units import check_modality
from twin.patient import Organ, Patient, Visit
from twin.treatments.schedule import Schedule


def write_images(patient: Patient, folder: Path, steps: Mapping[str, float]) -> dict[str, Any]:
    """Write every array of a patient as NIfTI and return the entries that name them.

    Args:
        patient: what to write.
        folder: the patient folder.
        steps: modality -> rounding step, as for `save_patient`.

    Raises:
        TwinError: for an unknown modality, or if a file cannot be written.
    """

    def put(image: Image, *parts: str) -> str:
        name = "/".join(re.sub(r"[^A-Za-z0-9_-]+", "_", part) for part in parts) + ".nii.gz"
        write_nifti(image, folder / name, step=steps.get(image.modality))
        return name

    def put_mask(mask: np.ndarray, *parts: str) -> str:
        return put(Image(mask, patient.grid, MASK, "1"), *parts)

    def visit_entry(number: int, visit: Visit) -> dict[str, Any]:
        stem = f"v{number}"
        return {
            "name": visit.name,
            "day": float(visit.time_days),
            "simulated": bool(visit.simulated),
            "images": {
                key: {"file": put(image, stem, key.lower()), "unit": image.unit}
                for key, image in visit.images.items()
            },
            "masks": {
                label: put_mask(mask, stem, f"mask_{label}") for label, mask in visit.masks.items()
            },
        }

    for visit in patient.visits:
        for modality in visit.images:
            check_modality(modality, where=f"visit {visit.name}")
    content: dict[str, Any] = {
        "id": patient.id,
        "site": patient.site,
        "body_surface_m2": float(patient.body_surface_m2),
    }
    if patient.simulated_note:
        content["simulated_note"] = patient.simulated_note
    content["tissue"] = put_mask(patient.tissue, "tissue")
    content["tissues"] = {
        name: put(Image(part, patient.grid, "FRACTION", "1"), "tissues", name)
        for name, part in patient.tissues.items()
    }
    if patient.tensor is not None:
        directions = tensor_on_grid(
            dict(zip(COMPONENTS, patient.tensor, strict=True)), patient.grid, inverse=True
        )
        content["tensor"] = {
            name: put(Image(part, patient.grid, "TENSOR", "a.u."), "tensor", name)
            for name, part in zip(COMPONENTS, directions, strict=True)
        }
    content["visits"] = [visit_entry(n, visit) for n, visit in enumerate(patient.visits)]
    content["treatments"] = _treatments(patient.treatments)
    content["organs"] = [_organ(organ) for organ in patient.organs]
    if patient.markers:
        content["markers"] = dict(patient.markers)
    if patient.prior_shifts:
        content["prior_shifts"] = [
            {**asdict(shift), "factor": float(shift.factor)} for shift in patient.prior_shifts
        ]
    return content


def _treatments(given: Schedule) -> dict[str, list[dict[str, Any]]]:
    return {
        "radiotherapy": [
            {"day": float(f.time_days), "dose_gy": float(f.dose_gy)}
            | ({"field": int(f.field)} if f.field else {})
            for f in given.fractions
        ],
        "drugs": [
            {"day": float(d.time_days), "drug": d.drug, "dose_mg": float(d.dose_mg)}
            for d in given.drug_doses
        ],
        "surgery": [
            {"day": float(s.time_days), "margin_mm": float(s.margin_mm)} for s in given.surgeries
        ],
    }


def _organ(organ: Organ) -> dict[str, Any]:
    limit = organ.eqd2_limit_gy
    return {
        "name": organ.name,
        "alpha_beta_gy": float(organ.alpha_beta_gy),
        "sparing": float(organ.sparing),
        "eqd2_limit_gy": None if limit is None else float(limit),
    }

"""Writes where the spatial models were tested, for the credibility report's applicability section.

    python -m scripts.tested_cases

Reads the recovery case of the tests, the embedded patient with its truth, and the outlines of the
sarcoma cohort; writes experiments/credibility/tested.json.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from experiments.demo import VISITS
from tests.twin.calibration.cases import TREATED_DAYS, TREATED_SPACING_MM, TRUE
from twin.patient_folder import load_patient

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "experiments" / "credibility" / "tested.json"
_TRUTH = {
    "diffusivity": "diffusivity_soft_tissue_mm2_per_day",
    "diffusivity_ratio_fat": "diffusivity_ratio_fat",
    "proliferation_rate": "proliferation_rate_per_day",
    "radiosensitivity_alpha": "radiosensitivity_alpha_sensitive_per_gy",
    "alpha_beta_ratio": "alpha_beta_ratio_gy",
    "clearance_half_life": "clearance_half_life_days",
    "visibility_threshold_gtv": "visibility_threshold_gtv",
}


def tested() -> dict[str, Any]:
    """Cases with simulated follow-up, and outlines of real tumors."""
    return {
        "cases": [recovery(), embedded()],
        "real_outlines_ml": {"soft_tissue_sarcoma": outlines_ml(ROOT / "patients/cohorts/sts")},
    }


def recovery() -> dict[str, Any]:
    """The virtual patient whose known parameters tests/validation/test_recovery.py gets back."""
    return {
        "name": "recovery of known parameters",
        "site": "glioma",
        "patient_file": None,
        "outlined_ml": None,
        "voxel_mm": TREATED_SPACING_MM,
        "fitted_visits": len(TREATED_DAYS),
        "days_between_visits": float(np.diff(TREATED_DAYS).mean()),
        "parameters": TRUE,
    }


def embedded() -> dict[str, Any]:
    """The embedded patient, simulated by a richer model than the one that is calibrated."""
    patient = load_patient(ROOT / "patients" / "demo")
    truth = json.loads((ROOT / "patients" / "demo" / "truth.json").read_text())["parameters"]
    fitted = patient.visits[:VISITS]
    return {
        "name": "the embedded patient",
        "site": patient.site,
        "patient_file": patient.provenance["patient.yaml"],
        "outlined_ml": patient.volume_ml(np.logical_or.reduce(list(fitted[0].masks.values()))),
        "voxel_mm": float(max(patient.grid.spacing_mm)),
        "fitted_visits": VISITS,
        "days_between_visits": float(np.diff([v.time_days for v in fitted]).mean()),
        "parameters": {ours: truth[theirs] for ours, theirs in _TRUTH.items()},
    }


def outlines_ml(cohort: Path) -> list[float]:
    """Volumes of the tumors of a cohort, mL, in increasing order."""
    volumes = []
    for path in sorted(cohort.glob("*/PET_mask.nii.gz")):
        mask = nibabel.load(path)
        voxel_ml = float(abs(np.linalg.det(mask.affine[:3, :3]))) / 1000.0  # type: ignore[attr-defined]
        volumes.append(round(float(np.count_nonzero(mask.get_fdata())) * voxel_ml, 2))  # type: ignore[attr-defined]
    return sorted(volumes)


def main() -> None:
    """Write the file."""
    FILE.write_text(json.dumps(tested(), indent=1) + "\n")


if __name__ == "__main__":
    main()

"""A copy of the demo patient and plans for it, full of names that must not leave a hospital."""

from __future__ import annotations

import base64
import contextlib
import gzip
import os
import re
import shutil
import zlib
from pathlib import Path
from typing import Any

import yaml

from tests.experiments.commands import DEMO

PLANTED = {
    "folder": "okonkwo_radonc_ward",
    "patient": "Quastenholz-Zyprian",
    "note": "Pseudonymkey-Felsenau",
    "visit 1": "Baseline-Wednesbury",
    "visit 2": "20260105-Dr-Haverstock",
    "visit 3": "MRN-4711-0815",
    "visit 4": "Ward-Seven-Bravo",
    "visit 5": "CaseConference-Ebersberg",
    "visit 6": "Zimmer-Nr-1234",
    "organ 1": "femur-of-Quasten",
    "organ 2": "scar-of-1998-Lindqvist",
    "organ 3": "Nervus-Felsenbach",
    "mask": "gtv_drnakamura",
    "tissue": "Muskelgewebe_Ansbach",
    "image file": "brunhilde_scan_7766",
    "mask file": "segment_by_tarkowski",
    "plan 1": "Tumorboard-Plan-Castellane",
    "plan 2": "Privatpatient-Plan-Moorgate",
    "plan 3": "SecondOpinion-Plan-Ulvila",
    "plan file": "plans_for_quastenholz",
    "run folder": "run_of_brynhildsvoll",
}
VISITS = [PLANTED[f"visit {i}"] for i in range(1, 7)]


def planted_patient(folder: Path) -> Path:
    """Copy the demo patient under names that identify."""
    patient = folder / PLANTED["folder"]
    shutil.copytree(DEMO, patient)
    content = yaml.safe_load((patient / "patient.yaml").read_text(encoding="utf-8"))
    content["id"] = PLANTED["patient"]
    content["simulated_note"] = f"simulated follow-up; {PLANTED['note']}"
    content["tissues"][PLANTED["tissue"]] = content["tissues"].pop("muscle")
    for number, (visit, name) in enumerate(zip(content["visits"], VISITS, strict=True)):
        visit["name"] = name
        _rename(patient, visit["images"]["ADC"], f"{PLANTED['image file']}_{number}.nii.gz")
        mask = {"file": visit["masks"].pop("gtv")}
        _rename(patient, mask, f"{PLANTED['mask file']}_{number}.nii.gz")
        visit["masks"][PLANTED["mask"]] = mask["file"]
    for number, organ in enumerate(content["organs"], start=1):
        organ["name"] = PLANTED[f"organ {number}"]
    (patient / "patient.yaml").write_text(
        yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8"
    )
    return patient


def planted_plans(folder: Path) -> Path:
    """Three plans of names that identify."""
    courses = [(5, 6.0), (15, 3.0), (25, 2.0)]
    plans = [
        {
            "name": PLANTED[f"plan {number}"],
            "radiotherapy": [{"day": 49, "dose_gy": dose, "fractions": count}],
            "surgery": [{"day": 125, "margin_mm": 10}],
        }
        for number, (count, dose) in enumerate(courses, start=1)
    ]
    path = folder / f"{PLANTED['plan file']}.yaml"
    content = {"schema": "oncotwin-plans/1", "horizon_days": 180, "plans": plans}
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def of_this_machine() -> dict[str, str]:
    """What could leak without anybody having typed it."""
    return {"host": os.uname().nodename, "home": str(Path.home()) + "/", "folder": os.getcwd()}


def _rename(patient: Path, entry: dict[str, Any], name: str) -> None:
    old = Path(entry["file"])
    (patient / old).rename(patient / old.with_name(name))
    entry["file"] = str(old.with_name(name))


def volumes(page: str) -> int:
    """How many base64 texts of a page are NIfTI files, packed or not."""
    count = 0
    for text in re.findall(r"[A-Za-z0-9+/]{200,}={0,2}", page):
        data = base64.b64decode(text[: len(text) // 4 * 4])
        with contextlib.suppress(OSError, EOFError, zlib.error):
            data = gzip.decompress(data)
        count += b"n+1\0" in data[:400] or b"ni1\0" in data[:400]
    return count

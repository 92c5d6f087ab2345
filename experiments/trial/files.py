"""Patients of a trial on disk: one JSON file each, so that a trial goes on where it was stopped."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from experiments.atomic_files import make_folder, read_bytes, remove, write_bytes
from experiments.json_text import from_json, identity_of, to_json
from twin.errors import TwinError
from twin.scenarios.plan_set import Plan
from twin.scenarios.trial import Course, PatientResult

CONFIGURATION = "configuration.json"
_AGAIN = "Start the trial anew with --restart, or in another folder."


def open_folder(folder: Path, configuration: Mapping[str, Any], *, restart: bool) -> None:
    """Make the folder of a trial, or check that it holds the same trial.

    Raises:
        TwinError: it holds another trial, and `restart` does not say to discard it.
    """
    make_folder(folder / "patients")
    path = folder / CONFIGURATION
    wanted = dict(configuration, identity=identity_of(configuration))
    if restart:
        for old in (*folder.glob("patients/*.json"), folder / "trial.json", path):
            remove(old)
    if path.exists():
        held = from_json(read_bytes(path), where=str(path), fix=_AGAIN)
        if not isinstance(held, dict) or held.get("identity") != wanted["identity"]:
            raise TwinError(
                "the folder holds another trial", where=str(folder), got=_brief(held), fix=_AGAIN
            )
        return
    write_bytes(path, to_json(wanted, where=str(path), indent=1).encode())


def patient_path(folder: Path, world: str, number: int) -> Path:
    """The file of a patient."""
    return folder / "patients" / f"{world}-{number:04d}.json"


def write_patient(path: Path, result: PatientResult) -> None:
    """Write what became of a patient."""
    content = {
        "simulated": True,
        "number": result.number,
        "converged": result.converged,
        "promised_days": result.promised_days,
        "scan_value_days": result.scan_value_days,
        "courses": {
            name: {
                "progression_days": course.progression_days,
                "progressed": course.progressed,
                "control_days": course.control_days,
                "uncontrolled": course.uncontrolled,
                "plans": course.plans,
                "given": Plan("given", course.given).to_dict(),
                "visible_ml": course.visible_ml,
            }
            for name, course in result.courses.items()
        },
    }
    write_bytes(path, to_json(content, where=str(path)).encode())


def read_patient(path: Path) -> PatientResult:
    """The patient that `write_patient` wrote.

    Raises:
        TwinError: the file is damaged or not a patient.
    """
    data = from_json(read_bytes(path), where=str(path), fix="Remove the file; it is made anew.")
    try:
        worth = data["scan_value_days"]
        courses = {
            name: Course(
                progression_days=held["progression_days"],
                progressed=held["progressed"],
                control_days=held["control_days"],
                uncontrolled=held["uncontrolled"],
                plans=tuple(held["plans"]),
                given=Plan.from_dict(held["given"]).schedule,
                visible_ml=np.asarray(held["visible_ml"], float),
            )
            for name, held in data["courses"].items()
        }
        return PatientResult(
            data["number"],
            courses,
            data["promised_days"],
            data["converged"],
            None if worth is None else (float(worth[0]), float(worth[1])),
        )
    except (KeyError, TypeError) as error:
        raise TwinError(
            "not a patient of a trial",
            where=str(path),
            got=f"{type(error).__name__}: {error}",
            fix="Remove the file; it is made anew.",
        ) from error


def _brief(held: Any) -> str:
    if not isinstance(held, dict):
        return "no configuration"
    return f"seed {held.get('seed')}, strategies {held.get('strategies')}"

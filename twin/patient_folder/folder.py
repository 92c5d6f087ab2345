"""Loading, checking and saving a patient folder.

The format is documented in docs/reference/patient-folder.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from twin.errors import Problems, TwinError
from twin.patient import Patient
from twin.patient_folder.names import FILE, SCHEMA
from twin.patient_folder.summary import Finding, describe, limits
from twin.patient_folder.writing import write_images


def load_patient(folder: str | Path) -> Patient:
    """Read a patient folder, everything checked.

    Args:
        folder: the folder that holds `patient.yaml`.

    Returns:
        the patient; `provenance` holds the SHA-256 of every file read and, where affine and
        pixdim disagree, which one was believed.

    Raises:
        TwinError: for anything wrong; the message gives the first error in full and lists the
            others (`check_patient` gives all in full).
    """
    problems = Problems()
    patient = _read(Path(folder), problems)
    problems.raise_first()
    assert patient is not None
    return patient


def check_patient(folder: str | Path) -> list[Finding]:
    """What a patient folder holds, what is missing for calibrating, and everything wrong with it.

    Returns:
        findings: first what is there (info), then warnings, then errors. Never raises for bad
        content. The folder can be loaded if there is no error.
    """
    problems = Problems()
    patient = _read(Path(folder), problems)
    found: list[Finding] = []
    if patient is not None:
        found += describe(patient) + ([] if problems.found else limits(patient))
        found += [
            Finding("warning", key, value)
            for key, value in patient.provenance.items()
            if key.startswith("spacing_from ")
        ]
    errors = [
        Finding("error", error.where or str(folder), error.detail) for error in problems.found
    ]
    return found + errors


def save_patient(
    patient: Patient,
    folder: str | Path,
    *,
    steps: Mapping[str, float] | None = None,
    overwrite: bool = False,
) -> None:
    """Write a patient folder, byte for byte the same each time.

    Times are written as days, treatments one by one, images in their kept unit. What comes back
    from `load_patient` is the same patient (affines rounded to float32, as NIfTI stores them).

    Args:
        patient: what to write.
        folder: where to; created.
        steps: modality -> rounding step: stored as int16 multiples of it (smaller files).
        overwrite: allow a folder that already holds a patient.

    Raises:
        TwinError: if the folder already holds a patient, a modality is unknown, or writing fails.
    """
    import yaml

    folder = Path(folder)
    if (folder / FILE).exists() and not overwrite:
        raise TwinError(
            "the folder already holds a patient",
            where=str(folder),
            fix="Choose another folder, or pass overwrite=True",
        )
    content = {"schema": SCHEMA, **write_images(patient, folder, steps or {})}
    text = yaml.safe_dump(
        content, sort_keys=False, allow_unicode=True, width=100, default_flow_style=None
    )
    try:
        (folder / FILE).write_text(text, encoding="utf-8")
    except OSError as error:
        raise TwinError(
            "the file cannot be written",
            where=str(folder / FILE),
            got=error.strerror or str(error),
            fix="Check free space and permissions of the folder",
        ) from error


def _read(folder: Path, problems: Problems) -> Patient | None:
    """Read as much as can be read; None if errors leave no patient."""
    # Imported here, since pydantic and YAML would double the time of `import twin`.
    from twin.patient_folder.reading import read_entries
    from twin.patient_folder.schema import validate
    from twin.patient_folder.text import read_text

    provenance: dict[str, str] = {}
    with problems.at():
        content, provenance[FILE] = read_text(folder)
        entry = validate(content, problems)
        if entry is not None:
            return read_entries(entry, folder, problems, provenance)
    return None

"""The patient folder: `patient.yaml` and NIfTI files, read, written and checked.

The format is documented in docs/reference/patient-folder.md.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from twin.errors import Problems, TwinError
from twin.patient import BODY_SURFACE_RANGE_M2, Patient
from twin.patient_errors import translated
from twin.patient_reading import FILE as PATIENT_FILE
from twin.patient_reading import read_entries
from twin.patient_summary import Finding, describe, limits
from twin.patient_writing import write_images

SCHEMA = "oncotwin-patient/1"


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Timed(_Entry):
    day: float | None = None
    date: str | None = None


_Name = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f]+$")]
_Label = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]
_Unit = Annotated[str, BeforeValidator(lambda unit: str(unit) if type(unit) is int else unit)]


class _ImageFile(_Entry):
    file: str
    unit: _Unit


class VisitEntry(Timed):
    name: _Name
    simulated: bool = False
    images: dict[str, _ImageFile] = {}
    masks: dict[_Label, str] = {}


class _Course(Timed):
    dose_gy: float
    fractions: Annotated[int, Field(ge=1, le=1000)] = 1
    per_day: Annotated[int, Field(ge=1, le=24)] = 1
    interval_hours: Annotated[float, Field(gt=0, lt=24)] = 6.0
    weekdays: Annotated[
        list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] | None, Field(min_length=1)
    ] = None
    field: Annotated[int, Field(ge=0)] = 0


class _DrugEntry(Timed):
    drug: str
    dose_mg: float


class _SurgeryEntry(Timed):
    margin_mm: float


class _Treatments(_Entry):
    radiotherapy: list[_Course] = []
    drugs: list[_DrugEntry] = []
    surgery: list[_SurgeryEntry] = []


class _OrganEntry(_Entry):
    name: _Name
    alpha_beta_gy: float
    sparing: float
    eqd2_limit_gy: float | None = None


_BodySurface = Annotated[float, Field(ge=BODY_SURFACE_RANGE_M2[0], le=BODY_SURFACE_RANGE_M2[1])]


class PatientFile(_Entry):
    schema_: Annotated[Literal["oncotwin-patient/1"], Field(alias="schema")]
    id: _Name
    site: Literal["glioma", "soft_tissue_sarcoma", "breast", "generic"]
    body_surface_m2: _BodySurface
    simulated_note: str = ""
    tissue: str
    tissues: dict[_Label, str] = {}
    spacing_from: Literal["affine", "pixdim"] | None = None
    visits: Annotated[list[VisitEntry], Field(min_length=1)]
    treatments: _Treatments = _Treatments()
    organs: list[_OrganEntry] = []


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
    folder = Path(folder)
    if (folder / PATIENT_FILE).exists() and not overwrite:
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
        (folder / PATIENT_FILE).write_text(text, encoding="utf-8")
    except OSError as error:
        raise TwinError(
            "the file cannot be written",
            where=str(folder / PATIENT_FILE),
            got=error.strerror or str(error),
            fix="Check free space and permissions of the folder",
        ) from error


def _read(folder: Path, problems: Problems) -> Patient | None:
    """Read as much as can be read; None if errors leave no patient."""
    provenance: dict[str, str] = {}
    with problems.at():
        content, provenance[PATIENT_FILE] = _read_yaml(folder)
        entry = _validated(content, problems)
        if entry is not None:
            return read_entries(entry, folder, problems, provenance)
    return None


def _read_yaml(folder: Path) -> tuple[dict[str, Any], str]:
    """The content of the patient file and its SHA-256."""
    path = folder / PATIENT_FILE
    if not path.is_file():
        raise TwinError(
            f"there is no {PATIENT_FILE}" if folder.is_dir() else "there is no such folder",
            where=str(folder),
            expected=f"a folder with {PATIENT_FILE}",
            fix="docs/reference/patient-folder.md shows one in full",
        )
    try:
        raw = path.read_bytes()
        content = yaml.load(raw.decode("utf-8"), Loader=_Loader)  # noqa: S506 (a SafeLoader)
    except OSError as error:
        raise TwinError("cannot be read", where=str(path), got=str(error.strerror)) from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        detail = " ".join(str(error).split()) or type(error).__name__
        raise TwinError(
            "not valid YAML", where=PATIENT_FILE, got=detail, fix="Correct it at the line named"
        ) from error
    if not isinstance(content, dict):
        raise TwinError(
            "not a patient file",
            where=PATIENT_FILE,
            expected="keys and values",
            got=type(content).__name__,
        )
    if content.get("schema", SCHEMA) != SCHEMA:
        raise TwinError(
            "another schema version",
            where=f"{PATIENT_FILE}: schema",
            expected=SCHEMA,
            got=str(content["schema"]),
            fix="Convert the file, or use the version of oncotwin that wrote it",
        )
    return content, hashlib.sha256(raw).hexdigest()


class _Loader(yaml.SafeLoader):
    """YAML with text for dates, only true and false as booleans, and no key given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"duplicate key {key.value!r}", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


_FLOAT = re.compile(r"^[-+]?(\d+\.\d*|\.\d+|\d+)([eE][-+]?\d+)?$|^[-+]?\.(inf|Inf)$|^\.(nan|NaN)$")
_DROPPED = ("bool", "float", "timestamp")
_Loader.yaml_implicit_resolvers = {
    first: [(tag, regex) for tag, regex in resolvers if tag.rpartition(":")[2] not in _DROPPED]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|false)$"), list("tf"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+.0123456789"))


def _validated(content: dict[str, Any], problems: Problems) -> PatientFile | None:
    try:
        return PatientFile.model_validate(content)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            problems.add(translated(detail, PatientFile, PATIENT_FILE))
        return None

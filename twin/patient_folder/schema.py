"""The entries of a patient file: which keys there are, and of which kind."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from twin.errors import Problems
from twin.patient import BODY_SURFACE_RANGE_M2
from twin.patient_folder.names import FILE
from twin.patient_folder.wording import translated


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


class Course(Timed):
    dose_gy: float
    fractions: Annotated[int, Field(ge=1, le=1000)] = 1
    per_day: Annotated[int, Field(ge=1, le=24)] = 1
    interval_hours: Annotated[float, Field(gt=0, lt=24)] = 6.0
    weekdays: Annotated[
        list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] | None, Field(min_length=1)
    ] = None
    field: Annotated[int, Field(ge=0)] = 0


class DrugEntry(Timed):
    drug: str
    dose_mg: float


class SurgeryEntry(Timed):
    margin_mm: float


class Treatments(_Entry):
    radiotherapy: list[Course] = []
    drugs: list[DrugEntry] = []
    surgery: list[SurgeryEntry] = []


class OrganEntry(_Entry):
    name: _Name
    alpha_beta_gy: float
    sparing: float
    eqd2_limit_gy: float | None = None


def _as_text(value: Any) -> Any:
    """Markers may be written as text, numbers or true and false; they are compared as text."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, int | float) else value


_MarkerValue = Annotated[_Name, BeforeValidator(_as_text)]


class ShiftEntry(_Entry):
    marker: _Label
    value: _MarkerValue
    parameter: _Label
    factor: float
    source: _Name


_BodySurface = Annotated[float, Field(ge=BODY_SURFACE_RANGE_M2[0], le=BODY_SURFACE_RANGE_M2[1])]


class PatientFile(_Entry):
    schema_: Annotated[Literal["oncotwin-patient/1"], Field(alias="schema")]
    id: _Name
    site: Literal["glioma", "soft_tissue_sarcoma", "breast", "generic"]
    body_surface_m2: _BodySurface
    simulated_note: str = ""
    tissue: str
    tissues: dict[_Label, str] = {}
    tensor: dict[Literal["xx", "yy", "zz", "xy", "xz", "yz"], str] = {}
    spacing_from: Literal["affine", "pixdim"] | None = None
    visits: Annotated[list[VisitEntry], Field(min_length=1)]
    treatments: Treatments = Treatments()
    organs: list[OrganEntry] = []
    markers: dict[_Label, _MarkerValue] = {}
    prior_shifts: list[ShiftEntry] = []


class ScanFile(VisitEntry):
    schema_: Annotated[Literal["oncotwin-scan/1"], Field(alias="schema")]
    volumes_ml: dict[_Label, float] = {}
    treatments: Treatments = Treatments()


def validate[Kind: BaseModel](
    content: dict[str, Any], problems: Problems, kind: type[Kind] = PatientFile, file: str = FILE
) -> Kind | None:
    """The entries of a patient file or a scan; None if any is wrong, with every error kept."""
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            problems.add(translated(detail, kind, file))
        return None

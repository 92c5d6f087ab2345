"""Reads plans from YAML: a grid of axes, explicit plans, or both (docs/reference/plans.md)."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from twin.errors import TwinError
from twin.patient import Patient
from twin.patient_folder.text import NoDuplicates
from twin.scenarios.courses import HOURS_BETWEEN_FRACTIONS, MAX_FRACTIONS_PER_DAY, dated_fractions
from twin.scenarios.plan_set import Plan, PlanSet, unique_names
from twin.scenarios.plans import (
    FOLLOW_UP_DAYS,
    chemotherapy,
    combine,
    fractionation,
    standard_of_care,
    surgery,
)
from twin.treatments.chemotherapy import get_drug
from twin.treatments.schedule import MAX_FRACTION_GY, DrugDose, Fraction, Schedule, Surgery

SCHEMA = "oncotwin-plans/1"
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegativeFloat = Annotated[float, Field(ge=0, allow_inf_nan=False)]
FractionDose = Annotated[float, Field(gt=0, le=MAX_FRACTION_GY, allow_inf_nan=False)]
Margin = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Day = Annotated[float, Field(allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Range(_Strict):
    low: PositiveFloat
    high: PositiveFloat


class _Grid(_Strict):
    total_dose_gy: PositiveFloat | list[PositiveFloat] | _Range | None = None
    dose_per_fraction_gy: FractionDose | list[FractionDose] | _Range | None = None
    fractions_per_day: int | list[int] = 1
    fractions_per_week: int | list[int] = 5
    start_delay_days: NonNegativeFloat | list[NonNegativeFloat] = 0.0
    gap_days: NonNegativeFloat | list[NonNegativeFloat] = 0.0
    drug: str | None = None
    drug_dose_mg_m2: NonNegativeFloat | list[NonNegativeFloat] | None = None
    cycles: int | list[int] = 1
    interval_days: PositiveFloat | list[PositiveFloat] = 21.0
    days_per_cycle: Annotated[int, Field(ge=1)] = 1
    drug_start_delay_days: NonNegativeFloat | list[NonNegativeFloat] = 0.0
    surgery_delay_days: NonNegativeFloat | list[NonNegativeFloat | None] | None = None
    margin_mm: Margin | list[Margin] = 10.0

    @model_validator(mode="after")
    def _complete(self) -> _Grid:
        if (self.total_dose_gy is None) != (self.dose_per_fraction_gy is None):
            raise ValueError("total_dose_gy and dose_per_fraction_gy go together")
        if (self.drug is None) != (self.drug_dose_mg_m2 is None):
            raise ValueError("drug and drug_dose_mg_m2 go together")
        if self.total_dose_gy is None and self.drug is None and self.surgery_delay_days is None:
            raise ValueError("the grid needs radiotherapy, a drug or surgery_delay_days")
        return self


class _Course(_Strict):
    day: Day
    dose_gy: FractionDose
    fractions: Annotated[int, Field(ge=1, le=200)] = 1
    per_day: Annotated[int, Field(ge=1, le=MAX_FRACTIONS_PER_DAY)] = 1
    interval_hours: Annotated[float, Field(ge=HOURS_BETWEEN_FRACTIONS, le=12)] = 6.0
    weekdays: Annotated[list[Weekday], Field(min_length=1)] = list(WEEKDAYS[:5])  # type: ignore[assignment]

    @model_validator(mode="after")
    def _fits_the_day(self) -> _Course:
        if (self.per_day - 1) * self.interval_hours >= 24:
            raise ValueError("per_day fractions with interval_hours between do not fit one day")
        return self


class _Drug(_Strict):
    day: Day
    drug: str
    dose_mg: PositiveFloat | None = None
    dose_mg_m2: PositiveFloat | None = None

    @model_validator(mode="after")
    def _one_dose(self) -> _Drug:
        if (self.dose_mg is None) == (self.dose_mg_m2 is None):
            raise ValueError("give either dose_mg or dose_mg_m2")
        return self


class _Operation(_Strict):
    day: Day
    margin_mm: Margin


class _Plan(_Strict):
    name: Annotated[str, Field(min_length=1)]
    radiotherapy: list[_Course] = []
    drugs: list[_Drug] = []
    surgery: list[_Operation] = []


class _PlanFile(_Strict):
    schema_name: Annotated[Literal["oncotwin-plans/1"], Field(alias="schema")]
    horizon_days: PositiveFloat | None = None
    day_0: Weekday | datetime.date = "mon"
    grid: _Grid | None = None
    plans: list[_Plan] = []

    @model_validator(mode="after")
    def _not_empty(self) -> _PlanFile:
        if self.grid is None and not self.plans:
            raise ValueError("give a grid, plans, or both")
        return self


def load_plans(path: str | Path, patient: Patient, decision_day: float) -> PlanSet:
    """The plans of a YAML file, for one patient, with the standard of care of the site.

    Args:
        path: see docs/reference/plans.md.
        patient: site and body surface are read.
        decision_day: days since the first visit; every plan starts on or after it.

    Raises:
        TwinError: the file is missing or not YAML, a field is unknown or out of range, a drug is
            unknown, a plan starts before the decision day or outlasts the horizon, or nothing of
            the grid can be delivered. The message names the file and the field.
    """
    path = Path(path)
    content = _parse(path)
    first_weekday = (
        WEEKDAYS.index(content.day_0) if isinstance(content.day_0, str) else content.day_0.weekday()
    )
    try:
        explicit = [
            _explicit_plan(entry, f"plans[{number}]", first_weekday, patient.body_surface_m2)
            for number, entry in enumerate(content.plans)
        ]
        generated: list[Plan] = []
        if content.grid is not None:
            generated = list(_grid_plans(content, patient, decision_day, first_weekday))
        standard = standard_of_care(
            patient.site, decision_day, patient.body_surface_m2, first_weekday=first_weekday
        )
        plans = unique_names([*explicit, *generated, standard])
        horizon = content.horizon_days
        if horizon is None:
            horizon = max(p.schedule.end_days for p in plans) - decision_day + FOLLOW_UP_DAYS
        return PlanSet(tuple(plans), horizon, decision_day)
    except TwinError as error:
        raise error.at(str(path)) from None


def _parse(path: Path) -> _PlanFile:
    try:
        data: Any = yaml.load(path.read_text(encoding="utf-8"), Loader=NoDuplicates)
    except OSError as error:
        raise TwinError("cannot read the plan file", where=str(path), got=str(error)) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        text = " ".join(str(error).split())
        raise TwinError("the plan file is not valid YAML", where=str(path), got=text) from None
    if not isinstance(data, dict):
        raise TwinError(
            "the plan file is empty or no mapping",
            where=str(path),
            expected=f"a mapping with schema: {SCHEMA}",
            got=type(data).__name__,
        )
    try:
        return _PlanFile.model_validate(data)
    except ValidationError as error:
        raise _readable(path, error) from None


def _readable(path: Path, error: ValidationError) -> TwinError:
    """What pydantic found wrong, with the field as the user wrote it."""
    # Alternatives of one field ("float", "list[...]") are pydantic's words, not the file's; the
    # alternative that got deepest is the one that the user meant.
    first = max(error.errors(), key=lambda e: len(e["loc"]))
    names = [p for p in first["loc"] if isinstance(p, int) or str(p).isidentifier()]
    names = [p for p in names if p not in ("float", "int", "str", "date", "_Range")]
    field = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in names).lstrip(".")
    where = f"{path}: {field}" if field else str(path)
    got = repr(first["input"]) if not isinstance(first["input"], dict) else ""
    if first["type"] == "extra_forbidden":
        return TwinError(
            "unknown key",
            where=where,
            fix="See docs/reference/plans.md for the keys of a plan file.",
        )
    if first["type"] == "missing":
        return TwinError("missing key", where=where)
    return TwinError(first["msg"].removeprefix("Value error, "), where=where, got=got)


def _explicit_plan(entry: _Plan, where: str, first_weekday: int, body_surface_m2: float) -> Plan:
    fractions: list[Fraction] = []
    for course in entry.radiotherapy:
        fractions += dated_fractions(
            course.day,
            course.dose_gy,
            course.fractions,
            per_day=course.per_day,
            interval_hours=course.interval_hours,
            weekdays={WEEKDAYS.index(name) for name in course.weekdays},
            first_weekday=first_weekday,
        )
    doses: list[DrugDose] = []
    for number, dose in enumerate(entry.drugs):
        _check_drug(dose.drug, f"{where}.drugs[{number}].drug")
        dose_mg = dose.dose_mg or (dose.dose_mg_m2 or 0.0) * body_surface_m2
        doses.append(DrugDose(dose.day, dose.drug, dose_mg))
    operations = [Surgery(operation.day, operation.margin_mm) for operation in entry.surgery]
    schedule = Schedule(tuple(fractions), tuple(doses), tuple(operations))
    if not schedule:
        raise TwinError(
            "the plan holds no treatment", where=where, expected="radiotherapy, drugs or surgery"
        )
    return Plan(entry.name, schedule, False, {"origin": "file"})


def _check_drug(name: str, where: str) -> None:
    try:
        get_drug(name)
    except TwinError as error:
        raise TwinError(
            error.what, where=where, expected=error.expected, got=error.got, fix=error.fix
        ) from None


def _grid_plans(
    content: _PlanFile, patient: Patient, decision_day: float, first_weekday: int
) -> list[Plan]:
    grid = content.grid
    assert grid is not None
    shared: dict[str, Any] = {
        "decision_day": decision_day,
        "site": patient.site,
        "body_surface_m2": patient.body_surface_m2,
        "first_weekday": first_weekday,
    }
    parts: list[PlanSet] = []
    if grid.total_dose_gy is not None and grid.dose_per_fraction_gy is not None:
        parts.append(
            fractionation(
                _axis(grid.total_dose_gy),
                _axis(grid.dose_per_fraction_gy),
                grid.fractions_per_day,
                grid.fractions_per_week,
                start_delay_days=grid.start_delay_days,
                gap_days=grid.gap_days,
                **shared,
            )
        )
    if grid.drug is not None and grid.drug_dose_mg_m2 is not None:
        _check_drug(grid.drug, "grid.drug")
        parts.append(
            chemotherapy(
                grid.drug,
                grid.drug_dose_mg_m2,
                grid.cycles,
                grid.interval_days,
                start_delay_days=grid.drug_start_delay_days,
                days_per_cycle=grid.days_per_cycle,
                **shared,
            )
        )
    if grid.surgery_delay_days is not None:
        parts.append(surgery(grid.surgery_delay_days, grid.margin_mm, **shared))
    combined = combine(*parts, horizon_days=content.horizon_days, **shared)
    return [p for p in combined if p.tags.get("origin") == "grid"]


def _axis(value: float | list[float] | _Range) -> Any:
    return (value.low, value.high) if isinstance(value, _Range) else value

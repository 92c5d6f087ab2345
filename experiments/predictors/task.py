"""A prediction task as its YAML file says it: cohort, outcome, inputs, model, baseline, evaluation.

docs/reference/tasks.md explains every key.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from experiments.predictors.derivations import DERIVATIONS
from experiments.predictors.values import Value, as_text
from twin.errors import Problems, TwinError
from twin.patient_folder.text import NoDuplicates
from twin.patient_folder.wording import translated

SCHEMA = "oncotwin-task/1"
LABEL_MODELS = ("logistic", "gradient-boosting")
SURVIVAL_MODELS = ("cox", "random-survival-forest")

ModelKind = Literal["logistic", "gradient-boosting", "cox", "random-survival-forest"]
Derivation = Literal["breast-extent", "lesion-trend", "nsclc-recurrence"]
Name = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f/]+$")]
Text = Annotated[str, Field(min_length=1)]
RowFilter = dict[str, Annotated[list[Value], Field(min_length=1)]]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class TableEntry(_Entry):
    """A table of the cohort; further ones are joined to the first by patient."""

    file: Text
    patient: Text | Annotated[list[Text], Field(min_length=1)]
    derive: Derivation | None = None

    @property
    def patient_columns(self) -> list[str]:
        return [self.patient] if isinstance(self.patient, str) else self.patient


class OutcomeEntry(_Entry):
    """A label, or an event with its time."""

    label: Text | None = None
    event: Text | None = None
    time_days: Text | None = None
    horizon_days: Annotated[float, Field(gt=0)] | None = None
    positive: Annotated[list[Value], Field(min_length=1)] = [1]
    negative: Annotated[list[Value], Field(min_length=1)] = [0]
    unknown: list[Value] = []

    @model_validator(mode="after")
    def _one_kind(self) -> OutcomeEntry:
        survival = (self.event, self.time_days, self.horizon_days)
        if self.label is not None and any(entry is not None for entry in survival):
            raise ValueError("should be either label, or event, time_days and horizon_days")
        if self.label is None and any(entry is None for entry in survival):
            raise ValueError("should be label, or all of event, time_days and horizon_days")
        if twice := _first_repeated([*self.positive, *self.negative, *self.unknown]):
            raise ValueError(f"should list every value once, not {twice} twice")
        return self

    @property
    def is_survival(self) -> bool:
        return self.label is None

    @property
    def columns(self) -> list[str]:
        names = (self.label, self.event, self.time_days)
        return [name for name in names if name is not None]


class InputEntry(_Entry):
    """A column and how it is read."""

    column: Text
    kind: Literal["number", "log", "category", "ordinal", "flag"]
    order: Annotated[list[Value], Field(min_length=2)] | None = None
    values: Annotated[list[Value], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _ordered(self) -> InputEntry:
        if (self.kind == "ordinal") != (self.order is not None):
            raise ValueError("should have order with kind ordinal, and only there")
        if (self.kind == "flag") != (self.values is not None):
            raise ValueError("should have values with kind flag, and only there")
        if twice := _first_repeated(self.order or []):
            raise ValueError(f"should list every value of order once, not {twice} twice")
        return self


class ImagesEntry(_Entry):
    """Features of the tumor in images that lie beside the table, one folder a patient."""

    modality: Name
    features: Literal["all"] | Annotated[list[Text], Field(min_length=1)] = "all"


class ModelEntry(_Entry):
    kind: ModelKind
    interactions: bool = False

    @model_validator(mode="after")
    def _linear(self) -> ModelEntry:
        if self.interactions and self.kind not in ("logistic", "cox"):
            raise ValueError("should have interactions with logistic or cox only; trees have them")
        return self


class BaselineEntry(_Entry):
    """The clinical baseline that a claim must beat: columns of `inputs`, or image features."""

    inputs: Annotated[list[Text], Field(min_length=1)]
    model: ModelKind


class ExternalEntry(_Entry):
    """Rows of the same table that are kept apart and scored once."""

    name: Name
    keep: RowFilter
    multiply: dict[str, Annotated[float, Field(gt=0)]] = {}


class EvaluationEntry(_Entry):
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 20261124
    outer_folds: Annotated[int, Field(ge=2, le=20)] = 5
    outer_repeats: Annotated[int, Field(ge=1, le=100)] = 5
    inner_folds: Annotated[int, Field(ge=2, le=10)] = 3
    permutations: Annotated[int, Field(ge=0)] = 200
    bootstraps: Annotated[int, Field(ge=100)] = 2000


class Task(_Entry):
    """Everything that a task file says."""

    schema_: Annotated[Literal["oncotwin-task/1"], Field(alias="schema")]
    name: Name
    question: Text
    source: Text
    use: Text
    tables: Annotated[list[TableEntry], Field(min_length=1)]
    missing: list[Value] = []
    keep: RowFilter = {}
    eligible: RowFilter = {}
    outcome: OutcomeEntry
    group: Text | None = None
    inputs: list[InputEntry] = []
    images: ImagesEntry | None = None
    model: ModelEntry
    baseline: BaselineEntry
    external: list[ExternalEntry] = []
    evaluation: EvaluationEntry = EvaluationEntry()

    @field_validator("inputs")
    @classmethod
    def _columns_once(cls, inputs: list[InputEntry]) -> list[InputEntry]:
        names = [entry.column for entry in inputs]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"should name every column once, not {sorted(twice)[0]!r} twice")
        return inputs

    @model_validator(mode="after")
    def _fits_together(self) -> Task:
        if not self.inputs and self.images is None:
            raise ValueError("should have inputs, images or both")
        known = [entry.column for entry in self.inputs]
        for column in self.outcome.columns:
            if column in known:
                raise ValueError(f"should not use the outcome {column!r} as an input")
        if self.images is None and (
            unknown := [name for name in self.baseline.inputs if name not in known]
        ):
            raise ValueError(f"baseline.inputs should be columns of inputs, not {unknown[0]!r}")
        names = [entry.name for entry in self.external]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"external should name every cohort once, not {twice[0]!r} twice")
        measured = [entry.column for entry in self.inputs if entry.kind in ("number", "log")]
        for entry in self.external:
            if strange := [column for column in entry.multiply if column not in measured]:
                raise ValueError(
                    f"external.multiply should name number or log inputs, not {strange[0]!r}"
                )
        fitting = SURVIVAL_MODELS if self.outcome.is_survival else LABEL_MODELS
        for what, kind in (("model", self.model.kind), ("baseline", self.baseline.model)):
            if kind not in fitting:
                outcome = "event and time_days" if self.outcome.is_survival else "a label"
                raise ValueError(f"{what} should be {' or '.join(fitting)} for {outcome}")
        return self


def load_task(path: str | Path) -> Task:
    """The task of a YAML file.

    Raises:
        TwinError: the file is missing or not YAML, a key is unknown or missing, a value is of the
            wrong kind, or entries contradict each other. The message names the file and the key.
    """
    path = Path(path)
    try:
        content: Any = yaml.load(path.read_text(encoding="utf-8"), Loader=NoDuplicates)
    except OSError as error:
        raise TwinError(
            "cannot read the task file", where=str(path), got=error.strerror or str(error)
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        text = " ".join(str(error).split())
        raise TwinError("the task file is not valid YAML", where=str(path), got=text) from None
    if not isinstance(content, dict):
        raise TwinError(
            "the task file is empty or no mapping",
            where=str(path),
            expected=f"a mapping with schema: {SCHEMA}",
            fix="See docs/reference/tasks.md",
        )
    try:
        return Task.model_validate(content)
    except ValidationError as error:
        problems = Problems()
        for detail in error.errors(include_url=False):
            problems.add(_told(detail, path.name))
        problems.raise_first()
        raise


def _first_repeated(values: list[Value]) -> str | None:
    """The first value that is listed twice, if one is; cells are compared by value ("1.0" is 1)."""
    texts = [as_text(value) for value in values]
    repeated = (value for number, value in enumerate(values) if texts[number] in texts[:number])
    found = next(repeated, None)
    return None if found is None else repr(found)


def _told(detail: Any, file: str) -> TwinError:
    """What pydantic found, in words; entries that contradict each other have no own key."""
    if detail["type"] == "value_error":
        place = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in detail["loc"])
        where = f"{file}: {place.lstrip('.')}" if place else file
        what = detail["msg"].removeprefix("Value error, ")
        return TwinError(
            f"entries do not fit: {what}", where=where, fix="See docs/reference/tasks.md"
        )
    return translated(detail, Task, file)


assert set(DERIVATIONS) == set(Derivation.__args__)  # type: ignore[attr-defined]

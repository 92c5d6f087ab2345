"""Treatment events in time: radiotherapy fractions, drug doses and surgery, sorted by day."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from twin.errors import TwinError
from twin.treatments.chemotherapy import get_drug

MAX_FRACTION_GY = 100.0
"""Above this a single fraction is taken for a slip of the unit (cGy for Gy)."""


@dataclass(frozen=True, order=True)
class Fraction:
    """One radiotherapy fraction of `dose_gy` at `time_days`, through dose map `field`."""

    time_days: float
    dose_gy: float
    field: int = 0

    def __post_init__(self) -> None:
        _finite(self.time_days, "fraction time_days")
        if not 0.0 <= self.dose_gy <= MAX_FRACTION_GY:
            raise TwinError(
                "dose of a fraction is out of range",
                where=f"fraction on day {self.time_days:g}",
                expected=f"0 to {MAX_FRACTION_GY:g} Gy",
                got=f"{self.dose_gy:g} Gy",
                fix="Give each fraction in Gy (1 Gy = 100 cGy), not the total dose.",
            )


@dataclass(frozen=True, order=True)
class DrugDose:
    """One administration of `dose_mg` of `drug` at `time_days`."""

    time_days: float
    drug: str
    dose_mg: float

    def __post_init__(self) -> None:
        _finite(self.time_days, "drug dose time_days")
        get_drug(self.drug)
        if not (self.dose_mg > 0.0 and math.isfinite(self.dose_mg)):
            raise TwinError(
                "dose of a drug must be positive",
                where=f"{self.drug} on day {self.time_days:g}",
                expected="a finite number of mg above 0",
                got=f"{self.dose_mg:g} mg",
                fix="Give the administered dose in mg, or leave the entry out.",
            )


@dataclass(frozen=True, order=True)
class Surgery:
    """Resection at `time_days` of the outlined tumor and `margin_mm` around it."""

    time_days: float
    margin_mm: float

    def __post_init__(self) -> None:
        _finite(self.time_days, "surgery time_days")
        if not 0.0 <= self.margin_mm <= 100.0:
            raise TwinError(
                "surgical margin is out of range",
                where=f"surgery on day {self.time_days:g}",
                expected="0 to 100 mm",
                got=f"{self.margin_mm:g} mm",
                fix="Give the margin around the tumor outline in mm.",
            )


@dataclass(frozen=True)
class Schedule:
    """All treatment events, each kind sorted by time (days since the first visit).

    Two fractions at one time are both kept and both counted. At equal times an image comes
    before a treatment, so an event at the time of a visit is not seen by that visit.
    """

    fractions: tuple[Fraction, ...] = field(default=())
    drug_doses: tuple[DrugDose, ...] = field(default=())
    surgeries: tuple[Surgery, ...] = field(default=())

    def __post_init__(self) -> None:
        for name in ("fractions", "drug_doses", "surgeries"):
            object.__setattr__(self, name, tuple(sorted(getattr(self, name))))

    def __add__(self, other: Schedule) -> Schedule:
        """Every event of both."""
        return Schedule(
            self.fractions + other.fractions,
            self.drug_doses + other.drug_doses,
            self.surgeries + other.surgeries,
        )

    def __bool__(self) -> bool:
        return bool(self.fractions or self.drug_doses or self.surgeries)

    def between(self, start_days: float, stop_days: float) -> Schedule:
        """Events with `start_days <= time < stop_days`."""
        return Schedule(
            tuple(f for f in self.fractions if start_days <= f.time_days < stop_days),
            tuple(d for d in self.drug_doses if start_days <= d.time_days < stop_days),
            tuple(s for s in self.surgeries if start_days <= s.time_days < stop_days),
        )

    def before(self, day: float) -> Schedule:
        """Events strictly before `day`: what an image taken on `day` can have seen."""
        return self.between(-math.inf, day)

    def from_(self, day: float) -> Schedule:
        """Events on or after `day`."""
        return self.between(day, math.inf)

    def shifted(self, days: float) -> Schedule:
        """The same events `days` later."""
        return Schedule(
            tuple(Fraction(f.time_days + days, f.dose_gy, f.field) for f in self.fractions),
            tuple(DrugDose(d.time_days + days, d.drug, d.dose_mg) for d in self.drug_doses),
            tuple(Surgery(s.time_days + days, s.margin_mm) for s in self.surgeries),
        )

    @property
    def total_dose_gy(self) -> float:
        """Sum of all fractions, Gy."""
        return float(sum(f.dose_gy for f in self.fractions))

    @property
    def drugs(self) -> tuple[str, ...]:
        """Names of the drugs given, sorted."""
        return tuple(sorted({d.drug for d in self.drug_doses}))

    @property
    def times_days(self) -> tuple[float, ...]:
        """Every distinct event time, sorted."""
        events = (*self.fractions, *self.drug_doses, *self.surgeries)
        return tuple(sorted({e.time_days for e in events}))

    @property
    def end_days(self) -> float:
        """Time of the last event, or minus infinity without any."""
        return self.times_days[-1] if self else -math.inf


def _finite(value: float, name: str) -> None:
    if not math.isfinite(value):
        raise TwinError("time is not a number", where=name, expected="finite days", got=str(value))

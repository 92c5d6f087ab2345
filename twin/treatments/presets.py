"""Clinical schedules by name, in mg for one patient.

    carboplatin dose = AUC (GFR + 25) mg,  GFR at most 125 mL/min      Calvert 1989
    creatinine clearance = (140 − age) weight / (72 creatinine), × 0.85 in women   Cockcroft 1976

Stupp: 60 Gy in 30 with temozolomide 75 mg/m² daily, four weeks of rest, then six cycles of 150
(first) and 200 mg/m² on five of 28 days (doi 10.1056/NEJMoa043330). AC-T: doxorubicin 60 and
cyclophosphamide 600 mg/m² four times, then paclitaxel; the other schedules are those of the labels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from twin.errors import TwinError
from twin.treatments.fractionation import conventional, hypofractionated, sbrt
from twin.treatments.schedule import DrugDose, Schedule

MAX_GFR_ML_MIN = 125.0
"""Largest filtration rate that carboplatin is dosed by (US label)."""


@dataclass(frozen=True)
class Measures:
    """What doses depend on. None where it is not known: a schedule that needs it is refused.

    Attributes:
        body_surface_m2: body surface.
        gfr_ml_min: glomerular filtration rate.
        weight_kg: body weight.
    """

    body_surface_m2: float | None = None
    gfr_ml_min: float | None = None
    weight_kg: float | None = None

    def need(self, name: str) -> float:
        """One of the measures.

        Raises:
            TwinError: it is not known, or not positive.
        """
        value = getattr(self, name)
        if value is None or not value > 0.0:
            raise TwinError(
                f"the dose depends on {name}",
                where="clinical schedule",
                expected="a number above 0",
                got="none" if value is None else f"{value:g}",
                fix=f"Give Measures({name}=...).",
            )
        return float(value)


def calvert_dose_mg(area_mg_min_per_ml: float, gfr_ml_min: float) -> float:
    """Carboplatin for a wanted area under the curve, mg (Calvert 1989, J Clin Oncol 7:1748).

    Args:
        area_mg_min_per_ml: target AUC, 5 to 6 every three weeks, 1.5 to 2 weekly.
        gfr_ml_min: glomerular filtration rate; counts as 125 mL/min at most.

    Raises:
        TwinError: a value is not positive.
    """
    for name, value in (("area_mg_min_per_ml", area_mg_min_per_ml), ("gfr_ml_min", gfr_ml_min)):
        if not value > 0.0:
            raise TwinError("not positive", where=name, expected="above 0", got=f"{value:g}")
    return area_mg_min_per_ml * (min(gfr_ml_min, MAX_GFR_ML_MIN) + 25.0)


def creatinine_clearance_ml_min(
    age_years: float, weight_kg: float, creatinine_mg_dl: float, sex: Literal["female", "male"]
) -> float:
    """Estimate of the GFR from serum creatinine (Cockcroft & Gault 1976, doi 10.1159/000180580).

    Raises:
        TwinError: a value is not positive, or the age is 140 or more.
    """
    if not (0.0 < age_years < 140.0 and weight_kg > 0.0 and creatinine_mg_dl > 0.0):
        raise TwinError(
            "age, weight or creatinine out of range",
            where="creatinine_clearance_ml_min",
            expected="positive numbers, age below 140",
            got=f"{age_years:g} years, {weight_kg:g} kg, {creatinine_mg_dl:g} mg/dL",
        )
    of_men = (140.0 - age_years) * weight_kg / (72.0 * creatinine_mg_dl)
    return 0.85 * of_men if sex == "female" else of_men


def cycles(
    drug: str,
    dose_mg: float,
    count: int,
    interval_days: float,
    *,
    start_day: float = 0.0,
    days_per_cycle: int = 1,
) -> Schedule:
    """`count` cycles of a drug, each on `days_per_cycle` days in a row."""
    return Schedule(
        (),
        tuple(
            DrugDose(start_day + number * interval_days + day, drug, dose_mg)
            for number in range(count)
            for day in range(days_per_cycle)
        ),
    )


def stupp(measures: Measures, start_day: float = 0.0, *, adjuvant_cycles: int = 6) -> Schedule:
    """Radiotherapy with temozolomide, and temozolomide after it, for glioblastoma."""
    surface = measures.need("body_surface_m2")
    fractions = conventional(60.0, 2.0, start_day=start_day)
    rest_ends = fractions[-1].time_days + 28.0
    course = Schedule(fractions)
    course += cycles("temozolomide", 75.0 * surface, 42, 1.0, start_day=fractions[0].time_days)
    first = min(adjuvant_cycles, 1)
    for count, dose, begins in (
        (first, 150.0, rest_ends),
        (adjuvant_cycles - first, 200.0, rest_ends + 28.0),
    ):
        course += cycles(
            "temozolomide", dose * surface, count, 28.0, start_day=begins, days_per_cycle=5
        )
    return course


def ac_t(
    measures: Measures,
    start_day: float = 0.0,
    *,
    interval_days: float = 21.0,
    paclitaxel: Literal["weekly", "biweekly", "triweekly"] = "weekly",
) -> Schedule:
    """Doxorubicin and cyclophosphamide four times, then paclitaxel, for breast cancer.

    Args:
        measures: body surface.
        start_day: of the first cycle.
        interval_days: 14 (dose-dense) or 21 days between the first four cycles.
        paclitaxel: 80 mg/m² weekly twelve times, or 175 mg/m² every 14 or 21 days four times.
    """
    surface = measures.need("body_surface_m2")
    dose, count, every = {
        "weekly": (80.0, 12, 7.0),
        "biweekly": (175.0, 4, 14.0),
        "triweekly": (175.0, 4, 21.0),
    }[paclitaxel]
    taxane_day = start_day + 4 * interval_days
    return (
        cycles("doxorubicin", 60.0 * surface, 4, interval_days, start_day=start_day)
        + cycles("cyclophosphamide", 600.0 * surface, 4, interval_days, start_day=start_day)
        + cycles("paclitaxel", dose * surface, count, every, start_day=taxane_day)
    )


def _per_surface(drug: str, mg_m2: float, count: int, every: float) -> _Preset:
    return lambda measures, start_day: cycles(
        drug, mg_m2 * measures.need("body_surface_m2"), count, every, start_day=start_day
    )


def _calvert(area: float, count: int, every: float) -> _Preset:
    return lambda measures, start_day: cycles(
        "carboplatin",
        calvert_dose_mg(area, measures.need("gfr_ml_min")),
        count,
        every,
        start_day=start_day,
    )


def _flat(drug: str, dose_mg: float, count: int, every: float) -> _Preset:
    return lambda measures, start_day: cycles(drug, dose_mg, count, every, start_day=start_day)


_Preset = Callable[[Measures, float], Schedule]
PRESETS: dict[str, _Preset] = {
    "stupp": stupp,
    "40 Gy in 15": lambda _, day: Schedule(hypofractionated(40.0, 15, start_day=day)),
    "25 Gy in 5": lambda _, day: Schedule(hypofractionated(25.0, 5, start_day=day)),
    "50 Gy in 25": lambda _, day: Schedule(conventional(50.0, 2.0, start_day=day)),
    "sbrt 54 Gy in 3": lambda _, day: Schedule(sbrt(54.0, 3, start_day=day)),
    "sbrt 50 Gy in 5": lambda _, day: Schedule(sbrt(50.0, 5, start_day=day)),
    "ac-t weekly": ac_t,
    "ac-t dose-dense": lambda measures, day: ac_t(
        measures, day, interval_days=14.0, paclitaxel="biweekly"
    ),
    "ac-t every 3 weeks": lambda measures, day: ac_t(measures, day, paclitaxel="triweekly"),
    "doxorubicin every 3 weeks": _per_surface("doxorubicin", 75.0, 6, 21.0),
    "paclitaxel weekly": _per_surface("paclitaxel", 80.0, 12, 7.0),
    "docetaxel every 3 weeks": _per_surface("docetaxel", 75.0, 6, 21.0),
    "carboplatin AUC 5 every 3 weeks": _calvert(5.0, 6, 21.0),
    "carboplatin AUC 2 weekly": _calvert(2.0, 6, 7.0),
    "pembrolizumab every 3 weeks": _flat("pembrolizumab", 200.0, 18, 21.0),
    "pembrolizumab every 6 weeks": _flat("pembrolizumab", 400.0, 9, 42.0),
    "bevacizumab every 2 weeks": lambda measures, day: cycles(
        "bevacizumab", 10.0 * measures.need("weight_kg"), 12, 14.0, start_day=day
    ),
}
"""Clinical schedules by name. Drug cycles are those of one year at most; day 0 is a Monday."""


def clinical_schedule(
    name: str, measures: Measures | None = None, *, start_day: float = 0.0
) -> Schedule:
    """A clinical schedule by its name.

    Args:
        name: one of `PRESETS`.
        measures: of the patient.
        start_day: days since the first visit; fractions wait for a workday.

    Raises:
        TwinError: an unknown name, or a measure that the dose depends on is missing.
    """
    if name not in PRESETS:
        raise TwinError(
            f"unknown clinical schedule {name!r}",
            where="clinical_schedule",
            expected=", ".join(PRESETS),
            got=repr(name),
        )
    return PRESETS[name](measures or Measures(), start_day)

"""What a plan costs beside the tumor: organs, complications, neutrophils, drugs, clinic days.

    ratio = max over limits of (cost / limit),  limit / nadir for neutrophils;   1 is at a limit

All of it follows from the plan and the patient, not from the draw: it is computed once a plan. The
complication probability takes the organ as dosed uniformly with `sparing` times the prescription.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from twin.errors import TwinError
from twin.patient import Organ
from twin.scenarios.toxicity import (
    drug_exposure,
    drug_limits_mg_m2,
    eqd2_gy,
    organ_toxicity,
    worst_ratio,
)
from twin.treatments.chemotherapy import get_drug
from twin.treatments.normal_tissue import COMPLICATIONS, probability_of_uniform_dose
from twin.treatments.schedule import DrugDose, Schedule

_SLACK = 1e-6
_NADIR_TIMES = 512
NADIR_WITHIN_DAYS = 42.0
"""Days after the last dose in which the lowest count is looked for."""


@dataclass(frozen=True)
class Limits:
    """Limits beside those that organs and drug labels bring; None is no limit.

    Attributes:
        ntcp: highest complication probability of any organ that has one listed; 0.05 is customary.
        neutrophil_nadir_1e9_per_l: lowest neutrophil count; 0.5 is where grade 4 begins.
        clinic_days: most days in the clinic.

    Raises:
        TwinError: a limit that is not positive.
    """

    ntcp: float | None = None
    neutrophil_nadir_1e9_per_l: float | None = None
    clinic_days: float | None = None

    def __post_init__(self) -> None:
        for name in ("ntcp", "neutrophil_nadir_1e9_per_l", "clinic_days"):
            limit = getattr(self, name)
            if limit is not None and not (math.isfinite(limit) and limit > 0.0):
                raise TwinError(
                    "a limit must be positive", where=name, expected="above 0", got=f"{limit:g}"
                )


@dataclass(frozen=True)
class Cost:
    """What one schedule costs a patient.

    Attributes:
        organ_eqd2_gy: EQD2 of every organ, Gy.
        organ_ntcp: complication probability of the organs that have one listed.
        drug_mg_m2: cumulative dose of every drug, mg/m².
        neutrophil_nadir_1e9_per_l: lowest count; None where no drug acts on the marrow, or where
            it was not asked for.
        clinic_days: days of the plan on which the patient has to come.
    """

    organ_eqd2_gy: dict[str, float]
    organ_ntcp: dict[str, float]
    drug_mg_m2: dict[str, float]
    neutrophil_nadir_1e9_per_l: float | None
    clinic_days: int

    def worst_ratio(self, organs: Iterable[Organ], limits: Limits | None = None) -> float:
        """Largest share of a limit that is used; 1 is at the limit, 0 without any limit."""
        limits = limits or Limits()
        ratios = [worst_ratio(self.organ_eqd2_gy, self.drug_mg_m2, organs)]
        if limits.ntcp is not None:
            ratios += [p / limits.ntcp for p in self.organ_ntcp.values()]
        nadir = self.neutrophil_nadir_1e9_per_l
        if limits.neutrophil_nadir_1e9_per_l is not None and nadir is not None:
            ratios.append(limits.neutrophil_nadir_1e9_per_l / max(nadir, 1e-9))
        if limits.clinic_days is not None:
            ratios.append(self.clinic_days / limits.clinic_days)
        return float(max(ratios))

    def no_worse_than(self, other: Cost) -> bool:
        """Whether every organ and every drug with a limit gets at most what it gets in `other`,
        and the neutrophils, where both counts are known, fall no lower. Days in the clinic are no
        toxicity."""
        limited = drug_limits_mg_m2()
        pairs = [(dose, other.organ_eqd2_gy[name]) for name, dose in self.organ_eqd2_gy.items()]
        pairs += [
            (dose, other.drug_mg_m2.get(drug, 0.0))
            for drug, dose in self.drug_mg_m2.items()
            if drug in limited
        ]
        own, theirs = self.neutrophil_nadir_1e9_per_l, other.neutrophil_nadir_1e9_per_l
        if own is not None and theirs is not None:
            pairs.append((-own, -theirs))
        return all(mine <= most + _SLACK * max(abs(most), 1.0) for mine, most in pairs)


def cost_of(
    plan: Schedule,
    organs: Sequence[Organ],
    body_surface_m2: float,
    *,
    given: Schedule | None = None,
    neutrophils: bool = True,
) -> Cost:
    """What a plan costs, on top of what was given.

    Args:
        plan: what is planned; days in the clinic are counted of it alone.
        organs: of the patient.
        body_surface_m2: turns mg into mg/m².
        given: treatments already given; their doses and drugs count.
        neutrophils: whether to integrate the neutrophil count.

    Raises:
        TwinError: body surface is not above 0.
    """
    together = (given or Schedule()) + plan
    return Cost(
        organ_eqd2_gy=organ_toxicity(together, organs),
        organ_ntcp=complications(together, organs),
        drug_mg_m2=drug_exposure(together, body_surface_m2),
        neutrophil_nadir_1e9_per_l=_nadir(together.drug_doses, body_surface_m2)
        if neutrophils
        else None,
        clinic_days=clinic_days(plan),
    )


def complications(schedule: Schedule, organs: Iterable[Organ]) -> dict[str, float]:
    """NTCP of every organ under whose name one is listed (`COMPLICATIONS`), by its α/β."""
    return {
        organ.name: probability_of_uniform_dose(
            float(eqd2_gy(schedule, COMPLICATIONS[organ.name].alpha_beta_gy, organ.sparing)),
            organ.name,
        )
        for organ in organs
        if organ.name in COMPLICATIONS
    }


def clinic_days(schedule: Schedule) -> int:
    """Days with a fraction, an infusion or an operation; drugs taken by mouth are taken at home."""
    infusions = (
        d for d in schedule.drug_doses if get_drug(d.drug).kinetics.absorption_rate_per_day is None
    )
    events = (*schedule.fractions, *infusions, *schedule.surgeries)
    return len({math.floor(event.time_days) for event in events})


@lru_cache(maxsize=4096)
def _nadir(doses: tuple[DrugDose, ...], body_surface_m2: float) -> float | None:
    """Lowest neutrophil count under the doses; None where none of them acts on the marrow."""
    from twin.treatments.neutrophils import MARROW_EFFECTS, neutrophil_course

    acting = tuple(dose for dose in doses if dose.drug in MARROW_EFFECTS)
    if not acting:
        return None
    first, last = acting[0].time_days, acting[-1].time_days
    days = np.linspace(first, last + NADIR_WITHIN_DAYS, _NADIR_TIMES)
    course = neutrophil_course(Schedule((), acting), days, body_surface_m2=body_surface_m2)
    return course.nadir[1]

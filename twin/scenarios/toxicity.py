"""What a schedule costs: BED and EQD2 of organs and tumor, and cumulative drug doses.

    BED = sum_i d_i (1 + d_i / (alpha/beta))        EQD2 = BED / (1 + 2 / (alpha/beta))

(Fowler 1989, doi 10.1259/0007-1285-62-740-679.) An organ gets `sparing` times the prescribed dose
of every fraction. Fractions 6 h or more apart count as completely repaired, although late tissue
repairs with half-times up to about 4 h; fractions closer than that count as one, as if nothing
had been repaired. Time (repopulation) is not in the formula.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from twin.errors import TwinError
from twin.patient import Organ
from twin.treatments.chemotherapy import DRUGS
from twin.treatments.schedule import Schedule

REPAIR_HOURS = 6.0
_TOLERANCE_DAYS = 1e-4


def drug_limits_mg_m2() -> dict[str, float]:
    """Cumulative limits that a label states: doxorubicin 550 mg/m² (cardiomyopathy)."""
    return {
        name: drug.exposure_limit_mg_m2
        for name, drug in DRUGS.items()
        if drug.exposure_limit_mg_m2 is not None
    }


def repaired_doses_gy(schedule: Schedule) -> np.ndarray:
    """Doses of the fractions, those less than 6 h after the one before added to it; shape (N,)."""
    doses: list[float] = []
    last = -np.inf
    for fraction in schedule.fractions:
        if fraction.time_days - last < REPAIR_HOURS / 24.0 - _TOLERANCE_DAYS:
            doses[-1] += fraction.dose_gy
        else:
            doses.append(fraction.dose_gy)
        last = fraction.time_days
    return np.asarray(doses, dtype=float)


def bed_gy(
    schedule: Schedule, alpha_beta_gy: float | np.ndarray, scale: float = 1.0
) -> float | np.ndarray:
    """Biologically effective dose, Gy.

    Args:
        schedule: its fractions are read, at the prescribed dose.
        alpha_beta_gy: alpha/beta, Gy; an array gives an array of its shape.
        scale: fraction of each prescribed dose that the tissue gets.

    Raises:
        TwinError: alpha/beta is not above 0, or scale is negative.
    """
    ratio = np.asarray(alpha_beta_gy, dtype=float)
    if not (np.all(np.isfinite(ratio)) and np.all(ratio > 0.0)):
        raise TwinError("alpha/beta must be above 0", where="alpha_beta_gy", expected="Gy > 0")
    if not scale >= 0.0:
        raise TwinError("a dose cannot be negative", where="scale", expected=">= 0", got=str(scale))
    doses = repaired_doses_gy(schedule) * scale
    bed = doses.sum() + np.square(doses).sum() / ratio
    return float(bed) if ratio.ndim == 0 else bed


def eqd2_gy(
    schedule: Schedule, alpha_beta_gy: float | np.ndarray, scale: float = 1.0
) -> float | np.ndarray:
    """Dose in 2 Gy fractions with the same effect, Gy; arguments and errors as in `bed_gy`."""
    bed = bed_gy(schedule, alpha_beta_gy, scale)
    return bed / (1.0 + 2.0 / alpha_beta_gy)


def organ_toxicity(schedule: Schedule, organs: Iterable[Organ]) -> dict[str, float]:
    """EQD2 of every organ, Gy, with its own alpha/beta and sparing.

    Args:
        schedule: what was given and what is planned, together.
        organs: name, alpha_beta_gy and sparing are read.
    """
    return {o.name: float(eqd2_gy(schedule, o.alpha_beta_gy, o.sparing)) for o in organs}


def drug_exposure(schedule: Schedule, body_surface_m2: float) -> dict[str, float]:
    """Cumulative dose of every drug in the schedule, mg/m².

    Raises:
        TwinError: body surface is not above 0.
    """
    if not body_surface_m2 > 0.0:
        raise TwinError(
            "body surface must be above 0",
            where="body_surface_m2",
            expected="m²",
            got=f"{body_surface_m2:g}",
        )
    total = dict.fromkeys(schedule.drugs, 0.0)
    for dose in schedule.drug_doses:
        total[dose.drug] += dose.dose_mg / body_surface_m2
    return total


def worst_ratio(
    organ_eqd2_gy: dict[str, float], drug_mg_m2: dict[str, float], organs: Iterable[Organ]
) -> float:
    """Largest of EQD2 / limit over organs and exposure / limit over drugs; 1 is at the limit.

    Organs and drugs without a limit do not count; without any limit the ratio is 0.
    """
    ratios = [
        _ratio(organ_eqd2_gy[o.name], o.eqd2_limit_gy)
        for o in organs
        if o.eqd2_limit_gy is not None
    ]
    limits = drug_limits_mg_m2()
    ratios += [
        _ratio(amount, limits[drug]) for drug, amount in drug_mg_m2.items() if drug in limits
    ]
    return max(ratios, default=0.0)


def tumor_bed_gy(schedule: Schedule, alpha_beta_gy: np.ndarray) -> np.ndarray:
    """BED of the tumor under each drawn alpha/beta, Gy; shape (S,) as `alpha_beta_gy`."""
    return np.asarray(bed_gy(schedule, np.asarray(alpha_beta_gy, dtype=float)))


def _ratio(amount: float, limit: float) -> float:
    if limit > 0.0:
        return amount / limit
    return 0.0 if amount == 0.0 else np.inf

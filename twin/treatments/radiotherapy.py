"""What fractions do: survival, biologically effective dose, repair, repopulation, oxygen.

    −ln S = α Σ d_i + β (Σ q(d_i) + 2 Σ_{i<j} d_i d_j 2^(−(t_j − t_i) / T_r))
    q(d)  = d²  up to the onset d_T,  d_T (2 d − d_T)  above
    BED   = −ln S / α − ln 2 max(T − T_k, 0) / (α T_p),   β = α / (α/β)
    EQD2  = BED / (1 + 2 / (α/β)),   OER(p) = (m p + K) / (p + K)

Linear-quadratic law and BED: Fowler 1989 (doi 10.1259/0007-1285-62-740-679). Above d_T the log
kill goes on along its tangent: Guerrero & Li 2004 (doi 10.1088/0031-9155/49/20/014), Astrahan 2008
(doi 10.1118/1.2969065). Pairs of fractions whose damage is not repaired: Thames 1985
(doi 10.1080/09553008514550241). Oxygen: Alper & Howard-Flanders 1956 (doi 10.1038/178978a0).
Plain NumPy, one voxel at a time: what the solver is checked against.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from twin.errors import TwinError

ONSET_GY = 10.0
"""Dose of a fraction above which the linear-quadratic law overstates kill (assumed, 8-10 Gy)."""
MAX_OXYGEN_ENHANCEMENT = 3.0
HALF_OXYGEN_MMHG = 3.0
"""Largest enhancement and the pressure of its midpoint, mmHg (assumed, 2.5-3 and about 3)."""


def quadratic_dose_gy2(
    dose_gy: np.ndarray | float, onset_gy: float = math.inf
) -> np.ndarray | np.floating:
    """q(d), the square of a fraction's dose, Gy², continued by its tangent above the onset."""
    dose = np.asarray(dose_gy, float)
    if not math.isfinite(onset_gy):
        return np.square(dose)
    return np.where(dose <= onset_gy, np.square(dose), onset_gy * (2.0 * dose - onset_gy))


def survival_fraction(
    dose_gy: np.ndarray | float,
    alpha_per_gy: float,
    alpha_beta_ratio_gy: float,
    *,
    onset_gy: float = math.inf,
) -> np.ndarray | np.floating:
    """Share of cells that survive one fraction of `dose_gy`.

    Args:
        dose_gy: dose, any shape.
        alpha_per_gy: α.
        alpha_beta_ratio_gy: α/β.
        onset_gy: d_T, infinite for the linear-quadratic law throughout.

    Raises:
        TwinError: a dose is negative or no number, or α/β is not positive.
    """
    dose = _checked_doses(dose_gy, alpha_beta_ratio_gy, onset_gy)
    squared = quadratic_dose_gy2(dose, onset_gy)
    return np.exp(-alpha_per_gy * (dose + squared / alpha_beta_ratio_gy))


def bed_gy(
    doses_gy: Sequence[float] | np.ndarray,
    alpha_beta_ratio_gy: float,
    *,
    onset_gy: float = math.inf,
    times_days: Sequence[float] | np.ndarray | None = None,
    repair_half_time_hours: float = 0.0,
) -> float:
    """Biologically effective dose of a course, Gy.

    Args:
        doses_gy: (F,) dose of each fraction.
        alpha_beta_ratio_gy: α/β.
        onset_gy: d_T, infinite for the linear-quadratic law throughout.
        times_days: (F,) when each is given; needed where repair takes time.
        repair_half_time_hours: half-time T_r of sublethal damage; 0 repairs at once.

    Raises:
        TwinError: α/β or the onset is not positive, a dose or half-time negative, repair takes
            time but the fractions have none, or their numbers differ.
    """
    doses = _checked_doses(doses_gy, alpha_beta_ratio_gy, onset_gy)
    if not 0.0 <= repair_half_time_hours < math.inf:
        raise TwinError(
            "repair needs a half-time",
            where="repair_half_time_hours",
            expected="hours, 0 or up",
            got=f"{repair_half_time_hours:g}",
        )
    squared = float(quadratic_dose_gy2(doses, onset_gy).sum())
    if repair_half_time_hours > 0.0:
        squared += 2.0 * unrepaired_pairs_gy2(doses, times_days, repair_half_time_hours)
    return float(doses.sum()) + squared / alpha_beta_ratio_gy


def unrepaired_pairs_gy2(
    doses_gy: Sequence[float] | np.ndarray,
    times_days: Sequence[float] | np.ndarray | None,
    repair_half_time_hours: float,
) -> float:
    """Σ_{i<j} d_i d_j 2^(−(t_j − t_i) / T_r): what fractions close in time add to each other, Gy².

    Raises:
        TwinError: there is not one time per fraction.
    """
    doses = np.asarray(doses_gy, float)
    times = np.asarray(() if times_days is None else times_days, float)
    if times.shape != doses.shape:
        raise TwinError(
            "incomplete repair needs the time of each fraction",
            where="times_days",
            expected=f"{doses.size} times",
            got=str(times.size),
        )
    hours = 24.0 * np.abs(times[:, None] - times)
    open_share = np.triu(np.exp2(-hours / repair_half_time_hours), k=1)
    return float(doses @ open_share @ doses)


def repair_factor(fractions_per_day: int, interval_hours: float, half_time_hours: float) -> float:
    """Thames' h_m, by which m equal fractions a day weigh more: β d² (1 + h_m) each.

    h_m = (2 / m) φ / (1 − φ) (m − (1 − φ^m) / (1 − φ)),  φ = 2^(−interval / half-time). Nights
    count as long enough for full repair.
    """
    count, phi = fractions_per_day, 2.0 ** (-interval_hours / half_time_hours)
    return 2.0 / count * phi / (1.0 - phi) * (count - (1.0 - phi**count) / (1.0 - phi))


def repopulation_gy(
    overall_days: float, alpha_per_gy: float, doubling_days: float, kick_off_days: float = 0.0
) -> float:
    """Dose that repopulation costs, ln 2 max(T − T_k, 0) / (α T_p), Gy; subtract it from a BED.

    Args:
        overall_days: length T of the course, first to last fraction.
        alpha_per_gy: α.
        doubling_days: doubling time T_p of the cells that repopulate.
        kick_off_days: day T_k on which it begins (21-28 in squamous carcinomas, assumed).
    """
    return math.log(2.0) * max(overall_days - kick_off_days, 0.0) / (alpha_per_gy * doubling_days)


def eqd2_gy(effective_gy: float, alpha_beta_ratio_gy: float) -> float:
    """Dose in fractions of 2 Gy with the same biologically effective dose, Gy."""
    return effective_gy / (1.0 + 2.0 / alpha_beta_ratio_gy)


def oxygen_enhancement(
    pressure_mmhg: Float[np.ndarray, "*shape"] | float,
    *,
    largest: float = MAX_OXYGEN_ENHANCEMENT,
    half_mmhg: float = HALF_OXYGEN_MMHG,
) -> np.ndarray | np.floating:
    """OER(p): how much more a dose does than without oxygen, 1 at p = 0 and `largest` in air.

    Doses count as OER(p) / largest of themselves where α and β are those of well-oxygenated cells.

    Raises:
        TwinError: a pressure is negative.
    """
    pressure = np.asarray(pressure_mmhg, float)
    if not (pressure >= 0.0).all():
        raise TwinError(
            "oxygen pressure is negative or no number",
            where="pressure_mmhg",
            expected="mmHg, 0 or up",
            got=f"{float(pressure.min()):g}",
        )
    return (largest * pressure + half_mmhg) / (pressure + half_mmhg)


def _checked_doses(
    doses_gy: Sequence[float] | np.ndarray | float, alpha_beta_ratio_gy: float, onset_gy: float
) -> np.ndarray:
    doses = np.asarray(doses_gy, float)
    for name, value in (("alpha_beta_ratio_gy", alpha_beta_ratio_gy), ("onset_gy", onset_gy)):
        if not value > 0.0:
            raise TwinError("not positive", where=name, expected="Gy above 0", got=f"{value:g}")
    if not (np.isfinite(doses).all() and (doses >= 0.0).all()):
        raise TwinError("a dose is negative or no number", where="doses_gy", expected="Gy, 0 or up")
    return doses

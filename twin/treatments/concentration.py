"""Concentrations of a course of doses, relative and in mg/L, and the area under them.

    c(t) = Σ_j F dose_j / V g(t − t_j),   area of a dose = F dose / CL

g is the relative concentration of one dose (twin/treatments/kinetics.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from twin.errors import TwinError
from twin.treatments.kinetics import HOURS, Kinetics, check_positive


def relative_concentration(
    kinetics: Kinetics,
    times_days: Sequence[float] | np.ndarray,
    given_days: Sequence[float] | np.ndarray = (0.0,),
    relative_doses: Sequence[float] | np.ndarray = (1.0,),
) -> Float[np.ndarray, " t"]:
    """Concentration of the doses together, relative to one reference dose given at once.

    Args:
        kinetics: of the drug.
        times_days: (T,) when to look.
        given_days: (D,) when each dose is given.
        relative_doses: (D,) each as a multiple of the reference dose.
    """
    ages = np.asarray(times_days, float)[:, None] - np.asarray(given_days, float)
    return kinetics.levels(np.asarray(relative_doses, float), ages)[:, 1:].sum(axis=1)


def concentration_mg_per_l(
    kinetics: Kinetics,
    times_days: Sequence[float] | np.ndarray,
    given_days: Sequence[float] | np.ndarray,
    doses_mg: Sequence[float] | np.ndarray,
    *,
    body_surface_m2: float = 1.8,
) -> Float[np.ndarray, " t"]:
    """Concentration in the central compartment, mg/L; arguments as `relative_concentration`.

    Raises:
        TwinError: the volume of the drug is not known.
    """
    volume = volume_l(kinetics, body_surface_m2)
    reached = np.asarray(doses_mg, float) * kinetics.bioavailability / volume
    return relative_concentration(kinetics, times_days, given_days, reached)


def area_mg_h_per_l(kinetics: Kinetics, dose_mg: float, *, body_surface_m2: float = 1.8) -> float:
    """Area under the concentration of one dose, F dose / CL, mg h/L."""
    reached = dose_mg * kinetics.bioavailability / volume_l(kinetics, body_surface_m2)
    return reached * kinetics.exposure_days * HOURS


def volume_l(kinetics: Kinetics, body_surface_m2: float) -> float:
    """Central volume of a patient, L.

    Raises:
        TwinError: it is not known, or the body surface is not positive.
    """
    if kinetics.central_volume_l is None:
        raise TwinError(
            "the volume of distribution is not known, so there is no concentration in mg/L",
            where="kinetics",
            fix="Give central_volume_l, or work with relative concentrations.",
        )
    check_positive("body_surface_m2", body_surface_m2)
    return kinetics.central_volume_l * (body_surface_m2 if kinetics.volume_per_m2 else 1.0)


def peak(kinetics: Kinetics) -> tuple[float, float]:
    """(days after the dose, relative concentration) of the highest point of one dose."""
    from scipy import optimize  # a third of a second that reading a patient need not wait for

    if kinetics.absorption_rate_per_day is None:
        return 0.0, 1.0
    rates = [kinetics.absorption_rate_per_day, *(rate for _, rate in kinetics.phases)]
    # Each phase alone peaks before 1 / the slower of its two rates, and so does their sum.
    days = np.geomspace(1e-3 / max(rates), 1.0 / min(rates), 400)
    near = int(np.argmax(relative_concentration(kinetics, days)))
    found = optimize.minimize_scalar(
        lambda day: -float(relative_concentration(kinetics, [day])[0]),
        bounds=(days[max(near - 1, 0)], days[min(near + 1, 399)]),
        method="bounded",
        options={"xatol": 1e-9},
    )
    return float(found.x), float(-found.fun)

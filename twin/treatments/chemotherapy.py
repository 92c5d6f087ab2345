"""Drugs with one-compartment kinetics: c(t) = sum_i dose_i / reference_dose exp(-k (t - t_i)).

Concentrations are relative to the one that the reference dose reaches at once, so that a
sensitivity has the unit 1/day whatever the drug. Doses in mg become mg/m² through the patient's
body surface.
"""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass

from twin.errors import TwinError


@dataclass(frozen=True)
class Drug:
    """Kinetics and prior effect of one drug.

    Attributes:
        name: international nonproprietary name, lower case.
        half_life_days: elimination half-life of the single compartment.
        reference_dose_mg_m2: dose at which a sensitivity is quoted.
        log_kill_median: prior median of the log cell kill of one reference dose.
        log_kill_sigma: standard deviation of its logarithm.
        exposure_limit_mg_m2: cumulative lifetime limit, where a label states one.
        citation: source of the kinetics.
        provenance: "literature human" where read in the source, "assumed" where it must still
            be checked against one.
    """

    name: str
    half_life_days: float
    reference_dose_mg_m2: float
    log_kill_median: float
    log_kill_sigma: float
    citation: str
    provenance: str
    exposure_limit_mg_m2: float | None = None

    @property
    def elimination_rate_per_day(self) -> float:
        """Rate k = ln 2 / half-life, 1/day."""
        return math.log(2.0) / self.half_life_days

    @property
    def exposure_per_dose_days(self) -> float:
        """Integral of the relative concentration after one reference dose, days."""
        return 1.0 / self.elimination_rate_per_day


_ASSUMED = "assumed: textbook value, not yet checked against a primary source"

DRUGS: dict[str, Drug] = {
    drug.name: drug
    for drug in (
        Drug(
            "temozolomide",
            1.8 / 24,
            75.0,
            0.03,
            0.8,
            "Jen et al. 2000, Pharm Res 17:1284",
            "literature human",
        ),
        Drug(
            "doxorubicin",
            32.0 / 24,
            75.0,
            0.15,
            0.8,
            "US label of doxorubicin hydrochloride, sections 2.2 and 12.3: terminal half-life"
            " 20-48 h, cardiomyopathy risk above 550 mg/m² cumulative",
            "literature human",
            exposure_limit_mg_m2=550.0,
        ),
        Drug("cyclophosphamide", 6.5 / 24, 600.0, 0.10, 0.8, _ASSUMED, "assumed"),
        Drug(
            "paclitaxel",
            20.2 / 24,
            175.0,
            0.15,
            0.8,
            "US label of paclitaxel: half-life 20.2 h after 175 mg/m² over 3 h",
            "literature human",
        ),
        Drug("carboplatin", 4.2 / 24, 400.0, 0.12, 0.8, _ASSUMED, "assumed"),
        Drug("ifosfamide", 8.0 / 24, 3000.0, 0.12, 0.8, _ASSUMED, "assumed"),
        Drug(
            "pembrolizumab",
            22.0,
            105.0,
            0.20,
            1.0,
            "pembrolizumab label (half-life 22 days); doi 10.1186/s40425-017-0242-5",
            "literature human",
        ),
    )
}


def get_drug(name: str) -> Drug:
    """The drug called `name`.

    Raises:
        TwinError: the name is unknown; the message lists the known ones and the closest.
    """
    try:
        return DRUGS[name]
    except KeyError:
        close = difflib.get_close_matches(name, DRUGS, n=1)
        raise TwinError(
            f"unknown drug {name!r}",
            where="drug",
            expected=", ".join(sorted(DRUGS)),
            got=repr(name),
            fix=f"Did you mean {close[0]!r}?"
            if close
            else "Use a known drug, or add one to twin/treatments/chemotherapy.py.",
        ) from None

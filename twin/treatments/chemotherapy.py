"""Drugs: kinetics, prior effect, and the one registry of those that are known.

    c(t) = Σ_i dose_i / reference_dose g(t − t_i),   g of twin/treatments/kinetics.py

Concentrations are relative to the one that the reference dose reaches at once in the central
compartment, so that a sensitivity has the unit 1/day whatever the drug. Doses in mg become mg/m²
through the patient's body surface.
"""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from twin.errors import TwinError
from twin.treatments.kinetics import (
    HOURS,
    Kinetics,
    from_clearance,
    from_half_lives,
    one_compartment,
)

if TYPE_CHECKING:
    from twin.parameters import Prior
else:
    Prior = object  # twin.parameters needs JAX; a patient's treatments are read without it

Action = Literal["cytotoxic", "checkpoint", "antiangiogenic"]
Provenance = Literal["measured", "literature human", "animal", "assumed"]


@dataclass(frozen=True)
class Drug:
    """Kinetics and prior effect of one drug.

    Attributes:
        name: international nonproprietary name, lower case.
        kinetics: of the drug in the blood.
        reference_dose_mg_m2: dose at which a sensitivity is quoted.
        log_kill_median: prior median of the log cell kill of one reference dose.
        log_kill_sigma: standard deviation of its logarithm.
        citation: source of the kinetics.
        provenance: "literature human" where read in the source, "assumed" where it must still
            be checked against one.
        exposure_limit_mg_m2: cumulative lifetime limit, where a label states one.
        action: what the drug acts on; models that know checkpoints or vessels use it.
        enhancement_sd: spread of the relative increase of α by a reference dose given shortly
            before a fraction; None where there is none. Temozolomide, assumed: 0.25, which is α
            times 1.0 to 1.5 in 95 %.
    """

    name: str
    kinetics: Kinetics
    reference_dose_mg_m2: float
    log_kill_median: float
    log_kill_sigma: float
    citation: str
    provenance: Provenance
    exposure_limit_mg_m2: float | None = None
    action: Action = "cytotoxic"
    enhancement_sd: float | None = None

    def __post_init__(self) -> None:
        for name in ("reference_dose_mg_m2", "log_kill_median", "log_kill_sigma"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0.0):
                raise TwinError(
                    f"{name} must be positive",
                    where=f"drug {self.name}",
                    expected="a finite number above 0",
                    got=f"{value:g}",
                )

    @property
    def half_life_days(self) -> float:
        """Half-life of the slowest phase in the blood, days."""
        return self.kinetics.half_life_days

    @property
    def exposure_per_dose_days(self) -> float:
        """Integral of the relative concentration after one reference dose, days."""
        return self.kinetics.exposure_days

    @property
    def radiosensitizer(self) -> Prior | None:
        """Half-normal prior of the relative increase of α, at most 1; None where there is none."""
        from twin.parameters import Normal

        sd = self.enhancement_sd
        return None if sd is None else Normal(0.0, sd, 0.0, 1.0)


_ASSUMED = "assumed: textbook value, not yet checked against a primary source"

DRUGS: dict[str, Drug] = {
    drug.name: drug
    for drug in (
        Drug(
            "temozolomide",
            one_compartment(
                1.8 / HOURS,
                absorption_rate_per_day=5.8 * HOURS,
                central_volume_l=5.6 * 1.8 / math.log(2.0),
                volume_per_m2=True,
                clearance_cv=0.15,
            ),
            75.0,
            0.03,
            0.8,
            "half-life 1.8 h, clearance 11.2 L/h at 2.0 m²: Jen et al. 2000, Pharm Res 17:1284 and"
            " label; absorption 5.8/h: Ostermann et al. 2004, doi 10.1158/1078-0432.CCR-03-0807",
            "literature human",
            enhancement_sd=0.25,
        ),
        Drug(
            "doxorubicin",
            from_half_lives(
                5.0 / 60.0 / HOURS,
                32.0 / HOURS,
                0.512 * 60.0 * HOURS,
                991.0,
                volume_per_m2=True,
            ),
            75.0,
            0.15,
            0.8,
            "US label of doxorubicin hydrochloride, sections 2.2 and 12.3: half-lives 5 min and"
            " 20-48 h, clearance 324-809 mL/min/m², steady-state volume 809-1214 L/m² (geometric"
            " means taken); cardiomyopathy risk above 550 mg/m² cumulative",
            "literature human",
            exposure_limit_mg_m2=550.0,
        ),
        Drug(
            "cyclophosphamide",
            one_compartment(6.5 / HOURS, central_volume_l=40.0),
            600.0,
            0.10,
            0.8,
            _ASSUMED + " (half-life 3-12 h, clearance 4-6 L/h, volume 30-50 L)",
            "assumed",
        ),
        Drug(
            "paclitaxel",
            one_compartment(
                20.2 / HOURS, central_volume_l=12.2 * 20.2 / math.log(2.0), volume_per_m2=True
            ),
            175.0,
            0.15,
            0.8,
            "US label of paclitaxel: half-life 20.2 h, clearance 12.2 L/h/m² after 175 mg/m² over"
            " 3 h",
            "literature human",
        ),
        Drug(
            "docetaxel",
            from_clearance(32.6 * HOURS, 5.77, 5.34 * HOURS, 11.0),
            75.0,
            0.15,
            0.8,
            "Onoue et al. 2016, doi 10.1007/s00228-016-2031-3, as coded in the R package DTAT",
            "literature human",
        ),
        Drug(
            "carboplatin",
            from_half_lives(1.6 / HOURS, 3.0 / HOURS, 4.4 * HOURS, 16.0),
            400.0,
            0.12,
            0.8,
            "US label of carboplatin and Gaver et al. 1988, Cancer Chemother Pharmacol 22:263:"
            " half-lives 1.6 and 3.0 h, clearance 4.4 L/h, volume 16 L",
            "literature human",
        ),
        Drug(
            "ifosfamide",
            one_compartment(8.0 / HOURS),
            3000.0,
            0.12,
            0.8,
            _ASSUMED,
            "assumed",
        ),
        Drug(
            "pembrolizumab",
            from_clearance(0.22, 3.48, 0.795, 4.06, clearance_cv=0.38, volume_cv=0.21),
            105.0,
            0.20,
            1.0,
            "Ahamadi et al. 2017, doi 10.1002/psp4.12139, as coded in the R package nlmixr2lib",
            "literature human",
            action="checkpoint",
        ),
        Drug(
            "bevacizumab",
            one_compartment(
                20.0,
                central_volume_l=0.23 * 20.0 / math.log(2.0),
                clearance_cv=0.33,
            ),
            390.0,
            0.05,
            1.0,
            "US label of bevacizumab: half-life 20 days (11-50), clearance 0.23 L/day",
            "literature human",
            action="antiangiogenic",
        ),
    )
}
"""Every known drug by name; `add_drug` adds to it, and nothing else does."""

SHIPPED_DRUGS = frozenset(DRUGS)
"""Names that come with the package, not from a user."""


def add_drug(drug: Drug) -> None:
    """Make an investigational drug known to schedules, models and reports of this process.

    The registry of drugs is the one place in this package that remembers between calls. Adding
    the same drug twice changes nothing.

    Raises:
        TwinError: the name belongs to a drug that is defined otherwise.
    """
    known = DRUGS.setdefault(drug.name, drug)
    if known != drug:
        raise TwinError(
            f"a drug called {drug.name!r} is known already, defined otherwise",
            where="add_drug",
            expected="a name of its own",
            got=repr(drug.name),
            fix="Choose another name, such as one with the trial's number.",
        )


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
            else "Use a known drug, or make it known with twin.treatments.add_drug.",
        ) from None

"""Digital twins of tumors: from scans and treatments to a calibrated, uncertain, treatable copy.

    patient   = twin.crop_to_tumor(twin.load_patient("patients/demo"), margin_mm=20)
    posterior = twin.calibrate(patient, twin.models.FisherKPP(), visits=3)
    plans     = twin.plans.fractionation(total_dose_gy=(25, 60), site=patient.site)
    outcomes  = twin.sweep(posterior, plans)
    ranking   = twin.rank_for(posterior, outcomes)

Names are imported when they are first used, so that what needs no JAX starts without it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from twin import models
    from twin.calibration import GaussNewton, Posterior, calibrate, infiltration
    from twin.domain import Domain, domain_of, make_domain
    from twin.errors import TwinError
    from twin.forecasting import Forecast, forecast
    from twin.monitoring import Filter
    from twin.patient import Organ, Patient, Visit, coarsen_patient, crop_to_tumor
    from twin.patient_folder import check_patient, load_patient, save_patient
    from twin.scenarios import Outcomes, Plan, PlanSet, Ranking, plans, rank
    from twin.scenarios.patient_ranking import rank_for
    from twin.scenarios.sweep import sweep
    from twin.simulation import Trajectory, simulate
    from twin.treatments import DrugDose, Fraction, Schedule, Surgery

__version__ = "0.1.0"

_HOMES = {
    "twin.calibration": ("GaussNewton", "Posterior", "calibrate", "infiltration"),
    "twin.domain": ("Domain", "domain_of", "make_domain"),
    "twin.errors": ("TwinError",),
    "twin.forecasting": ("Forecast", "forecast"),
    "twin.monitoring": ("Filter",),
    "twin.patient": ("Organ", "Patient", "Visit", "coarsen_patient", "crop_to_tumor"),
    "twin.patient_folder": ("check_patient", "load_patient", "save_patient"),
    "twin.scenarios": ("Outcomes", "Plan", "PlanSet", "Ranking", "plans", "rank"),
    "twin.scenarios.patient_ranking": ("rank_for",),
    "twin.scenarios.sweep": ("sweep",),
    "twin.simulation": ("Trajectory", "simulate"),
    "twin.treatments": ("DrugDose", "Fraction", "Schedule", "Surgery"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Domain",
    "DrugDose",
    "Filter",
    "Forecast",
    "Fraction",
    "GaussNewton",
    "Organ",
    "Outcomes",
    "Patient",
    "Plan",
    "PlanSet",
    "Posterior",
    "Ranking",
    "Schedule",
    "Surgery",
    "Trajectory",
    "TwinError",
    "Visit",
    "calibrate",
    "check_patient",
    "coarsen_patient",
    "crop_to_tumor",
    "domain_of",
    "forecast",
    "infiltration",
    "load_patient",
    "make_domain",
    "models",
    "plans",
    "rank",
    "rank_for",
    "save_patient",
    "simulate",
    "sweep",
]


def __getattr__(name: str) -> Any:
    if name == "models":
        return importlib.import_module("twin.models")
    if name in _HOME_OF:
        value = getattr(importlib.import_module(_HOME_OF[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'twin' has no attribute {name!r}")

"""Treatments that were given or could be given, and the tables a solver reads them from."""

from twin.treatments.chemotherapy import DRUGS, Drug, add_drug, get_drug
from twin.treatments.kinetics import Kinetics
from twin.treatments.presets import Measures, clinical_schedule
from twin.treatments.schedule import DrugDose, Fraction, Schedule, Surgery

__all__ = [
    "DRUGS",
    "Drug",
    "DrugDose",
    "Fraction",
    "Kinetics",
    "Measures",
    "Schedule",
    "Surgery",
    "add_drug",
    "clinical_schedule",
    "get_drug",
]

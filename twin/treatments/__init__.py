"""Treatments that were given or could be given, and the tables a solver reads them from."""

from twin.treatments.chemotherapy import DRUGS, Drug, get_drug
from twin.treatments.schedule import DrugDose, Fraction, Schedule, Surgery

__all__ = ["DRUGS", "Drug", "DrugDose", "Fraction", "Schedule", "Surgery", "get_drug"]

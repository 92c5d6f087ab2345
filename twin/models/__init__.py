"""Tumor models: one equation per file."""

from twin.models.fisher_kpp import FisherKPP
from twin.models.model import Rates, TumorModel

MODELS = {"fisher-kpp": FisherKPP}
"""Models by the name that the command line knows them by."""

__all__ = ["MODELS", "FisherKPP", "Rates", "TumorModel"]

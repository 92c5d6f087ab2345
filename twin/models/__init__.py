"""Tumor models: one equation per file."""

from twin.models.fisher_kpp import FisherKPP
from twin.models.model import Rates, TumorModel

__all__ = ["FisherKPP", "Rates", "TumorModel"]

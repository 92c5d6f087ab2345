"""Tumor models: one equation per file."""

from twin.models.fisher_kpp import FisherKPP
from twin.models.model import Equations, TumorModel
from twin.models.state import State

MODELS: dict[str, type[TumorModel]] = {"fisher-kpp": FisherKPP}
"""Models by the name that the command line knows them by."""

__all__ = ["MODELS", "Equations", "FisherKPP", "State", "TumorModel"]

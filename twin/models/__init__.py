"""Tumor models: one equation per file."""

from twin.models.anisotropic import Anisotropic
from twin.models.fisher_kpp import FisherKPP
from twin.models.gompertz import Gompertz
from twin.models.hypoxia import Hypoxia
from twin.models.immune import Immune
from twin.models.mechanics import Mechanics
from twin.models.model import Equations, TumorModel
from twin.models.state import State
from twin.models.two_clones import TwoClones
from twin.models.varied import Varied
from twin.models.vessels import Vessels

MODELS: dict[str, type[TumorModel]] = {
    "fisher-kpp": FisherKPP,
    "gompertz": Gompertz,
    "anisotropic": Anisotropic,
    "mechanics": Mechanics,
    "two-clones": TwoClones,
    "hypoxia": Hypoxia,
    "immune": Immune,
    "vessels": Vessels,
    "varied": Varied,
}
"""Models by the name that the command line knows them by."""

__all__ = [
    "MODELS",
    "Anisotropic",
    "Equations",
    "FisherKPP",
    "Gompertz",
    "Hypoxia",
    "Immune",
    "Mechanics",
    "State",
    "TumorModel",
    "TwoClones",
    "Varied",
    "Vessels",
]

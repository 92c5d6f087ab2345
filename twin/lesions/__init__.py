"""Models of a lesion's volume alone: ordinary differential equations, fitted by the thousand."""

from twin.lesions.bertalanffy import Bertalanffy
from twin.lesions.exponential import Exponential
from twin.lesions.fit import fit_lesions
from twin.lesions.fits import STATUS, LesionFits, LesionForecast
from twin.lesions.gompertz import Gompertz
from twin.lesions.inhibition import GrowthInhibition
from twin.lesions.logistic import Logistic
from twin.lesions.model import LesionModel
from twin.lesions.patient import PatientLesion, fit_patient
from twin.lesions.series import LIMIT_ML, LesionSeries, lesion_series, read_lesions
from twin.lesions.treated import Treated, treated
from twin.lesions.two_populations import TwoPopulations

LESION_MODELS: dict[str, type[LesionModel]] = {
    model.name: model
    for model in (Exponential, Logistic, Gompertz, Bertalanffy, TwoPopulations, GrowthInhibition)
}
"""Models by name."""

__all__ = [
    "LESION_MODELS",
    "LIMIT_ML",
    "STATUS",
    "Bertalanffy",
    "Exponential",
    "Gompertz",
    "GrowthInhibition",
    "LesionFits",
    "LesionForecast",
    "LesionModel",
    "LesionSeries",
    "Logistic",
    "PatientLesion",
    "Treated",
    "TwoPopulations",
    "fit_lesions",
    "fit_patient",
    "lesion_series",
    "read_lesions",
    "treated",
]

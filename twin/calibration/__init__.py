"""Fit a model to a patient: `calibrate(patient, model) -> Posterior`."""

from twin.calibration.calibrate import METHODS, calibrate
from twin.calibration.ensemble_kalman import EnsembleKalman
from twin.calibration.gauss_newton import GaussNewton
from twin.calibration.infiltration import Infiltration, infiltration
from twin.calibration.noise import Noise, independent_noise
from twin.calibration.nuts import NUTS
from twin.calibration.posterior import Posterior

__all__ = [
    "METHODS",
    "NUTS",
    "EnsembleKalman",
    "GaussNewton",
    "Infiltration",
    "Noise",
    "Posterior",
    "calibrate",
    "independent_noise",
    "infiltration",
]

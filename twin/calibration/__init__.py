"""Fit a model to a patient: `calibrate(patient, model) -> Posterior`."""

from twin.calibration.calibrate import calibrate
from twin.calibration.gauss_newton import GaussNewton
from twin.calibration.posterior import Posterior

__all__ = ["GaussNewton", "Posterior", "calibrate"]

"""Forecasts of patients that differ from the embedded one."""

import numpy as np

from tests.twin.calibration.cases import KNOWN, treated_patient
from twin.calibration import calibrate
from twin.forecasting import forecast
from twin.models import FisherKPP


def test_a_patient_without_any_outline_is_forecast_by_density_alone():
    patient = treated_patient()
    assert not any(visit.masks for visit in patient.visits)
    posterior = calibrate(patient, FisherKPP(), visits=4, priors=KNOWN)

    (held_out,) = forecast(posterior, draws=8).held_out

    observed = held_out.observed_viable_ml
    assert observed is not None and held_out.observed_visible_ml is None
    np.testing.assert_allclose(np.median(held_out.predicted_burden_ml), observed, rtol=0.02)
    assert held_out.scores["ccc"] > 0.99
    assert "dice" not in held_out.scores

"""Length and speed of the front instead of D and ρ: the same posterior, other coordinates."""

from dataclasses import replace

import numpy as np
import pytest

from tests.twin.calibration.cases import KNOWN, TRUE, adc_patient
from twin.calibration import NUTS, GaussNewton, calibrate, independent_noise
from twin.calibration.calibrate import point_fit
from twin.calibration.nuts import sample
from twin.calibration.objective import make_problem
from twin.calibration.parametrization import (
    front_summary,
    in_diffusivity_and_rate,
    parametrized,
)
from twin.calibration.setting import make_setting
from twin.errors import TwinError
from twin.front import LENGTH_AT_SPEED, SPEED
from twin.models import FisherKPP
from twin.parameters import Fixed

pytestmark = pytest.mark.usefixtures("programs_of_users")

GROWTH_ALONE = {
    "initial_scale": Fixed(1.0),
    "infiltration_length": Fixed(3.0),
    "visibility_threshold_gtv": Fixed(0.3),
    "radiosensitivity_alpha": Fixed(TRUE["radiosensitivity_alpha"]),
    "sensitivity_temozolomide": Fixed(TRUE["sensitivity_temozolomide"]),
    **KNOWN,
}
KNOWN_NOISE = {"density": independent_noise(0.1, np.ones((3, adc_patient().tissue.size)))}


def test_nuts_draws_the_same_posterior_in_both_parametrizations():
    """A posterior far from Gaussian in the scores of D and ρ: noise is made 300 times larger."""
    setting = make_setting(adc_patient(0), FisherKPP(), visits=3, priors=GROWTH_ALONE)
    plain = make_problem(setting)
    start = point_fit(setting, plain, GaussNewton())
    noise = {k: replace(n, variance=300.0 * n.variance) for k, n in start.noise.items()}
    method = NUTS(chains=2, warmup=150, draws=500)
    found = []
    for name in ("diffusivity-rate", "length-speed"):
        problem = parametrized(plain, name)
        fitted = point_fit(setting, problem, GaussNewton(), noise=noise)
        drawn = sample(problem, fitted, method)
        assert drawn.checks["rhat"] < 1.05
        found.append(in_diffusivity_and_rate(problem, drawn))
    usual, front = found
    error = np.sqrt(np.diag(usual.covariance) / usual.checks["effective_draws"])
    error = np.hypot(error, np.sqrt(np.diag(front.covariance) / front.checks["effective_draws"]))
    assert (np.abs(usual.z - front.z) < 4.0 * error).all()
    np.testing.assert_allclose(
        np.sqrt(np.diag(usual.covariance)), np.sqrt(np.diag(front.covariance)), rtol=0.2
    )
    ends = [0.05, 0.5, 0.95]
    apart = np.quantile(usual.draws, ends, axis=0) - np.quantile(front.draws, ends, axis=0)
    assert np.abs(apart).max() < 0.35 * np.sqrt(np.diag(usual.covariance)).max()


def test_where_the_data_is_strong_both_gaussians_agree_and_downstream_sees_the_usual_parameters():
    usual, front = (
        calibrate(
            adc_patient(0),
            FisherKPP(),
            visits=3,
            priors=GROWTH_ALONE,
            noise=KNOWN_NOISE,
            parametrization=name,
        )
        for name in ("diffusivity-rate", "length-speed")
    )
    assert usual.contraction[:2].min() > 0.7
    assert front.names == usual.names and front.converged
    sd = np.sqrt(np.diag(usual.z_covariance))
    assert (np.abs(front.z_mean - usual.z_mean) < 0.3 * sd).all()
    np.testing.assert_allclose(np.sqrt(np.diag(front.z_covariance)), sd, rtol=0.15)


def test_length_and_speed_follow_from_the_draws_of_any_posterior():
    posterior = calibrate(
        adc_patient(0), FisherKPP(), visits=3, priors=GROWTH_ALONE, noise=KNOWN_NOISE
    )
    rows = {row["name"]: row for row in front_summary(posterior)}
    assert list(rows) == ["front_length", "front_speed"]
    point = posterior.point
    assert rows["front_length"]["point"] == pytest.approx(
        np.sqrt(point["diffusivity"] / point["proliferation_rate"])
    )
    draws = posterior.sample(4000, 5)
    speed = 2.0 * np.sqrt(draws["diffusivity"] * draws["proliferation_rate"])
    row = rows["front_speed"]
    assert [row["low"], row["high"]] == pytest.approx(np.quantile(speed, [0.05, 0.95]), rel=0.03)
    assert row["unit"] == "mm/day" and row["determined"] and rows["front_length"]["determined"]
    assert row["prior_low"] < row["low"] < row["high"]
    unknown = {row["name"]: row for row in front_summary(posterior.prior())}
    assert unknown["front_length"]["contraction"] == pytest.approx(0.0, abs=0.03)
    assert not unknown["front_length"]["determined"]


def test_what_the_parametrization_refuses():
    problem = make_problem(make_setting(adc_patient(0), FisherKPP(), visits=3, priors=GROWTH_ALONE))
    assert parametrized(problem, "length-speed").names == (SPEED, LENGTH_AT_SPEED)
    with pytest.raises(TwinError, match="'polar' .*diffusivity-rate or length-speed"):
        parametrized(problem, "polar")
    priors = {**GROWTH_ALONE, "diffusivity": Fixed(0.6)}
    with pytest.raises(TwinError, match="need both of D and ρ .*got diffusivity fixed"):
        calibrate(
            adc_patient(0), FisherKPP(), visits=3, priors=priors, parametrization="length-speed"
        )

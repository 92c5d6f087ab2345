"""Noise in the first image: what it does to the scores and to the initial state, drawn together."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from twin.calibration import NUTS, Posterior, calibrate
from twin.calibration.noise import estimate_noise
from twin.draws import ready, states_at_decision
from twin.models import FisherKPP
from twin.observation.initial_state import IMAGE_ERROR
from twin.parameters import Fixed, LogNormal
from twin.patient import Patient
from twin.treatments.schedule import Schedule
from twin.virtual_images import smooth_noise
from twin.virtual_patient import procedural_patient, with_noise

pytestmark = pytest.mark.usefixtures("programs_of_users")

WHITE_SD, SMOOTH_SD, FWHM_MM = 0.02, 0.02, 12.0
PRIORS = {
    "diffusivity": LogNormal(0.4, 0.5),
    "proliferation_rate": LogNormal(0.03, 0.4),
    "clearance_half_life": Fixed(20.0),
}


@cache
def _clean() -> Patient:
    growth = {"diffusivity": 0.4, "proliferation_rate": 0.03}
    patient, _ = procedural_patient(
        (12, 12, 12), 5.0, growth, Schedule(), (0.0, 20.0, 40.0), tumor_sd_mm=9.0, site="glioma"
    )
    return replace(patient, visits=tuple(replace(v, masks={}) for v in patient.visits))


@cache
def _noisy(method: str = "laplace", seed: int = 3) -> Posterior:
    patient = with_noise(
        _clean(),
        noise_sd=WHITE_SD,
        correlated_noise_sd=SMOOTH_SD,
        correlation_fwhm_mm=FWHM_MM,
        seed=seed,
    )
    way = NUTS(warmup=50, draws=50) if method == "nuts" else None
    return calibrate(patient, FisherKPP(), priors=PRIORS, method=way)


@pytest.mark.parametrize("method", ["laplace", "nuts"])
def test_draws_hold_the_error_of_the_first_image_and_have_the_covariance_that_is_told(method):
    posterior = _noisy(method)
    count = len(posterior.names)
    scores = posterior.sample_scores(20000, 1)
    gain = posterior.image_gain
    assert gain is not None and scores.shape == (20000, count + gain.shape[1])
    spread = np.cov(scores[:, :count].T)
    fitted = list(range(2))
    tolerance = 0.05 if method == "laplace" else 0.3
    np.testing.assert_allclose(
        np.sqrt(np.diag(spread))[fitted],
        np.sqrt(np.diag(posterior.z_covariance))[fitted],
        rtol=tolerance,
    )
    assert set(posterior.sample(3, 1)) == {*posterior.table, IMAGE_ERROR}


def test_the_tumor_is_known_better_than_scores_and_first_image_apart_would_say():
    posterior = _noisy()
    scores = posterior.sample_scores(200, 1)
    apart = scores.copy()
    apart[:, len(posterior.names) :] = np.roll(apart[:, len(posterior.names) :], 1, axis=0)

    def spread(drawn: np.ndarray) -> float:
        states = states_at_decision(posterior, ready(posterior.values_at(drawn)))
        return float(np.asarray(states.viable).sum(axis=1).std())

    together = spread(scores)
    assert 0.0 < together < 0.7 * spread(apart)


def test_the_noise_told_is_that_of_one_image_and_not_that_of_residuals():
    """Residuals hold the noise of two images. Twelve patients, so that chance cannot decide."""
    truth = np.hypot(WHITE_SD, SMOOTH_SD)
    found = np.array([_noisy(seed=seed).noise["density_sd"] for seed in range(12)])
    assert 0.9 < np.mean(found) / truth < 1.15


def test_a_field_of_few_pieces_is_not_one_piece():
    """Smooth noise on a small grid has a mean by chance; no field may count as known by nothing."""
    grid = _clean().grid
    tissue = _clean().tissue.reshape(1, -1).astype(float)
    random = np.random.default_rng(0)
    voxels = []
    for _ in range(40):
        field = smooth_noise(grid, FWHM_MM, random).reshape(1, -1) * tissue
        found = estimate_noise(field, tissue, grid.shape)
        assert found is not None
        voxels.append(found.correlated_voxels)
    kernel = FWHM_MM / 5.0 / 2.3548
    expected = (4.0 * np.pi * kernel**2) ** 1.5
    assert np.max(voxels) < 0.25 * tissue.sum()
    assert 0.4 < np.median(voxels) / expected < 1.2

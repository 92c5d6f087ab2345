"""Maps of a fit: resistant regions are found, untold maps stay the prior, tables stay short."""

from functools import cache

import numpy as np
import pytest

from tests.twin.subregions import auc, judged, planted
from twin.calibration import calibrate
from twin.calibration.maps import map_posterior
from twin.calibration.posterior import Posterior
from twin.calibration.refined_setting import refined
from twin.errors import TwinError
from twin.models import FisherKPP, Varied


@cache
def fitted() -> Posterior:
    """A patient with a region that resists, not one of those of the study."""
    return calibrate(planted(0).patient, Varied(growth=False))


def test_a_planted_region_is_found_and_painting_it_leaves_fewer_cells():
    """Simulated: cells of a second clone on a finer grid, in a region with a sharp edge."""
    found = judged(planted(0), fitted())
    print({name: round(value, 3) for name, value in found.items()})
    assert fitted().converged
    assert found["auc"] > 0.85
    assert found["learned"] > 0.4
    assert found["held"] > 0.8
    assert found["painted"] < 0.95 * found["uniform"]
    assert found["oracle"] < found["painted"] < found["plain"]


def test_the_map_is_what_draws_of_its_scores_say():
    posterior, known = fitted(), map_posterior(fitted(), "kill_map")
    setting = posterior.setting
    assert setting is not None and isinstance(setting.model, Varied)
    basis = setting.model.field(setting.domain).basis(known.tumor.shape, setting.domain.spacing_mm)
    drawn = posterior.sample(4000, seed=3)
    scores = np.stack([drawn[f"kill_map_{i:02d}"] for i in range(1, 41)], axis=1)
    logs = scores @ basis[:, known.tumor]
    factors = np.exp(logs - logs.mean(axis=1, keepdims=True))
    np.testing.assert_allclose(factors.mean(axis=0), known.mean_factor[known.tumor], rtol=0.05)
    np.testing.assert_allclose(factors.std(axis=0), known.factor_sd[known.tumor], rtol=0.15)
    share = (factors < 0.7).mean(axis=0)
    np.testing.assert_allclose(share, known.probability_below()[known.tumor], atol=0.04)
    low, high = known.interval()
    held = (factors >= low[known.tumor]) & (factors <= high[known.tumor])
    assert held.mean() == pytest.approx(0.9, abs=0.01)
    assert known.log_mean[known.tumor].mean() == pytest.approx(0.0, abs=1e-9)


def test_tables_and_warnings_name_maps_and_no_coefficients():
    rows = {row["name"]: row for row in fitted().summary()}
    row = rows["kill_map"]
    assert not any(name.startswith("kill_map_") for name in rows)
    assert row["low"] < 0.8 < 1.1 < row["high"] and row["determined"]
    assert f"{map_posterior(fitted(), 'kill_map').learned_share:.0%}" in row["description"]
    warnings = " ".join(fitted().diagnostics["warnings"])
    assert "kill_map" not in warnings and "modes hold" in warnings


def test_a_map_that_no_treatment_showed_stays_the_prior_and_is_said_to():
    patient = planted(0).patient
    posterior = calibrate(patient, Varied(), visits=2)
    known = map_posterior(posterior, "kill_map")
    np.testing.assert_array_equal(known.log_mean, 0.0)
    np.testing.assert_allclose(known.log_sd, known.prior_log_sd, rtol=1e-6)
    assert known.learned_share == pytest.approx(0.0, abs=1e-9)
    (last,) = (w for w in posterior.diagnostics["warnings"] if "does not determine" in w)
    assert "kill_map" in last and "kill_map_" not in last
    row = next(row for row in posterior.summary() if row["name"] == "kill_map")
    assert row["determined"] is False


def test_a_finer_setting_has_the_same_map():
    setting = fitted().setting
    assert setting is not None and isinstance(setting.model, Varied)
    fine = refined(setting)
    assert fine.model == setting.model
    scores = np.arange(1.0, 41.0) % 3 - 1.0
    maps = [
        np.tensordot(scores, s.model.field(s.domain).basis(s.domain.shape, s.domain.spacing_mm), 1)
        for s in (setting, fine)
    ]
    middle = maps[1].reshape(20, 2, 20, 2, 20, 2).mean(axis=(1, 3, 5))
    assert np.abs(middle - maps[0]).max() < 0.05 * np.abs(maps[0]).max()


def test_a_map_that_is_not_there_is_refused():
    with pytest.raises(TwinError, match="no map 'growth_map'.*kill_map"):
        map_posterior(fitted(), "growth_map")
    plain = calibrate(planted(0).patient, FisherKPP(), visits=2)
    with pytest.raises(TwinError, match="twin.models.Varied"):
        map_posterior(plain, "kill_map")
    with pytest.raises(TwinError, match="above 0"):
        map_posterior(fitted(), "kill_map").probability_below(0.0)


def test_auc_is_the_share_of_pairs_in_order():
    random = np.random.default_rng(2)
    score, positive = random.integers(0, 6, 60).astype(float), random.random(60) < 0.4
    pairs = np.sign(score[positive][:, None] - score[~positive])
    assert auc(score, positive) == pytest.approx(((pairs + 1) / 2).mean())

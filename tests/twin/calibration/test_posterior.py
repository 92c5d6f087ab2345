"""What a posterior tells: draws, intervals, contraction, its prior, and its summary."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri

from twin.calibration.posterior import UNDETERMINED_BELOW, Posterior
from twin.errors import TwinError
from twin.models import FisherKPP
from twin.parameters import Fixed

NAMES = ("diffusivity", "proliferation_rate", "radiosensitivity_alpha")
MEAN = np.array([0.5, -0.3, 0.0])
ROOT = np.array([[0.3, 0.0, 0.0], [-0.15, 0.1, 0.0], [0.0, 0.0, 1.0]])


def _posterior() -> Posterior:
    table = FisherKPP().table("glioma", (), ("tissue",))
    return Posterior(
        table=table.with_priors(
            {"clearance_half_life": Fixed(20.0), "alpha_beta_ratio": Fixed(8.0)}
        ),
        names=NAMES,
        z_mean=MEAN,
        z_covariance=ROOT @ ROOT.T,
        converged=True,
        decision_day=60.0,
        fitted_visits=("a", "b"),
    )


def test_draws_have_the_mean_and_covariance_of_the_scores():
    """Within five standard errors of 20,000 draws."""
    scores = _posterior().sample_scores(20_000, 0)
    covariance = ROOT @ ROOT.T
    assert np.all(np.abs(scores.mean(axis=0) - MEAN) < 5 * np.sqrt(np.diag(covariance) / 20_000))
    scale = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    assert np.abs((np.cov(scores.T) - covariance) / scale).max() < 5 * np.sqrt(2.0 / 20_000)


@given(seed=st.integers(0, 2**31), count=st.integers(1, 40))
def test_the_same_seed_gives_the_same_draws(seed: int, count: int):
    posterior = _posterior()
    first, second = posterior.sample(count, seed), posterior.sample(count, seed)
    assert all(np.array_equal(first[name], second[name]) for name in first)
    other = posterior.sample(count, seed + 1)
    assert not np.array_equal(first["diffusivity"], other["diffusivity"])


def test_draws_hold_every_parameter_of_the_table_and_keep_fixed_ones():
    posterior = _posterior()
    draws = posterior.sample(7, 3)
    assert list(draws) == list(posterior.table)
    assert np.allclose(draws["clearance_half_life"], 20.0)
    assert all(values.shape == (7,) for values in draws.values())


def test_draws_stay_within_the_bounds_of_their_priors():
    wide = _posterior().prior().sample(5_000, 1)["diffusivity"]
    assert wide.min() >= 0.02 * (1 - 1e-5) and wide.max() <= 1.5 * (1 + 1e-5)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95])
def test_an_interval_holds_its_share_of_the_draws(level: float):
    posterior = _posterior()
    draws = posterior.sample(20_000, 5)
    for name in NAMES:
        low, high = posterior.interval(name, level)
        share = np.mean((draws[name] >= low) & (draws[name] <= high))
        assert abs(share - level) < 5 * np.sqrt(level * (1 - level) / 20_000)


def test_an_interval_is_the_transformed_interval_of_the_score():
    """Log-normal alpha at its prior: median * exp(+- 0.5 * 1.645)."""
    low, high = _posterior().interval("radiosensitivity_alpha", 0.9)
    half = 0.5 * ndtri(0.95)
    assert low == pytest.approx(0.04 * np.exp(-half), rel=1e-5)
    assert high == pytest.approx(0.04 * np.exp(half), rel=1e-5)


def test_a_fixed_parameter_has_an_interval_of_no_width():
    assert _posterior().interval("alpha_beta_ratio") == (8.0, 8.0)


def test_an_unknown_parameter_is_refused_by_name():
    with pytest.raises(TwinError, match="unknown parameter 'speed'"):
        _posterior().interval("speed")


def test_contraction_is_the_share_of_the_prior_that_is_gone():
    posterior = _posterior()
    deviation = np.sqrt([0.09, 0.0325, 1.0])
    assert np.allclose(posterior.contraction, 1.0 - deviation)
    assert posterior.determined.tolist() == [True, True, False]
    assert posterior.contraction[2] < UNDETERMINED_BELOW


def test_the_prior_of_a_posterior_is_a_standard_normal_in_the_same_shape():
    prior = _posterior().prior()
    assert prior.names == NAMES
    assert np.array_equal(prior.z_mean, np.zeros(3))
    assert np.array_equal(prior.z_covariance, np.eye(3))
    for name in NAMES:
        assert prior.interval(name) == pytest.approx(prior.table[name].interval(0.9), rel=1e-6)


def test_a_drug_not_yet_given_joins_at_its_prior_and_changes_nothing_else():
    posterior = _posterior()
    more = FisherKPP().table("glioma", ("temozolomide",), ("tissue",))
    longer = posterior.extended(more)
    assert longer.names == (*NAMES, "sensitivity_temozolomide", "enhancement_temozolomide")
    assert longer.contraction[-1] == 0.0
    assert longer.interval("sensitivity_temozolomide") == pytest.approx(
        more["sensitivity_temozolomide"].interval(0.9), rel=1e-6
    )
    assert np.array_equal(longer.z_covariance[:3, :3], posterior.z_covariance)
    assert np.array_equal(longer.z_covariance[3, :3], np.zeros(3))
    for name in posterior.table:
        assert longer.point[name] == posterior.point[name]
        assert longer.interval(name) == posterior.interval(name)
    assert posterior.extended(posterior.table).names == NAMES


def test_the_summary_has_a_row_for_every_parameter_with_its_source():
    posterior = _posterior()
    rows = {row["name"]: row for row in posterior.summary()}
    assert list(rows) == list(posterior.table)
    for name, row in rows.items():
        assert row["unit"] == posterior.table[name].unit
        assert row["citation"] and row["provenance"] and row["prior"] and row["description"]
        assert row["low"] <= row["point"] <= row["high"]
        assert row["prior_low"] <= row["prior_high"]
    assert rows["diffusivity"]["determined"] is True
    assert rows["diffusivity"]["contraction"] == pytest.approx(0.7)
    assert rows["radiosensitivity_alpha"]["determined"] is False
    assert rows["alpha_beta_ratio"]["contraction"] is None
    assert rows["alpha_beta_ratio"]["prior"] == "fixed at 8"

"""Ranks and their bands where the posterior is known, and data that a problem makes of itself."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.twin.calibration.cases import adc_patient
from twin.calibration.objective import evaluate, make_problem
from twin.calibration.setting import make_setting
from twin.calibration.simulation_based import EcdfBand, ecdf_band, rank_of, simulated
from twin.errors import TwinError
from twin.models import FisherKPP

DATASETS, DRAWS = 200, 100


@cache
def band() -> EcdfBand:
    return ecdf_band(DATASETS, DRAWS)


def ranks_of(seed: int, width: float = 1.0, bias: float = 0.0, contracted: bool = True):
    """Ranks of a normal mean with a standard normal prior, one datum of variance 1/4 each.

    The posterior is normal with mean 0.8 y and variance 0.2; `width` scales its deviation.
    """
    random = np.random.default_rng(seed)
    truth = random.standard_normal(DATASETS)
    datum = truth + 0.5 * random.standard_normal(DATASETS)
    center, sd = (0.8 * datum, np.sqrt(0.2)) if contracted else (0.0, 1.0)
    draws = center + bias * sd + width * sd * random.standard_normal((DRAWS, DATASETS))
    return rank_of(truth, draws), 1.0 - draws.std(axis=0).mean()


def test_the_exact_posterior_stays_within_the_band_as_often_as_the_band_says():
    inside = [band().deviation(ranks_of(seed)[0]) <= 1.0 for seed in range(400)]
    assert abs(np.mean(inside) - 0.95) < 4.0 * np.sqrt(0.95 * 0.05 / 400)


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_bands_of_other_levels_hold_uniform_ranks_that_often(level: float):
    other = ecdf_band(50, 20, level=level, seed=1)
    random = np.random.default_rng(2)
    inside = [other.deviation(random.integers(0, 21, 50)) <= 1.0 for _ in range(2000)]
    # Counts are whole numbers: the band may hold a little more than asked for, hardly less.
    assert level - 0.04 < np.mean(inside) < level + 0.06


def test_a_sampler_of_seven_tenths_of_the_width_is_rejected():
    assert np.mean([band().deviation(ranks_of(s, width=0.7)[0]) > 1.0 for s in range(20)]) > 0.9


def test_a_sampler_off_by_half_a_deviation_is_rejected():
    assert all(band().deviation(ranks_of(s, bias=0.5)[0]) > 1.0 for s in range(20))


def test_a_sampler_that_returns_the_prior_passes_and_shows_itself_by_its_contraction():
    found = [ranks_of(seed, contracted=False) for seed in range(20)]
    assert np.mean([band().deviation(ranks) <= 1.0 for ranks, _ in found]) > 0.7
    assert max(abs(contraction) for _, contraction in found) < 0.05
    assert abs(ranks_of(0)[1] - (1.0 - np.sqrt(0.2))) < 0.05


@given(
    datasets=st.integers(2, 60), draws=st.integers(2, 40), level=st.sampled_from([0.5, 0.9, 0.99])
)
def test_bands_hold_zero_are_symmetric_and_have_their_extremes_outside(datasets, draws, level):
    found = ecdf_band(datasets, draws, level=level, simulations=100)
    assert (found.low <= 0.5 / datasets).all() and (found.high >= -0.5 / datasets).all()
    np.testing.assert_allclose(found.low, -found.high[::-1], atol=1e-9)
    spread = np.resize(np.arange(draws + 1), datasets)
    assert np.isfinite(found.deviation(spread))


def test_ranks_all_at_one_end_are_outside_by_far():
    assert band().deviation(np.zeros(DATASETS, int)) > 5.0
    assert band().deviation(np.full(DATASETS, DRAWS)) > 5.0


def test_a_rank_counts_the_draws_below():
    np.testing.assert_array_equal(
        rank_of(np.array([0.5, -1.0]), np.array([[0.0, 0.0], [1.0, 0.0]])), [1, 0]
    )


def test_what_ranks_and_bands_refuse():
    with pytest.raises(TwinError, match="1 not finite"):
        rank_of(np.zeros(2), np.array([[0.0, np.nan]]))
    with pytest.raises(TwinError, match=r"draws of shape \(L, 3\)"):
        rank_of(np.zeros(3), np.zeros((5, 2)))
    with pytest.raises(TwinError, match="200 ranks within 0 to 100.*0 to 101"):
        band().difference(np.r_[np.zeros(199, int), 101])
    with pytest.raises(TwinError, match="two data sets and draws at least"):
        ecdf_band(1, 10)


def test_data_that_a_problem_makes_of_itself_fit_as_well_as_their_noise():
    problem = make_problem(make_setting(adc_patient(0), FisherKPP(), visits=3))
    truth = np.linspace(-1.0, 1.0, len(problem.names))
    made = simulated(problem, truth, 0.05, np.random.default_rng(3))
    at_truth, count = evaluate(made, truth), np.asarray(problem.density_weight).sum()
    variance = at_truth.cost["density"].sum() / count
    assert abs(variance / 0.05**2 - 1.0) < 4.0 * np.sqrt(2.0 / count)
    before = evaluate(problem, truth)
    np.testing.assert_array_equal(at_truth.cost["outline"], before.cost["outline"])
    assert at_truth.cost["density"][0] == 0.0

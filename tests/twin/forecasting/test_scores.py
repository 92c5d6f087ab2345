"""Scores against closed forms and against the definition, term by term."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import norm

from twin.forecasting.scores import ccc, crps, dice, interval, judge

SAMPLES = arrays(float, st.integers(1, 12), elements=st.floats(-100, 100))


def gaussian_crps(mean: float, sd: float, observed: float) -> float:
    """Gneiting & Raftery 2007, equation 21 (doi 10.1198/016214506000001437)."""
    z = (observed - mean) / sd
    return sd * (z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / np.sqrt(np.pi))


@pytest.mark.parametrize("observed", [-3.0, 1.0, 2.0, 2.5, 9.0])
def test_crps_of_a_large_gaussian_sample_is_the_closed_form(observed):
    levels = (np.arange(20_000) + 0.5) / 20_000
    draws = norm.ppf(levels, loc=2.0, scale=1.5)
    assert crps(draws, observed) == pytest.approx(gaussian_crps(2.0, 1.5, observed), rel=2e-3)


@given(SAMPLES, st.floats(-100, 100))
def test_crps_is_its_definition_over_all_pairs(draws, observed):
    pairs = np.abs(draws[:, None] - draws[None, :]).mean()
    expected = np.abs(draws - observed).mean() - 0.5 * pairs
    assert crps(draws, observed) == pytest.approx(expected, abs=1e-9)


@given(SAMPLES, st.floats(-100, 100))
def test_crps_is_the_area_between_the_two_distribution_functions(draws, observed):
    points = np.sort(np.append(draws, observed))
    middle = 0.5 * (points[1:] + points[:-1])
    cdf = (draws[None, :] <= middle[:, None]).mean(axis=1)
    area = np.sum((cdf - (middle >= observed)) ** 2 * np.diff(points))
    assert crps(draws, observed) == pytest.approx(area, abs=1e-9)


def test_crps_of_one_draw_is_the_absolute_error():
    assert crps(np.array([3.0]), 5.5) == 2.5


@given(st.permutations(list(range(7))))
def test_crps_does_not_depend_on_the_order_of_draws(order):
    draws = np.array([0.0, 1.0, 4.0, 4.5, 7.0, 8.0, 20.0])
    assert crps(draws[order], 3.0) == pytest.approx(crps(draws, 3.0), rel=1e-12)


def test_ccc_is_one_for_equal_maps_and_minus_one_for_opposite_ones():
    field = np.random.default_rng(0).normal(size=(4, 5, 6))
    assert ccc(field, field) == pytest.approx(1.0)
    assert ccc(field - field.mean(), field.mean() - field) == pytest.approx(-1.0)


def test_ccc_by_hand_punishes_shift_and_scale():
    """Means 2 and 3, variances 2/3 and 2/3, covariance 2/3: 4/3 / (4/3 + 1)."""
    assert ccc(np.array([1.0, 2, 3]), np.array([2.0, 3, 4])) == pytest.approx(4 / 7)
    assert ccc(np.array([1.0, 2, 3]), np.array([2.0, 4, 6])) == pytest.approx(8 / 22)


def test_ccc_is_pearson_times_bias_correction():
    rng = np.random.default_rng(1)
    a = rng.normal(2.0, 1.0, 500)
    b = 0.8 * a + rng.normal(0.0, 0.5, 500)
    ratio, shift = b.std() / a.std(), (a.mean() - b.mean()) / np.sqrt(a.std() * b.std())
    expected = np.corrcoef(a, b)[0, 1] * 2.0 / (ratio + 1.0 / ratio + shift**2)
    assert ccc(a, b) == pytest.approx(expected, rel=1e-9)


def test_ccc_of_constant_maps_tells_equal_from_different():
    assert ccc(np.full(5, 2.0), np.full(5, 2.0)) == 1.0
    assert ccc(np.full(5, 2.0), np.full(5, 3.0)) == 0.0


@given(arrays(bool, (3, 3, 3)), arrays(bool, (3, 3, 3)))
def test_dice_is_what_counting_voxels_gives(a, b):
    voxels_a = {tuple(v) for v in np.argwhere(a)}
    voxels_b = {tuple(v) for v in np.argwhere(b)}
    total = len(voxels_a) + len(voxels_b)
    expected = 2 * len(voxels_a & voxels_b) / total if total else 1.0
    assert dice(a, b) == pytest.approx(expected)
    assert dice(a, b) == dice(b, a)


def test_interval_holds_its_share_of_the_draws_and_narrows_to_the_median():
    draws = np.random.default_rng(2).normal(size=10_001)
    low, high = interval(draws, 0.9)
    assert ((draws >= low) & (draws <= high)).mean() == pytest.approx(0.9, abs=2e-4)
    assert interval(draws, 0.0) == (np.median(draws), np.median(draws))


@pytest.mark.parametrize(("observed", "hit"), [(5.0, 1.0), (94.9, 1.0), (95.1, 0.0), (4.9, 0.0)])
def test_judge_says_whether_the_interval_holds_what_came(observed, hit):
    judged = judge(np.arange(101.0), observed)
    assert judged["hit_90"] == hit
    assert judged["width_90"] == pytest.approx(90.0)
    assert judged["relative_error"] == pytest.approx(abs(50.0 - observed) / observed)

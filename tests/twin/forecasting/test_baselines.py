"""The forecasts to beat: what they say without noise, and how wide they are with it."""

import numpy as np
import pytest

from twin.forecasting.baselines import exponential, no_change

DAYS = np.array([0.0, 20.0, 45.0])


def test_no_change_stays_with_the_noise_of_two_measurements():
    draws = no_change(30.0, 2.0, 20_000, 0)
    assert draws.mean() == pytest.approx(30.0, abs=0.1)
    assert draws.std() == pytest.approx(2.0 * np.sqrt(2.0), rel=0.02)
    assert np.array_equal(no_change(30.0, 0.0, 4, 0), np.full(4, 30.0))


@pytest.mark.parametrize("rate", [0.03, -0.05])
def test_exponential_continues_exponential_data_exactly(rate):
    draws = exponential(DAYS, 12.0 * np.exp(rate * DAYS), 80.0, 0.0, 5, 0)
    np.testing.assert_allclose(draws, 12.0 * np.exp(rate * 80.0), rtol=1e-10)


def test_exponential_spreads_with_the_distance_to_the_data():
    values = 12.0 * np.exp(0.02 * DAYS)
    near, far = (exponential(DAYS, values, day, 1.0, 4000, 0).std() for day in (50.0, 120.0))
    assert far > 3 * near > 3.0


def test_exponential_of_a_vanished_tumor_is_finite():
    draws = exponential(DAYS, np.array([20.0, 1.0, 0.0]), 400.0, 0.5, 200, 0)
    assert np.isfinite(draws).all()


def test_baselines_are_the_same_for_the_same_seed_only():
    assert np.array_equal(no_change(3.0, 1.0, 9, 5), no_change(3.0, 1.0, 9, 5))
    assert not np.array_equal(no_change(3.0, 1.0, 9, 5), no_change(3.0, 1.0, 9, 6))

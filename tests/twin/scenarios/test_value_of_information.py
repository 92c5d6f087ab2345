"""The value of an observation against the Gaussian case with two plans, and its bounds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from tests.twin.scenarios.by_hand import daily_plan, outcomes_of
from twin.errors import TwinError
from twin.scenarios.value_of_information import (
    FLOOR_ML,
    value_of_observation,
    value_of_scan,
)


def gaussian_value(mean: float, sd: float) -> float:
    """E[min(0, m)] below min(0, mean), for m normal: the gain of choosing once m is known."""
    expected = mean * norm.cdf(-mean / sd) - sd * norm.pdf(mean / sd)
    return min(0.0, mean) - expected


@pytest.mark.parametrize(("mean", "noise"), [(0.0, 0.5), (0.3, 1.0), (-0.5, 0.3), (0.2, 3.0)])
def test_two_plans_with_a_gaussian_difference_have_the_known_value(mean, noise):
    """One plan costs nothing, the other theta ~ N(mean, 1); theta is seen with noise."""
    theta = mean + np.random.default_rng(1).standard_normal(1200)
    found = value_of_observation(np.stack([np.zeros(1200), theta]), theta[:, None], noise)
    evsi = gaussian_value(mean, 1.0 / np.sqrt(1.0 + noise**2))
    assert found.interval[0] - 0.01 <= evsi <= found.interval[1] + 0.01
    evpi = gaussian_value(mean, 1.0)
    assert found.perfect_interval[0] - 0.01 <= evpi <= found.perfect_interval[1] + 0.01
    assert found.interval[1] - found.interval[0] < 0.1


@settings(max_examples=30)
@given(st.integers(2, 6), st.floats(0.05, 5.0), st.integers(0, 10_000))
def test_no_observation_is_worth_more_than_perfect_information(plans, noise, seed):
    random = np.random.default_rng(seed)
    loss = random.standard_normal((plans, 60))
    found = value_of_observation(loss, random.standard_normal((60, 2)), noise, seed=seed)
    assert found.value <= found.perfect + 1e-12
    assert found.perfect >= 0.0


def test_what_says_nothing_of_the_losses_is_worth_nothing():
    random = np.random.default_rng(3)
    loss = np.stack([np.zeros(1500), 0.1 + random.standard_normal(1500)])
    found = value_of_observation(loss, random.standard_normal((1500, 1)), 1.0)
    assert abs(found.value) < 0.03
    assert found.perfect > 0.3


def test_a_plan_best_in_every_draw_leaves_nothing_to_learn():
    theta = np.linspace(0.0, 1.0, 50)
    found = value_of_observation(np.stack([theta, theta + 1.0]), theta[:, None], 0.1)
    assert (found.value, found.perfect) == (0.0, 0.0)


def test_a_sharper_scan_is_worth_more():
    theta = np.random.default_rng(4).standard_normal(1000)
    loss = np.stack([np.zeros(1000), theta])
    values = [value_of_observation(loss, theta[:, None], sd).value for sd in (0.2, 1.0, 5.0)]
    assert values == sorted(values, reverse=True)


def scan_case():
    """Plans that begin alike for a day; the volume on day 90 tells which continuation is best."""
    theta = np.random.default_rng(5).standard_normal(400)
    plans = (
        daily_plan("one", 2, 2.0, standard_of_care=True),
        daily_plan("one and more", 3, 2.0),
        daily_plan("another", 5, 1.0),
    )
    volume = np.stack([np.exp(theta)] * 3)
    loss = np.stack([np.zeros(400), theta, np.full(400, 0.5)])
    return outcomes_of(volume, plans=plans), loss, theta


def test_value_of_a_scan_is_that_of_volume_and_burden_among_plans_that_begin_alike():
    outcomes, loss, theta = scan_case()
    found = value_of_scan(outcomes, loss, 1.5, outline_sd=0.1, burden_sd=0.3)
    shown = np.log(np.exp(theta) + FLOOR_ML)[:, None].repeat(2, axis=1)
    assert found == value_of_observation(loss[:2], shown, np.array([0.1, 0.3]))
    late = value_of_scan(outcomes, loss, 90.0)
    assert late.perfect == 0.0


def test_draws_that_failed_are_left_out():
    outcomes, loss, _ = scan_case()
    loss[1, :10] = np.nan
    assert value_of_scan(outcomes, loss, 1.5).draws == 390


def test_a_scan_beyond_the_horizon_is_refused():
    outcomes, loss, _ = scan_case()
    with pytest.raises(TwinError, match="day: the scan is not within the horizon.*got 200"):
        value_of_scan(outcomes, loss, 200.0)


@pytest.mark.parametrize(
    ("loss", "shown", "sd", "message"),
    [
        (np.zeros((2, 2)), np.zeros((2, 1)), 1.0, "do not fit together"),
        (np.zeros((2, 5)), np.zeros((4, 1)), 1.0, "do not fit together"),
        (np.full((2, 5), np.nan), np.zeros((5, 1)), 1.0, "not finite"),
        (np.zeros((2, 5)), np.zeros((5, 1)), 0.0, "noise must be positive"),
    ],
)
def test_unusable_input_is_refused(loss, shown, sd, message):
    with pytest.raises(TwinError, match=message):
        value_of_observation(loss, shown, sd)

"""Priors as monotone maps of a standard normal score, and the table that holds them."""

import jax
import numpy as np
import pytest
from scipy import stats

from twin.errors import TwinError
from twin.parameters import (
    Fixed,
    LogNormal,
    LogUniform,
    Normal,
    Parameter,
    ParameterTable,
    Uniform,
)

PRIORS = {
    LogNormal(0.1, 0.7): stats.lognorm(0.7, scale=0.1),
    LogUniform(0.02, 1.5): stats.loguniform(0.02, 1.5),
    Uniform(-1.0, 3.0): stats.uniform(-1.0, 4.0),
    Normal(10.0, 2.0, 2.0, 20.0): stats.truncnorm(-4, 5, 10.0, 2.0),
    Normal(4.0, 1.0, 1.0, 10.0): stats.truncnorm(-3, 6, 4.0, 1.0),
    Normal(0.0, 1.0, 1.0, 2.0): stats.truncnorm(1, 2),
}
by_prior = pytest.mark.parametrize("prior", PRIORS, ids=lambda p: p.describe())


@by_prior
def test_scores_give_the_quantiles_of_an_independent_implementation(prior):
    scores = np.linspace(-3.0, 3.0, 13)
    exact = PRIORS[prior].ppf(stats.norm.cdf(scores))
    np.testing.assert_allclose(prior.transform(scores), exact, rtol=2e-5, atol=2e-6)


@by_prior
def test_values_stay_within_their_bounds_and_increase_at_any_score(prior):
    scores = np.array([-12.0, -8.0, -5.5, -4.0, -1.0, 0.0, 1.0, 4.0, 5.5, 8.0, 12.0])
    values = np.asarray(prior.transform(scores))
    low, high = PRIORS[prior].support()
    assert np.isfinite(values).all()
    assert np.all(np.diff(values) >= 0.0)
    assert values.min() >= low - 1e-5 * abs(low) - 1e-7
    assert values.max() <= high + 1e-5 * abs(high)


@by_prior
def test_derivatives_are_finite_and_agree_with_differences(prior):
    for score in (-3.0, -0.5, 0.0, 0.5, 3.0):
        slope = float(jax.grad(prior.transform)(score))
        quantile = PRIORS[prior].ppf
        step = 1e-5
        exact = (
            quantile(stats.norm.cdf(score + step)) - quantile(stats.norm.cdf(score - step))
        ) / (2 * step)
        assert slope == pytest.approx(exact, rel=1e-3)
    for score in (-9.0, 9.0):
        assert np.isfinite(jax.grad(prior.transform)(score))


@by_prior
def test_the_inverse_returns_the_score(prior):
    for score in (-3.0, -1.0, 0.0, 0.4, 3.0):
        value = PRIORS[prior].ppf(stats.norm.cdf(score))
        assert prior.inverse(float(value)) == pytest.approx(score, abs=1e-6)


def test_whole_numbers_are_scores_too():
    assert float(Uniform(0.0, 1.0).transform(0)) == 0.5
    assert float(LogUniform(1.0, 4.0).transform(0)) == pytest.approx(2.0)
    assert float(Normal(4.0, 1.0, 1.0, 7.0).transform(0)) == pytest.approx(4.0)


@pytest.mark.parametrize("prior", [LogNormal(1.0, 0.5), LogUniform(0.1, 1.0)])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
def test_a_logarithm_asks_for_a_positive_value(prior, value):
    with pytest.raises(TwinError, match="value of a positive parameter.*above 0"):
        prior.inverse(value)


def parameter(name, prior):
    return Parameter(name, "1", prior, "what it is", "where it is from", "assumed")


TABLE = ParameterTable(
    [parameter("speed", LogNormal(2.0, 0.3)), parameter("ratio", Fixed(1.5))],
)


def test_a_table_keeps_order_and_knows_what_is_free():
    more = TABLE + ParameterTable([parameter("angle", Uniform(0.0, 2.0))])
    assert list(more) == ["speed", "ratio", "angle"]
    assert more.free == ("speed", "angle")
    assert "angle" in more and "angle" not in TABLE


def test_values_left_out_are_at_their_medians():
    values = TABLE.values_at({})
    assert float(values["speed"]) == pytest.approx(2.0)
    assert float(values["ratio"]) == pytest.approx(1.5)
    back = TABLE.scores_of({"speed": 3.0})
    assert float(TABLE.values_at(back)["speed"]) == pytest.approx(3.0)


def test_an_interval_holds_the_stated_share():
    low, high = TABLE["speed"].interval(0.9)
    assert stats.lognorm(0.3, scale=2.0).cdf([low, high]) == pytest.approx([0.05, 0.95], abs=1e-5)


def test_a_prior_can_be_replaced():
    fixed = TABLE.with_priors({"speed": Fixed(7.0)})
    assert fixed.free == ()
    assert float(fixed.values_at({"speed": 2.0})["speed"]) == 7.0
    assert TABLE.free == ("speed",)


@pytest.mark.parametrize(
    "ask", [lambda: TABLE["sped"], lambda: TABLE.with_priors({"sped": Fixed(1.0)})]
)
def test_an_unknown_name_is_answered_with_the_known_ones(ask):
    with pytest.raises(TwinError, match=r"unknown parameter 'sped'.*speed, ratio"):
        ask()


def test_two_parameters_of_one_name_are_refused():
    with pytest.raises(TwinError, match="two parameters of one name"):
        ParameterTable([parameter("a", Fixed(1.0)), parameter("a", Fixed(2.0))])

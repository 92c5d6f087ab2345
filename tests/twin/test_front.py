"""Coordinates of the front: the same prior as that of D and ρ, and back again."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from twin.errors import TwinError
from twin.front import GROWTH, LENGTH_AT_SPEED, SPEED, FrontTable, front_of
from twin.models import FisherKPP
from twin.parameters import Fixed, LogNormal, LogUniform, ParameterTable, Prior

PRIORS: list[dict[str, Prior]] = [
    {"diffusivity": LogUniform(0.02, 1.5), "proliferation_rate": LogUniform(0.0027, 0.19)},
    {"diffusivity": LogUniform(0.1, 0.3), "proliferation_rate": LogUniform(0.002, 0.2)},
    {"diffusivity": LogNormal(0.4, 0.9), "proliferation_rate": LogNormal(0.03, 0.4)},
]


def table(priors: dict[str, Prior]) -> ParameterTable:
    return FisherKPP().table("glioma", (), ("tissue",)).with_priors(priors)


def drawn(front: FrontTable, count: int = 5000) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    z = np.random.default_rng(4).standard_normal((2, count))
    found = front.values_at({SPEED: jnp.asarray(z[0]), LENGTH_AT_SPEED: jnp.asarray(z[1])})
    return z, {name: np.asarray(found[name], float) for name in GROWTH}


@pytest.mark.parametrize("priors", PRIORS)
def test_standard_normal_scores_of_the_front_give_the_prior_of_diffusivity_and_rate(priors):
    _, values = drawn(FrontTable(table(priors)))
    scores = {n: [priors[n].inverse(v) for v in values[n]] for n in GROWTH}
    for name in GROWTH:
        assert stats.kstest(scores[name], "norm").pvalue > 0.01
    assert abs(stats.spearmanr(*scores.values()).statistic) < 0.05


@pytest.mark.parametrize("priors", PRIORS)
def test_the_first_score_is_that_of_the_speed_alone_and_the_second_orders_the_length(priors):
    front = FrontTable(table(priors))
    z, values = drawn(front, 300)
    speed = front_of(values)["front_speed"]
    expected = np.asarray(front[SPEED].prior.transform(z[0]))
    np.testing.assert_allclose(speed, expected, rtol=1e-4)
    at_one_speed = front.values_at({SPEED: 0.4, LENGTH_AT_SPEED: jnp.linspace(-3.0, 3.0, 9)})
    length = front_of({n: np.asarray(at_one_speed[n]) for n in GROWTH})["front_length"]
    assert (np.diff(length) > 0.0).all()


@pytest.mark.parametrize("priors", PRIORS)
def test_scores_of_values_lead_back_to_them(priors):
    front = FrontTable(table(priors))
    z, values = drawn(front, 20)
    for k in range(20):
        found = front.scores_of({name: float(values[name][k]) for name in GROWTH})
        assert [found[SPEED], found[LENGTH_AT_SPEED]] == pytest.approx(z[:, k], abs=2e-3)
    alone = front.values_at(front.scores_of({"diffusivity": 0.2}))
    median = float(priors["proliferation_rate"].transform(0.0))
    assert float(alone["diffusivity"]) == pytest.approx(0.2, rel=1e-3)
    assert float(alone["proliferation_rate"]) == pytest.approx(median, rel=1e-3)


def test_what_is_not_of_the_front_keeps_its_place_and_value():
    plain = table(PRIORS[0])
    front = FrontTable(plain)
    assert list(front) == [SPEED, LENGTH_AT_SPEED, *(n for n in plain if n not in GROWTH)]
    found = front.values_at({"clearance_half_life": 1.0})
    expected = plain.values_at({"clearance_half_life": 1.0})
    assert set(found) == set(expected)
    assert found["clearance_half_life"] == expected["clearance_half_life"]


def test_priors_of_two_kinds_are_refused_with_what_is_expected():
    with pytest.raises(TwinError, match="both log-uniform or both log-normal"):
        FrontTable(table({"diffusivity": LogNormal(0.4, 0.5)}))
    with pytest.raises(TwinError, match="got fixed at 0.4"):
        FrontTable(table({"diffusivity": Fixed(0.4)}))

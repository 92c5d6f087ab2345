"""Sensitivity of a tiny patient: factors are independent, and what cannot matter has no index."""

from dataclasses import replace

import numpy as np
import pytest

from tests.twin.scenarios.small_cases import (
    DECISION_DAY,
    plan_set,
    prior_posterior,
    radiotherapy,
    tiny_patient,
)
from twin.scenarios.plan_set import Plan, PlanSet
from twin.scenarios.sensitivity import (
    GIVEN,
    INFORMED,
    courses_of_interest,
    posterior_factors,
    quantities_of,
    sensitivity,
    simulate_scores,
)
from twin.scenarios.sweep import sweep, with_drugs_of
from twin.treatments.schedule import DrugDose, Fraction, Schedule, Surgery

PLANS = plan_set(
    radiotherapy("10 x 2 and surgery", 10, 2.0, surgery_day=40.5), Plan("nothing", Schedule())
)


@pytest.fixture(scope="module")
def posterior():
    return prior_posterior(tiny_patient())


@pytest.fixture(scope="module")
def swept(posterior):
    return sweep(posterior, PLANS, draws=5, seed=3)


def correlated(posterior):
    """Two parameters known together, the others at their priors."""
    covariance, mean = np.eye(len(posterior.names)), np.zeros(len(posterior.names))
    covariance[np.ix_([0, 2], [0, 2])] = [[0.3, -0.2], [-0.2, 0.25]]
    mean[[0, 2]] = 0.5, -1.0
    return replace(posterior, z_mean=mean, z_covariance=covariance)


def test_courses_are_what_was_given_and_the_standard_of_care():
    before = Schedule((), (DrugDose(3.0, "doxorubicin", 142.5),))
    later = Schedule((Fraction(20.0, 2.0),), (), (Surgery(300.0, 5.0),))
    plans = courses_of_interest(prior_posterior(tiny_patient(before + later)))
    given, standard = plans
    assert given.name == GIVEN and given.schedule == later
    assert standard.standard_of_care and standard.schedule.fractions
    assert plans.decision_day == DECISION_DAY and plans.horizon_days == 301.0 - DECISION_DAY


def test_simulations_at_scores_are_those_of_a_sweep_whatever_the_blocks(posterior, swept):
    extended = with_drugs_of(posterior, PLANS)
    told = []
    found = simulate_scores(
        extended,
        PLANS,
        extended.sample_scores(5, 3),
        block=4,
        progress=lambda done, total: told.append((done, total)),
    )
    for name, values in swept.to_arrays().items():
        np.testing.assert_array_equal(values, found.to_arrays()[name], err_msg=name)
    assert told == [(8, 10), (10, 10)]


def test_quantities_end_at_the_surgery_or_the_horizon(swept):
    quantities, values = quantities_of(swept)
    by_plan = {name: [q for q in quantities if q.plan == name] for name in swept.names}
    assert [q.day for q in by_plan["10 x 2 and surgery"]] == [40.5, 35.0, 74.0, 74.0]
    assert [q.day for q in by_plan["nothing"]] == [74.0, 74.0, 74.0]
    np.testing.assert_allclose(10 ** values[:, 0], swept.endpoint_ml[0] + 1e-6)
    ball_ml = np.pi / 6.0 * values[:, 1] ** 3 / 1000.0
    np.testing.assert_allclose(ball_ml, swept.visible_ml[0, :, 3], rtol=1e-6)
    np.testing.assert_array_equal(values[:, -1], swept.progression_days[1])


def test_parameters_that_cannot_matter_have_no_index_and_growth_has_most(posterior):
    """Without treatment radiosensitivity does nothing, and the burden grows with its rate."""
    plans = PlanSet((Plan("nothing", Schedule(), True),), 60.0, DECISION_DAY)
    found = sensitivity(posterior, plans, samples=16, trajectories=4)
    assert found.quantities[0].name == "viable burden at the horizon"
    factors = found.prior.factors
    assert factors == posterior.names == found.effects.factors
    total, mean = found.prior.total[:, 0], found.effects.mean_absolute[:, 0]
    for name in ("radiosensitivity_alpha", "alpha_beta_ratio", "clearance_half_life"):
        assert total[factors.index(name)] == mean[factors.index(name)] == 0.0
    assert factors[int(total.argmax())] == factors[int(mean.argmax())] == "proliferation_rate"
    # Nothing was learned: the posterior is the prior, factor by factor.
    assert found.informed == () and found.posterior is not None
    np.testing.assert_array_equal(found.posterior.total, found.prior.total)
    rows = (2 * 16 * (len(factors) + 2)) + 4 * (len(factors) + 1)
    assert found.scenarios == rows


def test_correlated_parameters_are_one_factor_drawn_jointly(posterior):
    known = correlated(posterior)
    factors, scores_of, informed = posterior_factors(known)
    assert informed == (posterior.names[0], posterior.names[2])
    assert factors == {INFORMED: 2} | {n: 1 for n in posterior.names if n not in informed}
    standard = np.random.default_rng(0).standard_normal((40_000, len(posterior.names)))
    scores = scores_of(standard)
    np.testing.assert_allclose(scores.mean(axis=0), known.z_mean, atol=0.03)
    np.testing.assert_allclose(np.cov(scores.T), known.z_covariance, atol=0.03)
    moved = standard.copy()
    moved[:, :2] += 1.0
    rest = [i for i, n in enumerate(posterior.names) if n not in informed]
    np.testing.assert_array_equal(scores_of(moved)[:, rest], scores[:, rest])
    assert (scores_of(moved)[:, [0, 2]] != scores[:, [0, 2]]).any(axis=1).all()


def test_draws_of_a_posterior_are_one_factor_of_equally_likely_rows(posterior):
    draws = np.random.default_rng(1).standard_normal((25, 3))
    factors, scores_of, informed = posterior_factors(replace(posterior, z_draws=draws))
    assert factors[INFORMED] == 1 and informed == posterior.names[:3]
    standard = np.random.default_rng(0).standard_normal((10_000, sum(factors.values())))
    scores = scores_of(standard)
    _, rows = np.unique(scores[:, :3], axis=0, return_counts=True)
    assert len(rows) == 25 and rows.min() > 300 and rows.max() < 500
    np.testing.assert_array_equal(scores[:, 3:], standard[:, 1:])


def test_a_posterior_without_independent_parts_is_not_split(posterior):
    count = len(posterior.names)
    all_known = replace(posterior, z_covariance=0.5 * np.eye(count) + 0.1)
    factors, _, informed = posterior_factors(all_known)
    assert factors == {INFORMED: count} and informed == posterior.names

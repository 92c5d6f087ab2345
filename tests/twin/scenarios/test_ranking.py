"""The ranking puts feasible plans first, groups what it cannot order, and says so."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.twin.scenarios.by_hand import daily_plan, outcomes_of
from twin.errors import TwinError
from twin.patient import Organ
from twin.scenarios.ranking import Ranking, choose_finalists, losses, rank
from twin.treatments.schedule import DrugDose, Fraction, Schedule

SKIN = Organ("skin", alpha_beta_gy=3.0, sparing=1.0, eqd2_limit_gy=50.0)
NOTHING = Schedule()
PLANS = (
    daily_plan("20 Gy", 10, 2.0),
    daily_plan("40 Gy", 20, 2.0, standard_of_care=True),
    daily_plan("60 Gy", 30, 2.0),
)


def ranked(outcomes, given=NOTHING, **kwargs) -> Ranking:
    return rank(outcomes, [SKIN], given, body_surface_m2=2.0, **kwargs)


def names(ranking: Ranking) -> list[str]:
    return [row.plan.name for row in ranking.rows]


def spread(*levels: float, noise: float = 0.0, draws: int = 40, seed: int = 0) -> np.ndarray:
    """Burdens around 10^level; noise is common to all plans unless it is the plans' own."""
    generator = np.random.default_rng(seed)
    own = noise * generator.normal(size=(len(levels), draws))
    return 10.0 ** (np.array(levels)[:, None] + generator.normal(size=draws) + own)


def test_feasible_plans_come_first_by_expected_loss():
    ranking = ranked(outcomes_of(spread(1, 0, -1), plans=PLANS))
    assert names(ranking) == ["40 Gy", "20 Gy", "60 Gy"]
    assert [row.feasible for row in ranking.rows] == [True, True, False]
    assert ranking.standard_of_care.plan.name == "40 Gy"


def test_what_was_given_already_counts_against_the_limits():
    given_before = Schedule(tuple(Fraction(-30.0 + i, 2.0) for i in range(10)))
    ranking = ranked(outcomes_of(spread(1, 0, -1), plans=PLANS), given_before)
    assert names(ranking)[0] == "20 Gy"
    assert ranking.best.organ_eqd2_gy["skin"] == pytest.approx(40.0)


def test_a_drug_over_its_label_limit_makes_a_plan_infeasible():
    plans = (daily_plan("with", 1, 2.0, doxorubicin_mg=300.0), daily_plan("without", 1, 1.0))
    before = Schedule(drug_doses=(DrugDose(-21.0, "doxorubicin", 900.0),))
    ranking = ranked(outcomes_of(spread(0, 1), plans=plans), before)
    assert names(ranking) == ["without", "with"]
    assert ranking.rows[1].drug_mg_m2["doxorubicin"] == pytest.approx(600.0)
    assert ranking.rows[1].toxicity == pytest.approx(600 / 550)


def test_numbers_are_those_of_the_loss():
    burden = spread(1, 0, -1)
    row = ranked(outcomes_of(burden, plans=PLANS)).rows[0]
    loss = np.log10(burden[1] + 1e-6)
    assert row.expected == pytest.approx(loss.mean())
    assert row.interval == pytest.approx(tuple(np.quantile(loss, (0.05, 0.95))))
    assert row.cvar == pytest.approx(np.sort(loss)[-4:].mean())


def test_common_noise_leaves_the_order_determined_and_own_noise_does_not():
    certain = ranked(outcomes_of(spread(0.2, 0.1, 0), plans=PLANS))
    assert [row.group for row in certain.rows] == [1, 2, 3]
    assert not any(row.undetermined for row in certain.rows)
    unsure = ranked(outcomes_of(spread(0.1, 0, -1, noise=2.0), plans=PLANS))
    assert [row.group for row in unsure.rows] == [1, 1, 2]
    assert [row.undetermined for row in unsure.rows] == [True, True, False]


@given(arrays(float, st.tuples(st.integers(2, 12), st.just(11)), elements=st.floats(0, 9)))
def test_groups_are_led_by_a_plan_that_is_rarely_worse_than_nine_in_ten(burden):
    outcomes = outcomes_of(burden)
    ranking = rank(outcomes, [], NOTHING, body_surface_m2=2.0)
    loss = losses(outcomes)
    leader = ranking.rows[0]
    for row in ranking.rows[1:]:
        better = np.mean(
            (loss[leader.index] < loss[row.index]) + 0.5 * (loss[leader.index] == loss[row.index])
        )
        assert (row.group == leader.group) == (better < 0.9)
        if row.group != leader.group:
            assert row.group == leader.group + 1
            leader = row


def test_pareto_plans_trade_burden_for_toxicity():
    plans = (*PLANS, daily_plan("30 Gy, worse", 15, 2.0))
    ranking = ranked(outcomes_of(spread(1, 0, -1, 2), plans=plans))
    assert {row.plan.name for row in ranking.rows if row.on_pareto} == {"20 Gy", "40 Gy", "60 Gy"}


def test_finalists_are_the_best_the_pareto_set_and_standard_of_care():
    plans = tuple(daily_plan(f"plan {i}", 10 + i, 2.0, standard_of_care=i == 7) for i in range(10))
    burden = spread(*[3, 5, 1, 6, 7, 8, 9, 9.5, 9.6, 9.7])
    chosen = choose_finalists(
        outcomes_of(burden, plans=plans), [SKIN], NOTHING, body_surface_m2=2.0, count=1
    )
    assert {2, 7} <= set(chosen)
    marked = ranked(outcomes_of(burden, plans=plans), finalist_count=1).finalists
    assert {row.index for row in marked} == set(chosen)


def test_fresh_draws_replace_the_numbers_of_the_finalists():
    sweep = outcomes_of(spread(0, 0.1, -1), plans=PLANS)
    fresh = outcomes_of(spread(0.5, 0.1, draws=200, seed=1), plans=PLANS[:2])
    ranking = ranked(sweep, fresh=fresh)
    assert names(ranking) == ["40 Gy", "20 Gy", "60 Gy"]
    assert [row.fresh_draws for row in ranking.rows] == [200, 200, 0]
    assert [row.finalist for row in ranking.rows] == [True, True, False]
    assert ranking.rows[0].expected == pytest.approx(losses(fresh)[1].mean())


def test_luck_of_the_fresh_draws_does_not_reorder_finalists_against_the_rest():
    levels = np.linspace(0, 2, 21)
    plans = tuple(daily_plan(f"plan {i}", 1, 1.0 + i / 100) for i in range(21))
    sweep = outcomes_of(spread(*levels), plans=plans)
    even = list(range(0, 21, 2))
    unlucky = 1000.0 * spread(*levels[even], draws=200, seed=1)
    fresh = outcomes_of(unlucky, plans=[plans[i] for i in even])
    ranking = ranked(sweep, fresh=fresh)
    assert names(ranking) == [plan.name for plan in plans]
    shown = [row.expected for row in ranking.rows]
    assert shown == sorted(shown), "the numbers do not show the order"


def test_fresh_draws_of_unknown_plans_are_refused():
    fresh = outcomes_of(spread(0), plans=[daily_plan("other", 3, 2.0)])
    with pytest.raises(TwinError, match="not in the sweep.*'other'"):
        ranked(outcomes_of(spread(0, 1, 2), plans=PLANS), fresh=fresh)


def test_probabilities_are_of_the_common_draws():
    burden = 10.0 ** np.array([[0.0, 0, 0, 5], [1, 1, 1, 1]])
    low, high = ranked(outcomes_of(burden, plans=PLANS[:2])).rows
    assert (low.plan.name, high.plan.name) == ("40 Gy", "20 Gy")
    assert low.probability_best_of_next == 0.25
    assert high.probability_best_of_next == 1.0
    assert high.probability_beats_standard == 0.75


def test_failed_draws_and_failing_plans_are_left_out_and_named():
    status = np.zeros((3, 40), np.int8)
    status[2, :10] = 1
    status[0, 5] = 2
    burden = spread(1, 0, -1)
    burden[status != 0] = np.nan
    days = np.where(status == 0, 180.0, np.nan)
    ranking = ranked(outcomes_of(burden, plans=PLANS, status=status, progression_days=days))
    assert names(ranking) == ["40 Gy", "20 Gy"]
    assert "1 plans failed in more than 10 % of draws and are left out (60 Gy)" in ranking.note
    assert "1 of 40 draws failed" in ranking.note
    assert ranking.draws == 39
    assert [row.progression_free_mean_days for row in ranking.rows] == [180.0, 180.0]


def test_a_sweep_without_a_good_draw_is_refused():
    outcomes = outcomes_of(spread(0, 1, 2), plans=PLANS, status=np.ones((3, 40), np.int8))
    with pytest.raises(TwinError, match="no draw ended well"):
        ranked(outcomes)


@pytest.mark.parametrize("objective", ["endpoint_ml", "outside_margin_ml", "progression_days"])
def test_every_objective_ranks(objective):
    days = np.array([[100.0] * 40, [150.0] * 40, [120.0] * 40])
    outcomes = outcomes_of(spread(1, 0, 0.5), plans=PLANS, progression_days=days)
    ranking = ranked(outcomes, objective=objective)
    assert names(ranking)[0] == "40 Gy"
    assert ranking.best.progression_free_mean_days == pytest.approx(150.0)


def test_an_unknown_objective_is_refused():
    with pytest.raises(TwinError, match="unknown objective.*residual_ml"):
        ranked(outcomes_of(spread(0, 1, 2), plans=PLANS), objective="happiness")


def test_prior_share_separates_what_the_data_determined():
    generator = np.random.default_rng(0)
    drawn = {"sensitivity": generator.normal(size=400), "growth": generator.normal(size=400)}
    burden = 10.0 ** np.stack(
        [0 * drawn["growth"], drawn["sensitivity"], 0.1 + 0 * drawn["growth"]]
    )
    outcomes = outcomes_of(burden, plans=PLANS, parameters=drawn)
    assert ranked(outcomes, determined={"growth"}).standard_of_care.prior_share > 0.9
    assert ranked(outcomes, determined={"sensitivity"}).standard_of_care.prior_share < 0.1
    assert ranked(outcomes, determined={"growth"}).undetermined_parameters == ("sensitivity",)


def test_words_name_the_best_plan_the_tie_and_the_standard():
    ranking = ranked(outcomes_of(spread(0.1, 0, -1, noise=2.0), plans=PLANS))
    text = " ".join(ranking.in_words())
    assert f"Best plan: {ranking.best.plan.name}." in text
    assert "Undetermined: the data cannot order the first 2 plans" in text
    assert "standard of care" in text.lower()
    assert "1 of 3 plans exceed the limit" in text
    assert "not for clinical decisions" in text


def test_words_say_when_no_plan_is_within_the_limits():
    before = Schedule(tuple(Fraction(-60.0 + i, 2.0) for i in range(30)))
    ranking = ranked(outcomes_of(spread(1, 0, -1), plans=PLANS), before)
    assert ranking.in_words()[0].startswith("No plan stays within the limits")


def test_a_ranking_survives_json():
    ranking = ranked(outcomes_of(spread(1, 0, -1), plans=PLANS), determined={"growth"})
    assert Ranking.from_json(ranking.to_json(), PLANS) == ranking


def test_a_ranking_of_other_plans_or_another_schema_is_refused():
    text = ranked(outcomes_of(spread(1, 0, -1), plans=PLANS)).to_json()
    with pytest.raises(TwinError, match="belongs to other plans"):
        Ranking.from_json(text, PLANS[::-1])
    data = json.loads(text) | {"schema": "oncotwin-ranking/2"}
    with pytest.raises(TwinError, match="another schema.*oncotwin-ranking/1"):
        Ranking.from_json(json.dumps(data), PLANS)
    with pytest.raises(TwinError, match="not a stored ranking"):
        Ranking.from_json("{", PLANS)

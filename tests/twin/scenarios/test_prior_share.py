"""The share of a rank that rests on priors, where it can be worked out by hand."""

import numpy as np
import pytest

from twin.scenarios.prior_share import prior_shares, ranks

DRAWS = 400


def draws(seed: int, *names: str) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    return {name: generator.normal(size=DRAWS) for name in names}


def against_a_ladder(loss: np.ndarray) -> np.ndarray:
    """One plan among many whose losses never change: its rank is its loss."""
    ladder = np.linspace(-8, 8, 300)[:, None] * np.ones(len(loss))
    return np.concatenate([loss[None], ladder])


def test_shares_follow_the_variance_that_each_parameter_brings():
    drawn = draws(0, "known", "assumed")
    losses = against_a_ladder(2.0 * drawn["known"] + 1.0 * drawn["assumed"])
    share, explained = prior_shares(losses, drawn, {"known"})
    assert share[0] == pytest.approx(1 / 5, abs=0.05)
    assert explained[0] > 0.95


def test_shares_of_known_and_assumed_add_up_to_one():
    drawn = draws(1, "a", "b", "c")
    losses = against_a_ladder(drawn["a"] - 2 * drawn["b"] * 0.7 + 0.3 * drawn["c"] ** 2)
    one = prior_shares(losses, drawn, {"a"})[0][0]
    other = prior_shares(losses, drawn, {"b", "c"})[0][0]
    assert one + other == pytest.approx(1.0)


def test_a_parameter_that_lifts_all_plans_alike_decides_nothing():
    drawn = draws(2, "growth", "sensitivity")
    losses = against_a_ladder(drawn["sensitivity"]) + 50.0 * drawn["growth"]
    assert prior_shares(losses, drawn, {"sensitivity"})[0][0] < 0.05
    assert prior_shares(losses, drawn, {"growth"})[0][0] > 0.95


def test_skewed_parameters_count_by_their_order():
    drawn = draws(3, "known", "assumed")
    skewed = {name: np.exp(3 * values) for name, values in drawn.items()}
    losses = against_a_ladder(drawn["known"] + drawn["assumed"])
    assert prior_shares(losses, skewed, {"known"})[0] == pytest.approx(
        prior_shares(losses, drawn, {"known"})[0]
    )


def test_a_bowl_is_seen_through_the_squares():
    drawn = draws(4, "known", "assumed")
    losses = against_a_ladder(drawn["assumed"] ** 2)
    share, explained = prior_shares(losses, drawn, {"known"})
    assert share[0] > 0.95
    assert explained[0] > 0.8


def test_a_fit_that_sees_little_says_so():
    drawn = draws(5, "known", "assumed")
    losses = against_a_ladder(3 * np.sin(9 * drawn["known"]))
    assert prior_shares(losses, drawn, {"known"})[1][0] < 0.2


def test_a_rank_that_never_changes_rests_on_nothing():
    drawn = draws(6, "assumed")
    losses = np.arange(5.0)[:, None] + 0.01 * drawn["assumed"]
    share, explained = prior_shares(losses, drawn, set())
    assert share.tolist() == [0.0] * 5
    assert explained.tolist() == [1.0] * 5


def test_without_varying_parameters_there_is_no_share():
    losses = np.random.default_rng(7).normal(size=(3, DRAWS))
    assert prior_shares(losses, {"fixed": np.ones(DRAWS)}, set())[0].tolist() == [0.0] * 3


def test_tied_losses_share_their_mean_rank():
    assert ranks(np.array([[1.0], [0.0], [1.0], [5.0]]))[:, 0].tolist() == [2.5, 1.0, 2.5, 4.0]

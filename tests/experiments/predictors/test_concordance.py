"""Intervals of survival and of paired differences hold the truth about as often as they say."""

import numpy as np
import pytest

from experiments.predictors.evaluation.bootstrap import (
    concordance_interval,
    difference_interval,
    weights,
)
from experiments.predictors.evaluation.concordance import pairs_of_one_model, pairs_within_folds
from experiments.predictors.evaluation.outcome import labels, survival
from twin.errors import TwinError


def survivors(seed: int, patients: int):
    """Log hazards x, and times with censoring that knows nothing of them."""
    random = np.random.default_rng(seed)
    x = random.normal(size=patients)
    time, censored = random.exponential(np.exp(-x)), random.exponential(2.0, patients)
    return x, survival(time <= censored, np.minimum(time, censored))


def test_intervals_of_harrells_c_hold_what_a_large_cohort_has():
    truth = np.mean([pairs_of_one_model(y, x).concordance() for x, y in [survivors(9, 4000)]])
    held = 0
    for seed in range(200):
        x, y = survivors(100 + seed, 80)
        figure = concordance_interval(pairs_of_one_model(y, x), weights(80, draws=400, seed=seed))
        held += figure.low <= truth <= figure.high
    assert 0.89 <= held / 200 <= 0.99


def test_intervals_of_a_difference_hold_0_where_two_models_are_as_good():
    """Scores with noise of their own: a claim of either would be wrong in 2.5 % of cohorts."""
    held = above = 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        y = labels(np.arange(80) < 40)
        pairs = [pairs_of_one_model(y, random.normal(size=80) + y) for _ in range(2)]
        figure = difference_interval(*pairs, weights(80, draws=400, seed=seed))
        held += figure.low <= 0 <= figure.high
        above += figure.low > 0
    assert 0.89 <= held / 200 <= 0.99
    assert above / 200 <= 0.06


def test_pairing_makes_the_interval_of_a_difference_narrower():
    random = np.random.default_rng(0)
    y = labels(np.arange(80) < 40)
    score = random.normal(size=80) + y
    near = score + 0.1 * random.normal(size=80)
    one, other = (pairs_of_one_model(y, s) for s in (score, near))
    drawn = weights(80, draws=500, seed=1)
    paired = difference_interval(one, other, drawn)
    alone = concordance_interval(one, drawn)
    assert paired.high - paired.low < 0.5 * (alone.high - alone.low)


def test_folds_of_one_patient_compare_nobody():
    y = labels(np.array([0, 1, 0]))
    pairs = pairs_within_folds(y, np.array([[0.1, 0.2, 0.3]]), np.array([[0, 1, 2]]))
    with pytest.raises(TwinError, match="no fold tests two patients.*Use fewer folds"):
        pairs.concordance()

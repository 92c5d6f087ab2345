"""The permutation control: its p and mean by hand, and its band on noise."""

import numpy as np
import pytest

from experiments.predictors.evaluation.crossval import procedure
from experiments.predictors.evaluation.outcome import events, labels, survival
from experiments.predictors.evaluation.permutation import PermutationControl, permutation_control
from experiments.predictors.evaluation.threads import one_thread
from experiments.predictors.models import build

PLAN = {"folds": 4, "seed": 2}


def first_input(inputs, outcome, folds):
    return np.where(folds >= 0, inputs[:, 0], np.nan)


@pytest.mark.parametrize("survives", [False, True])
def test_noise_is_in_the_band(survives):
    random = np.random.default_rng(1)
    inputs, event = random.normal(size=(80, 3)), np.arange(80) % 2 == 0
    y = survival(event, random.exponential(300.0, 80)) if survives else labels(event)
    kind = "cox" if survives else "logistic"
    with one_thread():
        found = permutation_control(
            procedure(build(kind, 3, inner_folds=2)),
            inputs,
            y,
            None,
            observed=0.5,
            count=30,
            **PLAN,
        )
    assert found is not None and found.in_band
    assert found.low < found.mean < found.high


def test_p_counts_the_permutations_that_score_as_high():
    """A score that sees no outcome: what is shuffled alone decides."""
    inputs = np.random.default_rng(0).normal(size=(40, 1))
    y = labels(np.arange(40) < 20)
    plan = PLAN | {"count": 50}
    never = permutation_control(first_input, inputs, y, None, observed=1.01, **plan)
    always = permutation_control(first_input, inputs, y, None, observed=0.0, **plan)
    assert never and always
    assert (never.p_value, always.p_value) == (1 / 51, 1.0)
    median = permutation_control(first_input, inputs, y, None, observed=never.mean, **plan)
    assert median is not None and 0.25 < median.p_value < 0.75


def test_shuffles_keep_how_many_have_the_outcome_and_come_from_the_seed():
    seen = []

    def watched(inputs, outcome, folds):
        seen.append((int(events(outcome).sum()), outcome.tolist()))
        return first_input(inputs, outcome, folds)

    inputs, y = np.arange(40.0)[:, None], labels(np.arange(40) < 15)
    steps = []
    arguments = PLAN | {"count": 6, "observed": 0.5}
    for _ in range(2):
        permutation_control(
            watched, inputs, y, None, progress=lambda *step: steps.append(step), **arguments
        )
    assert {count for count, _ in seen} == {15}
    assert seen[:6] == seen[6:]
    assert len({tuple(order) for _, order in seen[:6]}) == 6
    assert steps[:6] == [(n, 6) for n in range(1, 7)]


@pytest.mark.parametrize(("mean", "inside"), [(0.449, 0), (0.45, 1), (0.55, 1), (0.551, 0)])
def test_the_band_is_from_45_to_55_percent(mean, inside):
    assert PermutationControl(200, mean, 0.4, 0.6, 0.005).in_band == inside

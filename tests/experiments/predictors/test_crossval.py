"""Who tests whom: no patient on both sides, and choices that the tested fold cannot move."""

import re

import numpy as np
import pytest

from experiments.predictors.evaluation.crossval import (
    check_learnable,
    cross_validate,
    outer_folds,
    procedure,
)
from experiments.predictors.evaluation.outcome import labels, survival
from experiments.predictors.evaluation.threads import one_thread
from experiments.predictors.models import build
from tests.experiments.commands import oncotwin
from tests.experiments.predictors.simulated import SURVIVAL, table, task_file
from twin.errors import TwinError

COX = {"model": {"kind": "cox"}, "baseline": {"inputs": ["age"], "model": "cox"}}
PATIENTS = 60


@pytest.fixture
def cohort():
    """Inputs of which the first says the label, labels, and two repeats of folds."""
    random = np.random.default_rng(1)
    inputs = random.normal(size=(PATIENTS, 4))
    y = labels(inputs[:, 0] + 0.5 * random.normal(size=PATIENTS) > 0)
    return inputs, y, outer_folds(y, None, folds=3, repeats=2, seed=4)


@pytest.mark.parametrize("repeat", [0, 1])
def test_a_patient_is_scored_by_the_model_that_is_fitted_on_the_other_folds(cohort, repeat):
    inputs, y, folds = cohort
    search = build("logistic", 4, inner_folds=2)
    found = cross_validate(search, inputs, y, folds)
    for fold in range(3):
        test = folds[repeat] == fold
        alone = build("logistic", 4, inner_folds=2).fit(inputs[~test], y[~test])
        np.testing.assert_allclose(found.scores[repeat, test], alone.risk(inputs[test]))
    np.testing.assert_allclose(procedure(search)(inputs, y, folds[repeat]), found.scores[repeat])


def test_what_the_tested_fold_holds_moves_neither_choice_nor_fit(cohort):
    """Labels of the fold are turned round and its inputs made enormous: the model stays."""
    inputs, y, folds = cohort
    test = folds[0] == 0
    others, turned = inputs.copy(), y.copy()
    others[test], turned[test] = 1e6, 1 - y[test]
    only = np.where(test, 0, -1)
    seen = []
    for x, outcome in ((inputs, y), (others, turned)):
        model = build("logistic", 4, inner_folds=2).fit(x[only < 0], outcome[only < 0])
        seen.append((model.best_params_, model.risk(inputs[test])))
    assert seen[0][0] == seen[1][0]
    np.testing.assert_array_equal(seen[0][1], seen[1][1])
    honest = procedure(build("logistic", 4, inner_folds=2))
    np.testing.assert_array_equal(
        honest(inputs, y, only)[test], honest(inputs, np.where(test, 1 - y, y), only)[test]
    )
    # The same change in a patient that the model learns from is seen.
    learned = y.copy()
    learned[np.flatnonzero(~test)[:8]] ^= 1
    assert (honest(inputs, learned, only)[test] != honest(inputs, y, only)[test]).any()


def test_patients_of_a_negative_fold_are_learned_from_and_never_tested(cohort):
    inputs, y, folds = cohort
    only = np.where(folds[0] == 1, 0, -1)
    scores = procedure(build("logistic", 4, inner_folds=2))(inputs, y, only)
    np.testing.assert_array_equal(np.isfinite(scores), folds[0] == 1)


def test_every_model_finds_what_there_is_out_of_fold(cohort):
    inputs, y, folds = cohort
    with one_thread():
        for kind in ("logistic", "gradient-boosting"):
            found = cross_validate(build(kind, 4, inner_folds=2), inputs, y, folds[:1])
            assert found.scores[0][y == 1].mean() > found.scores[0][y == 0].mean() + 0.1
            assert ((found.probabilities > 0) & (found.probabilities < 1)).all()


@pytest.mark.parametrize(
    ("outcome", "groups", "folds", "inner"),
    [
        (labels(np.arange(20) < 3), None, 2, 3),
        (labels(np.arange(20) >= 3), None, 2, 3),
        (labels(np.arange(20) < 11), np.repeat(["A", "B"], 10), 5, 3),
        (survival(np.arange(20) < 11, np.arange(1.0, 21)), np.repeat(["A", "B"], 10), 5, 3),
        (labels(np.arange(12) < 6), None, 2, 4),
    ],
)
def test_folds_that_leave_too_little_to_learn_from_are_refused(outcome, groups, folds, inner):
    split = outer_folds(outcome, groups, folds=folds, repeats=1, seed=0)
    with pytest.raises(TwinError, match="here: too few patients to learn from.*with.*without"):
        check_learnable(outcome, split, inner_folds=inner, where="here")


def test_folds_that_leave_just_enough_are_used():
    y = labels(np.arange(20) < 4)
    split = outer_folds(y, None, folds=2, repeats=1, seed=0)
    check_learnable(y, split, inner_folds=2, where="here")
    model = build("logistic", 1, inner_folds=2)
    found = cross_validate(model, np.arange(20.0)[:, None], y, split)
    assert np.isfinite(found.scores).all()


@pytest.mark.parametrize("survives", [False, True])
def test_the_command_says_that_a_hospital_holds_all_events_but_one(tmp_path, survives):
    event = np.r_[np.ones(10, int), np.zeros(90, int), 1, np.zeros(19, int)]
    data = table().assign(hospital=["A"] * 60 + ["B"] * 60, event=event, response=event)
    changes = {"outcome": SURVIVAL, **COX} if survives else {}
    task = task_file(tmp_path, data, group="hospital", **changes)
    answer = oncotwin("predict", "train", task, "--out", tmp_path / "model", "--permutations", 5)
    assert answer.code == 2
    assert re.match("error: task simulated: too few patients to learn from", answer.err)
    assert answer.err.count("\n") == 1
    assert not (tmp_path / "model").exists()

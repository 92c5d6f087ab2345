"""Planted leaks are caught, honest procedures are not accused, shuffled labels claim nothing."""

import re

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from experiments.predictors.evaluation.bootstrap import Figure
from experiments.predictors.evaluation.claim import claim
from experiments.predictors.evaluation.concordance import pairs_within_folds
from experiments.predictors.evaluation.crossval import outer_folds, procedure
from experiments.predictors.evaluation.leakage import Leakage, check_leakage
from experiments.predictors.evaluation.outcome import labels, survival
from experiments.predictors.evaluation.permutation import (
    WORTH_PROCESSES,
    PermutationControl,
    permutation_control,
)
from experiments.predictors.evaluation.threads import one_thread
from experiments.predictors.models import build

PATIENTS, INPUTS = 60, 200


@pytest.fixture
def noise():
    """Inputs that say nothing, labels, folds and names."""
    random = np.random.default_rng(3)
    y = labels(np.arange(PATIENTS) % 3 == 0)
    folds = outer_folds(y, None, folds=5, repeats=1, seed=0)
    return random.normal(size=(PATIENTS, INPUTS)), y, folds, [f"P{i}" for i in range(PATIENTS)]


def scored(inputs, outcome, folds, model):
    result = np.full(len(inputs), np.nan)
    for fold in np.unique(folds[folds >= 0]):
        test = folds == fold
        fitted = clone(model).fit(inputs[~test], outcome[~test])
        result[test] = fitted.predict_proba(inputs[test])[:, 1]
    return result


def honest(inputs, outcome, folds):
    select = SelectKBest(f_classif, k=5)
    return scored(
        inputs, outcome, folds, make_pipeline(StandardScaler(), select, LogisticRegression())
    )


def nearest_to_the_mean(inputs, outcome, folds):
    result = np.full(len(inputs), np.nan)
    for fold in np.unique(folds):
        test = folds == fold
        center = inputs[~test & (outcome == 1)].mean(axis=0)
        result[test] = -np.linalg.norm(inputs[test] - center, axis=1)
    return result


def selects_outside_the_folds(inputs, outcome, folds):
    kept = SelectKBest(f_classif, k=5).fit(inputs, outcome).get_support()
    return scored(inputs[:, kept], outcome, folds, LogisticRegression())


def scales_on_all_patients(inputs, outcome, folds):
    scaled = StandardScaler().fit_transform(inputs)
    return scored(scaled, outcome, folds, LogisticRegression())


def imputes_on_all_patients(inputs, outcome, folds):
    filled = np.where(np.abs(inputs) < 0.1, np.median(inputs, axis=0), inputs)
    return scored(filled, outcome, folds, LogisticRegression())


def ranks_within_the_test_part(inputs, outcome, folds):
    raw = honest(inputs, outcome, folds)
    tested = np.isfinite(raw)
    raw[tested] = np.argsort(np.argsort(raw[tested]))
    return raw


def test_an_honest_procedure_is_clean(noise):
    inputs, y, folds, names = noise
    assert check_leakage(honest, inputs, y, folds, patients=names).leaks == ()


@pytest.mark.parametrize("kind", ["logistic", "gradient-boosting"])
def test_our_own_models_are_clean(noise, kind):
    inputs, y, folds, names = noise
    inputs = inputs[:, :40].copy()
    inputs[::7, 3] = np.nan
    own = procedure(build(kind, 40, inner_folds=2))
    with one_thread():
        assert check_leakage(own, inputs, y, folds, patients=names).leaks == ()


@pytest.mark.parametrize("kind", ["cox", "random-survival-forest"])
def test_our_own_survival_models_are_clean(noise, kind):
    inputs, y, folds, names = noise
    random = np.random.default_rng(0)
    seen = survival(y == 1, random.integers(100, 900, PATIENTS).astype(float))
    search = build(kind, 4, inner_folds=2)
    if kind == "random-survival-forest":
        search.model.set_params(model__n_estimators=5)
    leaks = check_leakage(procedure(search), inputs[:, :4], seen, folds[:1], patients=names).leaks
    assert leaks == ()


def test_leak_1_selection_outside_the_folds_is_caught(noise):
    inputs, y, folds, names = noise
    leaks = check_leakage(selects_outside_the_folds, inputs, y, folds, patients=names).leaks
    assert any("selection outside the folds" in leak for leak in leaks)


@pytest.mark.parametrize(
    "leaky", [scales_on_all_patients, imputes_on_all_patients, ranks_within_the_test_part]
)
def test_leak_2_fitting_on_test_data_is_caught(noise, leaky):
    inputs, y, folds, names = noise
    leaks = check_leakage(leaky, inputs, y, folds, patients=names).leaks
    assert leaks == (
        "fitting on test data: the inputs of one tested patient change another's score",
    )


def test_leak_3_a_patient_in_two_splits_is_caught_by_name_and_by_rows(noise):
    inputs, y, folds, names = noise
    other = next(i for i in range(1, PATIENTS) if folds[0, i] != folds[0, 0])
    by_name = [names[0] if i == other else name for i, name in enumerate(names)]
    leaks = check_leakage(honest, inputs, y, folds, patients=by_name).leaks
    assert leaks == ("a patient in two splits: the same name is tested and learned from",)
    inputs, y = inputs.copy(), y.copy()
    inputs[other], y[other] = inputs[0], y[0]
    leaks = check_leakage(honest, inputs, y, folds, patients=names).leaks
    assert len(leaks) == 1 and "equal rows under different names" in leaks[0]


def test_equal_rows_of_few_categories_are_no_patient_twice(noise):
    _, y, folds, names = noise
    random = np.random.default_rng(0)
    coarse = random.integers(0, 2, (PATIENTS, 3)).astype(float)
    plain = procedure(build("logistic", 3, inner_folds=2))
    assert check_leakage(plain, coarse, y, folds, patients=names).leaks == ()


def test_a_procedure_that_answers_at_random_cannot_be_checked(noise):
    inputs, y, folds, names = noise
    random = np.random.default_rng(0)
    leaks = check_leakage(
        lambda x, y, f: random.normal(size=len(x)), inputs, y, folds, patients=names
    ).leaks
    assert "cannot be checked" in leaks[0]


def test_permutations_expose_selection_outside_the_folds_and_clear_the_honest(noise):
    inputs, y, _, _ = noise
    plan = {"observed": 0.9, "count": 40, "folds": 5, "seed": 0}
    with one_thread():
        leaky = permutation_control(selects_outside_the_folds, inputs, y, None, **plan)
        clear = permutation_control(honest, inputs, y, None, **plan)
    assert leaky and clear
    assert leaky.mean > 0.65 and not leaky.in_band
    assert clear.in_band
    assert permutation_control(honest, inputs, y, None, **plan | {"count": 0}) is None


def test_permutations_on_every_core_are_those_of_one_process(noise, all_cores):
    inputs, y, _, _ = noise
    random = np.random.default_rng(5)
    plan = {"observed": 0.5, "count": WORTH_PROCESSES, "folds": 3, "seed": 5}
    found = permutation_control(nearest_to_the_mean, inputs, y, None, **plan)
    expected = []
    orders = [random.permutation(PATIENTS) for _ in range(WORTH_PROCESSES)]
    for number, order in enumerate(orders):
        split = outer_folds(y[order], None, folds=3, repeats=1, seed=1005 + number)
        scores = nearest_to_the_mean(inputs, y[order], split[0])
        expected.append(pairs_within_folds(y[order], scores[None], split).concordance())
    assert found is not None and found.mean == pytest.approx(np.mean(expected))


GOOD = {
    "model": Figure(0.8, 0.7, 0.9),
    "difference": Figure(0.1, 0.02, 0.2),
    "permutation": PermutationControl(200, 0.5, 0.4, 0.6, 0.005),
    "leakage": Leakage(()),
    "baseline": "age",
}


def test_a_claim_needs_everything():
    assert claim(**GOOD).claimed
    for change, words in (
        ({"difference": Figure(0.1, 0.0, 0.2)}, "^No gain over the baseline"),
        ({"permutation": None}, "^No claim: the permutation control was not run"),
        ({"permutation": PermutationControl(200, 0.56, 0.4, 0.6, 0.005)}, "^No claim: shuffled"),
        ({"permutation": PermutationControl(200, 0.5, 0.4, 0.6, 0.05)}, "^No gain.*p = 0.050"),
        ({"leakage": Leakage(("a leak",))}, r"^No claim: leakage was found \(a leak\)"),
    ):
        found = claim(**GOOD | change)
        assert not found.claimed
        assert re.search(words, found.sentence)


def test_coarse_inputs_leave_it_to_the_rest_of_the_table_to_tell_patients_apart(noise):
    _, y, folds, names = noise
    random = np.random.default_rng(0)
    coarse = random.integers(0, 2, (PATIENTS, 3)).astype(float)
    cells = np.array([[str(random.integers(10**6)), str(i % 7)] for i in range(PATIENTS)])
    plain = procedure(build("logistic", 3, inner_folds=2))
    assert check_leakage(plain, coarse, y, folds, patients=names, cells=cells).clean
    other = next(i for i in range(1, PATIENTS) if folds[0, i] != folds[0, 0] and y[i] == y[0])
    coarse[other], cells[other] = coarse[0], cells[0]
    leaks = check_leakage(plain, coarse, y, folds, patients=names, cells=cells).leaks
    assert len(leaks) == 1 and "equal rows under different names" in leaks[0]

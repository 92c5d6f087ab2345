"""Figures of the evaluation against other libraries, formulas by hand and known truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta
from sklearn.metrics import roc_auc_score
from sksurv.metrics import concordance_index_censored

from experiments.predictors.evaluation.bootstrap import concordance_interval, weights
from experiments.predictors.evaluation.calibration import calibration
from experiments.predictors.evaluation.concordance import pairs_of_one_model, pairs_within_folds
from experiments.predictors.evaluation.conformal import coverage, cross_conformal, sets, thresholds
from experiments.predictors.evaluation.crossval import cross_validate, outer_folds
from experiments.predictors.evaluation.decision import decision_curve
from experiments.predictors.evaluation.outcome import survival
from experiments.predictors.models import build
from twin.errors import TwinError


@given(st.integers(0, 2**32 - 1))
def test_concordance_of_labels_is_the_area_under_the_curve(seed):
    random = np.random.default_rng(seed)
    label = np.append(random.integers(0, 2, 30), [0, 1])
    score = random.integers(0, 12, 32).astype(float)
    expected = roc_auc_score(label, score)
    assert pairs_of_one_model(label, score).concordance() == pytest.approx(expected)


@given(st.integers(0, 2**32 - 1))
def test_concordance_of_survival_is_harrells(seed):
    random = np.random.default_rng(seed)
    outcome = survival(
        np.append(random.random(30) < 0.5, True), np.append(random.integers(2, 20, 30), 1)
    )
    score = random.normal(size=31)
    expected = concordance_index_censored(outcome["event"], outcome["time"], score)[0]
    assert pairs_of_one_model(outcome, score).concordance() == pytest.approx(expected)


def test_scores_of_different_folds_are_never_compared():
    label = np.array([0, 1, 0, 1])
    folds = np.array([[0, 0, 1, 1]])
    # Each fold ranks its own pair rightly, at levels that contradict between folds.
    scores = np.array([[10.0, 11.0, 1.0, 2.0]])
    assert pairs_within_folds(label, scores, folds).concordance() == 1.0


def test_bootstrap_intervals_cover_the_truth_about_as_often_as_they_say():
    truth, covered, trials = 0.7602, 0, 120  # AUC of unit normals one apart: Phi(1 / sqrt 2)
    for trial in range(trials):
        random = np.random.default_rng(trial)
        label = (np.arange(120) % 2).astype(int)
        score = random.normal(size=120) + label
        found = concordance_interval(
            pairs_of_one_model(label, score), weights(120, draws=300, seed=trial)
        )
        covered += found.low <= truth <= found.high
    assert 0.88 <= covered / trials <= 0.99


def test_folds_are_stratified_and_fixed_by_their_seed():
    label = np.array([1] * 10 + [0] * 40)
    folds = outer_folds(label, None, folds=5, repeats=3, seed=4)
    np.testing.assert_array_equal(folds, outer_folds(label, None, folds=5, repeats=3, seed=4))
    assert (folds[0] != folds[1]).any()
    for split in folds:
        assert [int(label[split == f].sum()) for f in range(5)] == [2] * 5


def test_a_group_is_left_out_whole():
    groups = np.array(["A", "B", "C"] * 10)
    label = np.arange(30) % 2
    (split,) = outer_folds(label, groups, folds=5, repeats=7, seed=0)
    for name in "ABC":
        assert len(set(split[groups == name])) == 1
    assert len(set(split)) == 3
    with pytest.raises(TwinError, match="one group only"):
        outer_folds(label, np.full(30, "A"), folds=5, repeats=1, seed=0)


@pytest.mark.parametrize("kind", ["logistic", "gradient-boosting", "cox", "random-survival-forest"])
def test_every_model_learns_what_is_there(kind):
    random = np.random.default_rng(1)
    inputs = random.normal(size=(90, 3))
    inputs[5, 1] = np.nan
    days = random.exponential(300 * np.exp(-1.5 * inputs[:, 0]))
    is_label = kind in ("logistic", "gradient-boosting")
    outcome = (
        (inputs[:, 0] + 0.5 * random.normal(size=90) > 0).astype(int)
        if is_label
        else survival(days < 500, np.minimum(days, 500) + 1)
    )
    folds = outer_folds(outcome, None, folds=3, repeats=1, seed=0)
    horizon = None if is_label else 365.0
    found = cross_validate(build(kind, 3), inputs, outcome, folds, horizon_days=horizon)
    assert pairs_within_folds(outcome, found.scores, folds).concordance() > 0.7
    assert ((found.probabilities >= 0) & (found.probabilities <= 1)).all()


def logistic_cohort(seed: int, patients: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and the logit of their true probability."""
    random = np.random.default_rng(seed)
    logit = random.normal(size=patients)
    return (random.random(patients) < 1 / (1 + np.exp(-logit))).astype(int), logit


@pytest.mark.parametrize(("stretch", "slope"), [(1.0, 1.0), (2.0, 0.5), (0.5, 2.0)])
def test_the_calibration_slope_is_what_predictions_were_stretched_by(stretch, slope):
    label, logit = logistic_cohort(0)
    probability = 1 / (1 + np.exp(-stretch * logit))
    found = calibration(label, probability[None], weights(len(label), draws=100, seed=0))
    assert found.slope.low <= slope <= found.slope.high
    assert found.slope.high - found.slope.low < 0.5 * slope
    assert found.brier == pytest.approx(((probability - label) ** 2).mean())


def test_a_shift_of_all_predictions_shows_in_the_intercept():
    label, logit = logistic_cohort(1)
    probability = 1 / (1 + np.exp(-(logit - 1.0)))
    found = calibration(label, probability[None], weights(len(label), draws=100, seed=0))
    assert found.intercept.low <= 1.0 <= found.intercept.high
    assert found.intercept.low > 0.5


def test_net_benefit_is_the_formula():
    label = np.array([1, 1, 0, 0, 0, 0, 0, 0, 0, 0])
    probability = np.array([0.9, 0.1, 0.6, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1])
    found = decision_curve(label, probability[None], thresholds=(0.2,))
    assert found.model[0] == pytest.approx(1 / 10 - 1 / 10 * 0.25)
    assert found.treat_all[0] == pytest.approx(0.2 - 0.8 * 0.25)


def test_conformal_sets_keep_their_promise_on_like_patients_and_tell_a_shift():
    label, logit = logistic_cohort(2)
    probability = 1 / (1 + np.exp(-logit))
    folds = np.arange(len(label)) % 5
    found = cross_conformal(label, probability, folds)
    assert not found.shift
    assert found.by_class == pytest.approx((0.9, 0.9), abs=0.03)
    turned = coverage(1 - label, sets(probability, thresholds(label, probability)))
    assert turned.shift


def test_coverage_has_the_exact_binomial_interval():
    held = np.zeros((50, 2), bool)
    held[:44, 0] = True
    found = coverage(np.zeros(50, int), held)
    assert found.value == 0.88
    np.testing.assert_allclose(found.low, beta.ppf(0.025, 44, 7))
    np.testing.assert_allclose(found.high, beta.ppf(0.975, 45, 6))

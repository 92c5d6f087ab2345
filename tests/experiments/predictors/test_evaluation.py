"""Figures against independent implementations: scikit-learn, scikit-survival, or by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.metrics import roc_auc_score
from sksurv.metrics import concordance_index_censored

from experiments.predictors.evaluation.bootstrap import (
    concordance_interval,
    difference_interval,
    weights,
)
from experiments.predictors.evaluation.calibration import calibration
from experiments.predictors.evaluation.concordance import pairs_of_one_model, pairs_within_folds
from experiments.predictors.evaluation.conformal import (
    coverage,
    cross_conformal,
    label_at,
    sets,
    thresholds,
)
from experiments.predictors.evaluation.crossval import outer_folds
from experiments.predictors.evaluation.decision import decision_curve
from experiments.predictors.evaluation.outcome import check_outcome, labels, survival
from twin.errors import TwinError

seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_the_concordance_of_labels_is_the_auc(seed):
    random = np.random.default_rng(seed)
    y = labels(np.r_[True, False, random.uniform(size=40) < 0.3])
    scores = random.normal(size=42).round(1)
    assert pairs_of_one_model(y, scores).concordance() == pytest.approx(roc_auc_score(y, scores))


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_the_concordance_of_survival_is_harrells(seed):
    random = np.random.default_rng(seed)
    time = random.integers(1, 15, 42).astype(float)
    event = np.r_[True, True, random.uniform(size=40) < 0.4]
    time[0], time[1] = 1.0, 0.5
    scores = random.normal(size=42).round(1)
    expected = concordance_index_censored(event, time, scores)[0]
    found = pairs_of_one_model(survival(event, time), scores).concordance()
    assert found == pytest.approx(expected)


def test_scores_of_different_folds_are_not_compared():
    """Each fold ranks rightly, at a level of its own: pooled, the AUC would be 0.5."""
    y = labels(np.array([0, 1, 0, 1]))
    scores, folds = np.array([[0.0, 1.0, 10.0, 11.0]]), np.array([[0, 0, 1, 1]])
    assert pairs_within_folds(y, scores, folds).concordance() == 1.0
    assert roc_auc_score(y, scores[0]) == 0.75


@settings(max_examples=10, deadline=None)
@given(seeds)
def test_a_bootstrap_draw_is_the_auc_of_the_patients_drawn(seed):
    random = np.random.default_rng(seed)
    y, scores = labels(random.uniform(size=50) < 0.5), random.normal(size=50)
    drawn = weights(50, draws=5, seed=seed)
    assert (drawn.sum(axis=1) == 50).all()
    for row, value in zip(drawn, pairs_of_one_model(y, scores).resampled(drawn), strict=True):
        rows = np.repeat(np.arange(50), row.astype(int))
        assert value == pytest.approx(roc_auc_score(y[rows], scores[rows]))


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    """AUC of two normals one apart is Φ(1/√2) = 0.760."""
    held = 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        y = labels(np.arange(80) < 40)
        pairs = pairs_of_one_model(y, random.normal(size=80) + y)
        figure = concordance_interval(pairs, weights(80, draws=400, seed=seed))
        held += figure.low <= 0.7602 <= figure.high
    assert 0.89 <= held / 200 <= 0.99


def test_the_paired_difference_of_a_model_and_itself_is_nothing():
    random = np.random.default_rng(0)
    y = labels(random.uniform(size=60) < 0.5)
    pairs = pairs_of_one_model(y, random.normal(size=60))
    other = pairs_of_one_model(y, random.normal(size=60) + 2 * y)
    drawn = weights(60, draws=500, seed=0)
    same, better = (
        difference_interval(pairs, pairs, drawn),
        difference_interval(other, pairs, drawn),
    )
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)
    assert better.low > 0


def test_calibration_finds_the_slope_and_shift_that_were_put_in():
    random = np.random.default_rng(0)
    truth = random.normal(size=4000)
    y = labels(random.uniform(size=4000) < expit(truth))
    drawn = weights(4000, draws=50, seed=0)
    found = calibration(y, expit(truth)[None], drawn)
    assert found.slope and found.intercept
    assert found.slope.low < 1.0 < found.slope.high and abs(found.intercept.value) < 0.1
    extreme = calibration(y, expit(2.0 * truth)[None], drawn)
    assert extreme.slope and extreme.slope.value == pytest.approx(found.slope.value / 2, rel=0.01)
    high = calibration(y, expit(truth + 1.0)[None], drawn)
    assert high.intercept and high.intercept.value == pytest.approx(
        found.intercept.value - 1.0, abs=0.01
    )
    assert found.brier < high.brier and found.brier < found.brier_of_prevalence
    assert calibration(y, np.full((1, 4000), 0.5), drawn).slope is None


def test_calibration_of_survival_finds_the_slope_that_was_put_in():
    random = np.random.default_rng(0)
    risk = 0.7 * random.normal(size=1500)
    time = random.exponential(np.exp(-risk))
    censored = random.uniform(0.2, 3.0, 1500)
    y = survival(time <= censored, np.minimum(time, censored))
    chance = 1.0 - np.exp(-0.1 * np.exp(risk))
    drawn = weights(1500, draws=20, seed=0)
    found = calibration(y, chance[None], drawn, horizon_days=0.1)
    assert found.slope and found.slope.low < 1.0 < found.slope.high and found.intercept is None
    assert found.brier < found.brier_of_prevalence
    tempered = 1.0 - np.exp(-0.1 * np.exp(2.0 * risk))
    steep = calibration(y, tempered[None], drawn, horizon_days=0.1)
    assert steep.slope and steep.slope.value == pytest.approx(found.slope.value / 2, rel=0.02)


def test_net_benefit_by_hand():
    y, chance = labels(np.array([1, 1, 0, 0, 0])), np.array([[0.9, 0.4, 0.6, 0.1, 0.1]])
    found = decision_curve(y, chance, thresholds=(0.5, 0.25))
    assert found.model == pytest.approx((1 / 5 - 1 / 5, 2 / 5 - 1 / 5 * (1 / 3)))
    assert found.treat_all == pytest.approx((2 / 5 - 3 / 5, 2 / 5 - 3 / 5 / 3))


def test_net_benefit_of_survival_without_censoring_is_that_of_the_label():
    random = np.random.default_rng(0)
    time, chance = random.exponential(300.0, 200), random.uniform(size=(1, 200))
    by_label = decision_curve(labels(time <= 365), chance)
    by_time = decision_curve(survival(np.ones(200, bool), time), chance, horizon_days=365.0)
    assert by_time.model == pytest.approx(by_label.model)


def test_conformal_sets_hold_the_label_of_each_class_whatever_the_model():
    """A useless model too: its sets grow. Of 40 cohorts, the mean has a standard error < 1 %."""
    shares = []
    for seed in range(40):
        random = np.random.default_rng(seed)
        y = labels(random.uniform(size=800) < 0.2)
        chance = expit(random.normal(size=800) + (seed % 2) * y)
        limits = thresholds(y[:400], chance[:400])
        shares.append(coverage(y[400:], sets(chance[400:], limits)).by_class)
    means = np.mean(shares, axis=0)
    assert (means > 0.88).all() and (means < 0.93).all()


def test_with_few_patients_of_a_class_its_label_is_in_every_set():
    y, chance = labels(np.arange(28) < 8), np.linspace(0.9, 0.1, 28)
    assert thresholds(y, chance)[1] == 1.0
    assert sets(np.array([0.0, 1.0]), thresholds(y, chance))[:, 1].all()


def test_a_shifted_cohort_is_reported_as_shift():
    random = np.random.default_rng(0)
    y = labels(random.uniform(size=600) < 0.5)
    honest = expit(2.0 * y - 1.0 + random.normal(size=600))
    assert not cross_conformal(y, honest, random.integers(0, 5, 600)).shift
    limits = thresholds(y[:300], honest[:300])
    moved = expit(logit(honest[300:]) + 3.0)
    assert coverage(y[300:], sets(moved, limits)).shift


def test_the_label_at_a_horizon_is_unknown_where_censored_before():
    y = survival(np.array([1, 1, 0, 0]), np.array([5.0, 20.0, 5.0, 20.0]))
    label, known = label_at(y, 10.0)
    assert label[known].tolist() == [1, 0, 0] and known.tolist() == [True, True, False, True]


def test_folds_test_every_patient_once_a_repeat_and_come_from_the_seed():
    y = labels(np.arange(50) < 15)
    folds = outer_folds(y, None, folds=5, repeats=3, seed=1)
    assert folds.shape == (3, 50)
    for row in folds:
        assert [int(y[row == fold].sum()) for fold in range(5)] == [3] * 5
    np.testing.assert_array_equal(folds, outer_folds(y, None, folds=5, repeats=3, seed=1))
    assert (folds[0] != folds[1]).any()


def test_groups_are_folds_and_one_group_is_refused():
    y, groups = labels(np.arange(30) % 3 == 0), np.repeat(["A", "B", "C"], 10)
    np.testing.assert_array_equal(
        outer_folds(y, groups, folds=5, repeats=3, seed=1), [np.repeat([0, 1, 2], 10)]
    )
    with pytest.raises(TwinError, match="one group only.*got A"):
        outer_folds(y, np.full(30, "A"), folds=5, repeats=1, seed=1)
    with pytest.raises(TwinError, match="without 'A' no event is left"):
        outer_folds(labels(np.arange(30) < 5), groups, folds=5, repeats=1, seed=1)


@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        (labels(np.ones(20, bool)), "one class only: every label is positive"),
        (labels(np.zeros(20, bool)), "one class only: every label is negative"),
        (survival(np.zeros(20, bool), np.arange(20)), "one class only: every event is negative"),
        (labels(np.arange(20) < 3), "fewer events than folds.*got 3 with, 17 without"),
        (labels(np.arange(20) >= 3), "fewer events than folds.*got 17 with, 3 without"),
    ],
)
def test_outcomes_that_cannot_be_evaluated_are_refused(outcome, message):
    with pytest.raises(TwinError, match=message):
        check_outcome(outcome, folds=5, where="here")

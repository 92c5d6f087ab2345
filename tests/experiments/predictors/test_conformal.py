"""Conformal sets keep their promise on exchangeable patients and say so where it is broken."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import beta

from experiments.predictors.evaluation.conformal import (
    coverage,
    cross_conformal,
    sets,
    thresholds,
)
from experiments.predictors.evaluation.outcome import labels


def cohort(seed: int, patients: int = 300, prevalence: float = 0.3):
    random = np.random.default_rng(seed)
    y = labels(random.uniform(size=patients) < prevalence)
    return y, expit(random.normal(size=patients) + 1.5 * y - 1.0)


@given(st.integers(1, 60), st.data())
def test_the_interval_is_clopper_and_pearsons(patients, data):
    """By quantiles of the beta distribution, which is how it is defined."""
    right = data.draw(st.integers(0, patients))
    label = np.zeros(patients, int)
    held = np.stack([np.arange(patients) < right, np.ones(patients, bool)], axis=1)
    found = coverage(label, held)
    low = 0.0 if right == 0 else beta.ppf(0.025, right, patients - right + 1)
    high = 1.0 if right == patients else beta.ppf(0.975, right + 1, patients - right)
    assert found.value == right / patients
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)
    assert found.shift == (not low <= 0.9 <= high)


def test_across_folds_about_nine_in_ten_labels_are_held():
    """60 cohorts of 300: the standard error of the mean is 0.3 %."""
    found = []
    for seed in range(60):
        folds = np.random.default_rng(1000 + seed).integers(0, 5, 300)
        found.append(cross_conformal(*cohort(seed), folds))
    assert 0.89 < np.mean([one.value for one in found]) < 0.92
    by_class = np.mean([one.by_class for one in found], axis=0)
    assert (by_class > 0.89).all() and (by_class < 0.93).all()
    assert np.mean([one.shift for one in found]) < 0.1


def test_a_fold_is_held_to_the_thresholds_of_the_others():
    """The tested fold is as wrong as can be; its own patients would have widened its sets."""
    y, chance = cohort(0)
    folds = np.arange(300) % 2
    wrong = np.where(folds == 1, 1.0 - y, chance)
    test = folds == 1
    found = sets(wrong[test], thresholds(y[~test], wrong[~test]))
    assert coverage(y[test], found).value < 0.1
    both = coverage(y[test], sets(wrong[test], thresholds(y, wrong)))
    assert both.value > 0.5


def test_labels_that_mean_something_else_elsewhere_are_a_shift():
    y, chance = cohort(0)
    limits = thresholds(y, chance)
    other, its_chance = cohort(1)
    assert not coverage(other, sets(its_chance, limits)).shift
    assert coverage(1 - other, sets(its_chance, limits)).shift


def test_another_prevalence_alone_is_no_shift():
    """Both classes are covered, so that their mixture is too."""
    limits = thresholds(*cohort(0, 2000))
    y, chance = cohort(1, 2000, prevalence=0.8)
    assert coverage(y, sets(chance, limits)).value == pytest.approx(0.9, abs=0.03)

"""Agreement of radiomics, predictions, and what a cohort was asked for."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from generative.metrics.condition import volume_fidelity
from generative.metrics.figure import auc, auc_within_folds
from generative.metrics.preservation import effect_sizes, effects, lin_ccc, preservation
from generative.metrics.utility import INTENSITY, VOLUME, utility
from tests.generative.cohorts import thirds
from twin.errors import TwinError

NAMES = (VOLUME, INTENSITY, *(f"texture_{i}" for i in range(10)))


def study(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Features of which half move the chance of a response."""
    random = np.random.default_rng(seed)
    values = random.standard_normal((count, len(NAMES)))
    score = values[:, 2:] @ np.linspace(-0.8, 0.8, len(NAMES) - 2)
    return values, random.random(count) < 1.0 / (1.0 + np.exp(-score))


def test_auc_and_its_error_agree_with_other_ways():
    random = np.random.default_rng(0)
    positive, negative = random.normal(1.0, 1.0, 80).round(1), random.normal(0.0, 1.0, 60).round(1)
    labels = np.repeat([1, 0], [80, 60])
    value, error = auc(positive, negative)
    assert value == pytest.approx(roc_auc_score(labels, np.concatenate([positive, negative])))
    drawn = [auc(random.choice(positive, 80), random.choice(negative, 60))[0] for _ in range(500)]
    assert error == pytest.approx(np.std(drawn), rel=0.15)
    scores, folds = np.concatenate([positive, negative]), np.arange(140) % 2
    halves = [roc_auc_score(labels[folds == f], scores[folds == f]) for f in (0, 1)]
    assert auc_within_folds(labels == 1, scores, folds)[0] == pytest.approx(np.mean(halves))


def test_lins_ccc_is_one_only_where_values_are_the_same():
    values = np.linspace(-1.0, 1.0, 9)
    assert lin_ccc(values, values) == pytest.approx(1.0)
    assert lin_ccc(values, -values) == pytest.approx(-1.0)
    shifted = 2.0 * values.var() / (2.0 * values.var() + 0.25)
    assert lin_ccc(values, values + 0.5) == pytest.approx(shifted)


def test_taking_noise_off_brings_the_ccc_of_equal_laws_to_one():
    raw, corrected = [], []
    for seed in range(8):
        found = effects(NAMES, *study(150, 2 * seed), *study(150, 2 * seed + 1), draws=20)
        assert found.corrected is not None
        raw.append(found.ccc.value)
        corrected.append(found.corrected.value)
    assert np.mean(raw) < 0.93 < np.mean(corrected) <= 1.0
    values, responded = study(400, 50)
    assert effects(NAMES, *study(400, 51), values, ~responded).ccc.high < 0.0


def test_effects_are_standardized_mean_differences():
    values = np.array([[0.0], [2.0], [5.0], [7.0]])
    responded = np.array([False, False, True, True])
    assert effect_sizes(values, responded)[0] == pytest.approx(5.0 / np.sqrt(2.0))
    assert effect_sizes(values, np.ones(4, bool))[0] == 0.0


def test_values_and_correlations_that_change_are_seen():
    real, made = study(300, 0)[0], study(300, 1)[0]
    same = preservation(NAMES, real, made)
    assert same.kolmogorov_smirnov.max() < 0.2 and same.quantile_error.max() < 0.3
    moved = made.copy()
    moved[:, 0] += 1.0
    moved[:, 3] = moved[:, 4]
    changed = preservation(NAMES, real, moved)
    assert changed.kolmogorov_smirnov[0] > 0.3
    assert changed.quantile_error[0] == pytest.approx(1.0, abs=0.2)
    assert changed.correlation_error.value > 1.5 * same.correlation_error.value


def test_synthetic_patients_of_the_right_law_teach_as_much():
    found = utility(NAMES, study(200, 0), study(200, 1), study(200, 2), draws=200)
    assert found.difference.low < 0.0 < found.difference.high
    assert found.synthetic.low > 0.65 and 0.4 < found.shuffled < 0.6
    assert found.volume.value < 0.65 and found.intensity.value < 0.65


def test_shuffled_or_reversed_responses_teach_less():
    values, responded = study(200, 0)
    reversed_ = utility(NAMES, (values, ~responded), study(200, 1), study(200, 2), draws=200)
    assert reversed_.difference.high < -0.2
    with pytest.raises(TwinError, match="the synthetic cohort cannot tell how useful it is"):
        utility(NAMES, (values, np.ones(200, bool)), study(200, 1), study(200, 2))


def test_volumes_are_held_against_what_was_requested():
    cohort = thirds()[2]
    exact = volume_fidelity(cohort)
    assert exact is not None and exact.value == pytest.approx(1.0)
    requested = np.full(len(cohort), cohort.volumes_ml[:, 0].mean())
    deaf = volume_fidelity(replace(cohort, columns={"requested_volume_ml": requested}))
    assert deaf is not None and deaf.value == pytest.approx(0.0, abs=1e-9)
    assert volume_fidelity(replace(cohort, columns={})) is None

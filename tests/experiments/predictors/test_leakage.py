"""Planted leaks are caught, our own procedure is clean, and shuffled labels never earn a claim."""

import numpy as np
import pytest
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from experiments.predictors import load_task
from experiments.predictors.evaluation.bootstrap import Figure
from experiments.predictors.evaluation.claim import claim
from experiments.predictors.evaluation.crossval import outer_folds, procedure
from experiments.predictors.evaluation.leakage import Leakage, check_leakage, shared_patients
from experiments.predictors.evaluation.permutation import (
    WORTH_PROCESSES,
    PermutationControl,
    permutation_control,
)
from experiments.predictors.models import build
from experiments.predictors.training import train
from tests.experiments.predictors.cohorts import LABEL, SURVIVAL, table, write

PATIENTS = 60


def noise(columns: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """Inputs that say nothing, labels, folds and names."""
    random = np.random.default_rng(seed)
    inputs = random.normal(3.0, 2.0, size=(PATIENTS, columns))
    label = random.permutation(np.arange(PATIENTS) % 2)
    folds = outer_folds(label, None, folds=5, repeats=1, seed=seed)
    return inputs, label, folds, [f"P{i}" for i in range(PATIENTS)]


def by_fold(inputs: np.ndarray, label: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Logistic regression for each fold, on inputs that are prepared already."""
    scores = np.full(len(label), np.nan)
    for fold in np.unique(folds[folds >= 0]):
        test = folds == fold
        model = LogisticRegression(C=0.1).fit(inputs[~test], label[~test])
        scores[test] = model.predict_proba(inputs[test])[:, 1]
    return scores


def selects_outside(inputs: np.ndarray, label: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """The classic mistake: the best features of all patients, then cross-validation."""
    return by_fold(SelectKBest(f_classif, k=5).fit_transform(inputs, label), label, folds)


def scales_outside(inputs: np.ndarray, label: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Means and spreads of all patients, those to be tested included."""
    return by_fold(StandardScaler().fit_transform(inputs), label, folds)


def leaks(chosen, columns: int = 40) -> str:
    inputs, label, folds, names = noise(columns)
    return " ".join(check_leakage(chosen, inputs, label, folds, patients=names).leaks)


def test_selection_outside_the_folds_is_caught():
    assert "selection outside the folds" in leaks(selects_outside)


def test_scaling_on_test_data_is_caught():
    assert "fitting on test data" in leaks(scales_outside)


def test_a_patient_in_two_splits_is_caught_by_name_and_by_rows():
    inputs, label, folds, names = noise(4)
    split = folds[0]
    other = int(np.flatnonzero(split != split[0])[0])
    renamed = [names[0] if i == other else n for i, n in enumerate(names)]
    found = check_leakage(procedure(build("logistic", 4)), inputs, label, folds, patients=renamed)
    assert "the same name is tested and learned from" in " ".join(found.leaks)
    inputs[other], label[other] = inputs[0], label[0]
    assert "equal rows under different names" in " ".join(
        shared_patients(names, inputs, label, folds)
    )


@pytest.mark.parametrize("kind", ["logistic", "gradient-boosting"])
def test_our_own_procedure_is_clean(kind):
    assert leaks(procedure(build(kind, 40))) == ""


def test_selection_outside_scores_high_on_noise_and_ours_does_not():
    found = {}
    for name, chosen in (("outside", selects_outside), ("ours", procedure(build("logistic", 200)))):
        inputs, label, _, _ = noise(200)
        found[name] = permutation_control(
            chosen, inputs, label, None, observed=0.5, count=25, folds=5, seed=1
        )
    assert found["outside"].mean > 0.7
    assert not found["outside"].in_band
    assert found["ours"].in_band


def test_permutations_on_every_core_are_those_of_one():
    inputs, label, _, _ = noise(3)
    told = []
    found = [
        permutation_control(
            by_fold,
            inputs,
            label,
            None,
            observed=0.5,
            count=count,
            folds=3,
            seed=2,
            progress=lambda done, total: told.append((done, total)),
        )
        for count in (WORTH_PROCESSES, WORTH_PROCESSES)
    ]
    assert found[0] == found[1]
    assert told == [(n + 1, WORTH_PROCESSES) for n in range(WORTH_PROCESSES)] * 2


CLEAN, GAIN = Leakage(()), Figure(0.1, 0.02, 0.2)
FAIR = PermutationControl(200, 0.5, 0.4, 0.6, 0.005)


@pytest.mark.parametrize(
    ("difference", "permutation", "leakage", "start"),
    [
        (GAIN, FAIR, CLEAN, "Gain over the baseline"),
        (Figure(0.1, -0.01, 0.2), FAIR, CLEAN, "No gain"),
        (GAIN, PermutationControl(200, 0.6, 0.5, 0.7, 0.005), CLEAN, "No claim: shuffled labels"),
        (GAIN, PermutationControl(200, 0.5, 0.4, 0.6, 0.2), CLEAN, "No gain"),
        (GAIN, None, CLEAN, "No claim: the permutation control was not run"),
        (GAIN, FAIR, Leakage(("a leak",)), "No claim: leakage was found"),
    ],
)
def test_a_claim_needs_the_interval_the_permutations_and_no_leak(
    difference, permutation, leakage, start
):
    said = claim(
        model=Figure(0.8, 0.7, 0.9),
        difference=difference,
        permutation=permutation,
        leakage=leakage,
        baseline="age",
    )
    assert said.sentence.startswith(start)
    assert said.claimed == start.startswith("Gain")


@pytest.mark.parametrize("task", [LABEL, SURVIVAL], ids=["label", "survival"])
@pytest.mark.parametrize("seed", range(4))
def test_a_run_on_shuffled_labels_never_claims(tmp_path, task, seed):
    data = table(100, seed=seed)
    order = np.random.default_rng(seed).permutation(len(data))
    columns = ["response", "event", "days"]
    data[columns] = data[columns].to_numpy()[order]
    plan = {"outer_repeats": 1, "permutations": 20, "bootstraps": 200, "inner_folds": 2}
    path = write(tmp_path, task, data, evaluation=plan)
    _, result = train(load_task(path), tmp_path)
    assert result.permutation.count == 20
    assert not result.claim.claimed
    assert result.claim.sentence.startswith("No ")


def test_a_true_marker_earns_a_claim(tmp_path):
    plan = {"outer_repeats": 1, "permutations": 110, "bootstraps": 200, "inner_folds": 2}
    path = write(tmp_path, LABEL, table(140, effect=2.5), evaluation=plan)
    _, result = train(load_task(path), tmp_path)
    assert result.leakage.clean
    assert result.claim.claimed, result.claim.sentence

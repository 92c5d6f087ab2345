"""A claim needs every condition, and shuffled labels never make one."""

from itertools import product

import numpy as np
import pytest
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.metrics import roc_auc_score

from experiments.predictors.evaluation.bootstrap import Figure
from experiments.predictors.evaluation.claim import claim
from experiments.predictors.evaluation.crossval import outer_folds, procedure
from experiments.predictors.evaluation.leakage import Leakage, check_leakage
from experiments.predictors.evaluation.outcome import labels
from experiments.predictors.evaluation.permutation import PermutationControl, permutation_control
from experiments.predictors.evaluation.threads import one_thread
from experiments.predictors.models import build
from tests.experiments.commands import oncotwin
from tests.experiments.predictors.simulated import SURVIVAL, table, task_file

COX = {"model": {"kind": "cox"}, "baseline": {"inputs": ["age"], "model": "cox"}}


@pytest.mark.parametrize(
    ("above", "in_band", "rare", "clean"), list(product([True, False], repeat=4))
)
def test_a_claim_needs_every_condition(above, in_band, rare, clean):
    found = claim(
        model=Figure(0.8, 0.7, 0.9),
        difference=Figure(0.1, 0.001 if above else -0.001, 0.2),
        permutation=PermutationControl(
            200, 0.5 if in_band else 0.56, 0.4, 0.6, 0.005 if rare else 0.02
        ),
        leakage=Leakage(() if clean else ("selection outside the folds",)),
        baseline="logistic on age",
    )
    assert found.claimed == (above and in_band and rare and clean)
    assert found.sentence.startswith("Gain") == found.claimed
    if above and not found.claimed:
        assert found.sentence.startswith(("No claim", "No gain"))


@pytest.mark.parametrize("seed", range(2))
def test_shuffled_survival_never_claims(tmp_path, seed):
    data = table(60, effect=4.0)
    order = np.random.default_rng(seed).permutation(60)
    data[["event", "days"]] = data[["event", "days"]].to_numpy()[order]
    plan = {"outer_folds": 2, "outer_repeats": 1, "inner_folds": 2, "permutations": 99}
    inputs = [{"column": name, "kind": "number"} for name in ("age", "marker", "volume")]
    task = task_file(tmp_path, data, inputs=inputs, outcome=SURVIVAL, evaluation=plan, **COX)
    answer = oncotwin("predict", "train", task, "--out", tmp_path / "model")
    assert answer.code == 0, answer.err
    assert "Gain" not in answer.out
    assert "No gain over the baseline" in answer.out or "No claim" in answer.out


def test_selection_outside_the_folds_shines_on_noise_and_ours_does_not():
    """A thousand inputs that say nothing of 60 patients; the five best of them chosen by all."""
    random = np.random.default_rng(0)
    y = labels(np.arange(60) % 2 == 0)
    inputs = random.normal(size=(60, 1000))
    folds = outer_folds(y, None, folds=5, repeats=1, seed=0)
    few = procedure(build("logistic", 5, inner_folds=2))
    many = procedure(build("logistic", 1000, inner_folds=2))

    def trap(x, outcome, split):
        return few(SelectKBest(f_classif, k=5).fit_transform(x, outcome), outcome, split)

    with one_thread():
        assert roc_auc_score(y, trap(inputs, y, folds[0])) > 0.8
        assert 0.3 < roc_auc_score(y, many(inputs, y, folds[0])) < 0.7
        names = [f"P{i}" for i in range(60)]
        caught = check_leakage(trap, inputs, y, folds, patients=names)
        assert any("selection outside the folds" in leak for leak in caught.leaks)
        assert check_leakage(many, inputs, y, folds, patients=names).clean
        plan = {"observed": 0.8, "count": 7, "folds": 5, "seed": 0}
        trapped = permutation_control(trap, inputs, y, None, **plan)
        ours = permutation_control(many, inputs, y, None, **plan)
    assert trapped and trapped.mean > 0.7 and not trapped.in_band
    assert ours and ours.mean < 0.6 and ours.p_value == pytest.approx(1 / 8)

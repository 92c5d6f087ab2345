"""What predictors score on real cohorts, with every control in full; figures are printed.

Head and neck takes its table from the folder that DATA names; without it there is nothing to ask.
Breast cancer is scored on its external cohorts by a model made anew, once per run: nothing
is chosen by what they say.
"""

import json
import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from experiments.predictors import load_task
from experiments.predictors.card import figure_lines, leakage_line, permutation_line, voxel_line
from experiments.predictors.external import evaluate_external
from experiments.predictors.model_folder import open_model
from experiments.predictors.results import TrainingResult
from experiments.predictors.training import train
from experiments.predictors.workflow import train_task
from tests.experiments.commands import oncotwin
from tests.experiments.predictors.simulated import table, task_file

ROOT = Path(__file__).resolve().parents[2]
COHORTS = ROOT / "patients" / "cohorts"
HEAD_NECK = ROOT / os.environ.get("DATA", "../shared/data") / "head_neck"
SHIPPED = sorted(p for p in COHORTS.glob("*/*.yaml") if p.parent.name != "head_neck")
needs_head_neck = pytest.mark.skipif(
    not (HEAD_NECK / "clinical_outcomes.csv").is_file(), reason="DATA lacks head_neck"
)


@cache
def trained(path: Path, cohort: Path | None = None) -> TrainingResult:
    """The task with all of its permutations."""
    task = load_task(path)
    _, result = train(task, path.parent, cohort=cohort)
    told(result, survival=task.outcome.is_survival)
    return result


def told(result: TrainingResult, *, survival: bool) -> None:
    """Print everything that was found out."""
    print(f"\n{result.task}: {result.comparison.patients} patients, {result.seconds:.0f} s")
    lines = figure_lines(result.comparison, survival=survival)
    for name, group in result.by_group.items():
        lines.append(f"- left out {name}: {group}")
    lines += [permutation_line(result), voxel_line(result.comparison), leakage_line(result)]
    for line in [*lines, result.claim.sentence]:
        print("   ", line)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_controls_are_clean_and_a_claim_is_one_of_the_paired_bootstrap(path):
    result = trained(path)
    assert result.leakage.clean
    assert result.permutation is not None and result.permutation.count == 200
    assert 0.45 <= result.permutation.mean <= 0.55
    assert result.claim.claimed == (
        result.comparison.difference.low > 0 and result.permutation.p_value <= 0.01
    )
    assert result.comparison.conformal is not None and not result.comparison.conformal.shift


def test_sarcoma_has_its_voxel_shuffle_and_the_known_baseline():
    comparison = trained(COHORTS / "sts" / "lung-metastasis.yaml").comparison
    assert comparison.voxel_shuffle is not None
    # The honest baseline of others, 0.78, lies in the interval of ours.
    assert comparison.baseline.low < 0.78 < comparison.baseline.high


@needs_head_neck
@pytest.mark.parametrize("name", ["locoregional", "distant", "death"])
def test_head_and_neck_leaving_one_hospital_out(name):
    result = trained(COHORTS / "head_neck" / f"{name}.yaml", HEAD_NECK)
    assert result.leakage.clean and result.permutation and result.permutation.in_band
    assert set(result.by_group) == {"CHUS", "HGJ", "HMR"}
    # What clinical Cox models reach on this cohort is in the interval.
    reached = {"locoregional": 0.69, "distant": 0.66, "death": 0.70}[name]
    found = result.comparison.model
    assert found.low < reached < found.high and found.low > 0.5


def test_breast_fitted_on_spy2_and_scored_once_on_spy1_and_duke(tmp_path):
    path = COHORTS / "breast" / "pcr.yaml"
    train_task(path, tmp_path / "model")
    reached = {"spy1": 0.767, "duke": 0.661}
    for name, least in reached.items():
        result = evaluate_external(open_model(tmp_path / "model"), external=name)
        print(f"\n{name}: {result.comparison.patients} patients")
        for line in [*figure_lines(result.comparison, survival=False), result.claim.sentence]:
            print("   ", line)
        for shift in result.shifts:
            print("    Shift:", shift)
        held = result.comparison.conformal
        assert held is not None and held.shift == any("sets hold" in s for s in result.shifts)
        # The reference has receptors, age and volume, as our baseline; the model has more.
        assert result.comparison.baseline.value >= least
        assert result.comparison.model.value >= least


def test_forty_shuffled_cohorts_claim_nothing(tmp_path):
    claimed = 0
    for seed in range(40):
        data = table(60, effect=4.0)
        shuffled = np.random.default_rng(100 + seed).permutation(data["response"])
        plan = {"outer_folds": 3, "outer_repeats": 1, "inner_folds": 2, "permutations": 99}
        inputs = [{"column": name, "kind": "number"} for name in ("age", "marker", "volume")]
        folder = tmp_path / str(seed)
        task = task_file(folder, data.assign(response=shuffled), inputs=inputs, evaluation=plan)
        assert oncotwin("predict", "train", task, "--out", folder / "model").code == 0
        result = json.loads((folder / "model" / "result.json").read_text())
        claimed += result["claim"]["claimed"]
    assert claimed == 0

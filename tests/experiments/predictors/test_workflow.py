"""`oncotwin predict` as typed: a model folder, one look at others, and what is refused."""

import json
import re
import shutil
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest

from experiments.predictors.model_folder import open_model
from tests.experiments.commands import oncotwin
from tests.experiments.predictors.simulated import SURVIVAL, table, task_file
from twin.errors import TwinError

COX = {"model": {"kind": "cox"}, "baseline": {"inputs": ["age"], "model": "cox"}}


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Path, str]:
    """A model of labels, and what training printed."""
    folder = tmp_path_factory.mktemp("label")
    external = [{"name": "north", "keep": {"hospital": ["N"]}, "multiply": {"volume": 1000.0}}]
    data = pd.concat([table(), north().assign(hospital="N")])
    task = task_file(folder, data, keep={"hospital": ["A", "B", "C"]}, external=external)
    answer = oncotwin("predict", "train", task, "--out", folder / "model")
    assert answer.code == 0, answer.err
    return folder / "model", answer.out


@pytest.fixture
def model(trained, tmp_path) -> Path:
    """A copy of the model folder, to be scored or spoiled."""
    return Path(shutil.copytree(trained[0], tmp_path / "model"))


def north(patients: int = 150, *, seed: int = 5, prefix: str = "N") -> pd.DataFrame:
    """Another hospital, which measures volumes in litres."""
    data = table(patients, seed=seed, prefix=prefix)
    return data.assign(volume=data["volume"] / 1000.0)


def written(folder: Path, data: pd.DataFrame) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    data.to_csv(folder / "table.csv", index=False)
    return folder


def refused(answer, pattern: str) -> None:
    assert answer.code == 2, answer
    assert re.search(pattern, answer.err), answer.err
    assert len(answer.err.strip().splitlines()) == 1


def log(model: Path) -> list[dict]:
    path = model / "external.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_training_says_intervals_controls_and_the_claim(trained):
    folder, out = trained
    assert "Gain over the baseline (logistic on age): +0." in out
    assert re.search(r"Permutation control: 99 shuffled outcomes score 0\.\d+ .* inside", out)
    assert "Voxel-shuffle control: no images" in out
    assert "Leakage check: no patient in two splits" in out
    result = json.loads((folder / "result.json").read_text())
    assert result["claim"]["claimed"] and result["comparison"]["patients"] == 120
    found = result["comparison"]["model"]
    assert found["low"] < found["value"] < found["high"] and found["low"] > 0.7
    assert result["left_out"] == {"not in keep": 150}
    assert (folder / "task.yaml").read_bytes() == (folder.parent / "task.yaml").read_bytes()


def test_the_card_says_what_a_reader_must_know(trained):
    card = (trained[0] / "card.md").read_text()
    for words in (
        "Research use, not for clinical decisions.",
        "Intended use",
        "Source and license: simulated",
        "Patients: 120",
        "Left out, not in keep: 150",
        "2 × 3 outer folds, 2 inner folds, seed 20261124",
        "Difference, paired",
        "Calibration slope",
        "Conformal sets hold the label",
        "Permutation control",
        "## Limits",
    ):
        assert words in card, words


def test_the_same_training_gives_the_same_figures(trained, tmp_path):
    task = trained[0].parent / "task.yaml"
    oncotwin("predict", "train", task, "--out", tmp_path / "again", "--permutations", "0")
    one, two = (
        json.loads((f / "result.json").read_text())["comparison"]
        for f in (trained[0], tmp_path / "again")
    )
    assert one == two


def test_a_declared_external_cohort_is_scored_in_its_units_and_logged(model):
    answer = oncotwin("predict", "evaluate", model, "--external", "north")
    assert answer.code == 0, answer.err
    assert "150 patients" in answer.out and "Shift: volume" not in answer.out
    assert "Gain over the baseline" in answer.out
    (entry,) = log(model)
    assert entry["name"] == "north" and re.fullmatch("[0-9a-f]{64}", entry["digest"])
    assert re.match(r"\d{4}-\d\d-\d\dT", entry["date"]) and entry["again"] is None
    assert entry["comparison"]["model"]["value"] > 0.75
    assert "N001" not in (model / "external.jsonl").read_text()


def test_another_unit_shows_as_a_shift(model, tmp_path):
    answer = oncotwin(
        "predict", "evaluate", model, "--cohort", written(tmp_path / "north", north())
    )
    assert "Shift: volume: median" in answer.out and "is the unit the same?" in answer.out


def test_a_second_look_is_refused_and_a_reason_is_logged(model, tmp_path):
    cohort = written(tmp_path / "other", table(100, seed=9, prefix="Q"))
    assert oncotwin("predict", "evaluate", model, "--cohort", cohort).code == 0
    refused(
        oncotwin("predict", "evaluate", model, "--cohort", cohort),
        r"100 of 100 patients were scored on \d{4}-\d\d-\d\d.*--again",
    )
    part = written(tmp_path / "part", table(100, seed=9, prefix="Q")[:60].assign(age=50.0))
    refused(oncotwin("predict", "evaluate", model, "--cohort", part), "60 of 60 patients")
    refused(
        oncotwin("predict", "evaluate", model, "--cohort", cohort, "--again", " "),
        "--again: an empty reason",
    )
    assert len(log(model)) == 1
    again = oncotwin("predict", "evaluate", model, "--cohort", cohort, "--again", "disk was lost")
    assert again.code == 0
    assert [entry["again"] for entry in log(model)] == [None, "disk was lost"]


def test_a_cohort_that_overlaps_the_training_patients_is_refused(model, tmp_path):
    other = table(40, seed=9, prefix="Q")
    by_name = other.assign(id=["P003", *other["id"][1:]])
    refused(
        oncotwin("predict", "evaluate", model, "--cohort", written(tmp_path / "a", by_name)),
        r"1 of 40 patients trained the model.*got P003.*--external \(north\)",
    )
    renamed = pd.concat([other, table()[:3].assign(id=["X1", "X2", "X3"])])
    refused(
        oncotwin("predict", "evaluate", model, "--cohort", written(tmp_path / "b", renamed)),
        "3 of 43 patients have the inputs and outcome of one that trained.*got X1, X2, X3",
    )
    refused(
        oncotwin("predict", "evaluate", model, "--cohort", trained_table(model, tmp_path / "c")),
        "120 of 270 patients trained the model",
    )
    assert log(model) == []


def trained_table(model: Path, folder: Path) -> Path:
    source = Path(json.loads((model / "result.json").read_text())["task_folder"])
    return written(folder, pd.read_csv(source / "table.csv"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "nothing to score.*--external north"),
        (["--external", "south"], "declares no external cohort 'south'.*north"),
        (["--cohort", "nowhere"], "nowhere: no such folder or table"),
    ],
)
def test_an_external_cohort_must_be_named(model, words, message):
    refused(oncotwin("predict", "evaluate", model, *words), message)


def test_an_external_cohort_must_have_the_inputs_and_both_classes(model, tmp_path):
    other = table(40, seed=9, prefix="Q")
    for name, data, message in (
        ("a", other.drop(columns="marker"), "inputs: column 'marker' is missing"),
        ("b", other.assign(response=1), "one class only: every label is positive"),
    ):
        cohort = written(tmp_path / name, data)
        refused(oncotwin("predict", "evaluate", model, "--cohort", cohort), message)
    assert log(model) == []


def test_a_model_that_was_changed_is_not_loaded(model):
    (model / "model.joblib").write_bytes(b"other" + (model / "model.joblib").read_bytes())
    with pytest.raises(TwinError, match="not the one that was trained.*SHA-256"):
        open_model(model)


@pytest.mark.parametrize("name", ["scikit-learn", "scikit-survival", "numpy", "python"])
def test_a_model_of_another_major_version_is_not_loaded(model, name):
    path = model / "result.json"
    record = json.loads(path.read_text())
    record["versions"][name] = "99.0.0"
    path.write_text(json.dumps(record))
    with pytest.raises(TwinError, match=f"another major version of {name}.*expected 99.0.0"):
        open_model(model)


def test_no_model_and_a_damaged_log_are_said(model, tmp_path):
    refused(oncotwin("predict", "evaluate", tmp_path / "none", "--cohort", "x"), "no model here")
    (model / "external.jsonl").write_text('{"torn')
    refused(
        oncotwin("predict", "evaluate", model, "--external", "north"),
        "log of external cohorts is damaged",
    )


def test_a_folder_with_a_model_is_replaced_on_request_unless_it_was_scored(trained, model):
    task = trained[0].parent / "task.yaml"
    words = ["predict", "train", task, "--out", model, "--permutations", "0"]
    refused(oncotwin(*words), "already holds a model.*--restart")
    assert oncotwin(*words, "--restart").code == 0
    assert oncotwin("predict", "evaluate", model, "--external", "north").code == 0
    refused(oncotwin(*words, "--restart"), "was scored on external cohorts")


def test_the_model_file_holds_no_patient(trained):
    kept = joblib.load(trained[0] / "model.joblib")
    assert kept["names"] and all(re.fullmatch("[0-9a-f]{32}", name) for name in kept["names"])
    assert "P001" not in (trained[0] / "result.json").read_text()


def test_survival_leaves_hospitals_out_and_goes_to_another_one(tmp_path):
    data = table(150, effect=1.0)
    plan = {"inner_folds": 2, "permutations": 99}
    task = task_file(tmp_path, data, outcome=SURVIVAL, group="hospital", evaluation=plan, **COX)
    answer = oncotwin("predict", "train", task, "--out", tmp_path / "model")
    assert answer.code == 0, answer.err
    for hospital in "ABC":
        assert re.search(rf"Left out {hospital}: \d+ patients, \d+ with the outcome: 0", answer.out)
    assert "Gain over the baseline (cox on age)" in answer.out
    other = table(80, effect=1.0, seed=4, prefix="Q").assign(hospital="D")
    cohort = written(tmp_path / "other", other)
    scored = oncotwin("predict", "evaluate", tmp_path / "model", "--cohort", cohort)
    assert scored.code == 0, scored.err
    assert "C-index" in scored.out and "80 patients" in scored.out


@pytest.mark.parametrize("kind", ["gradient-boosting", "random-survival-forest"])
def test_trees_find_the_marker_too(tmp_path, kind):
    survival = kind == "random-survival-forest"
    plan = {"outer_folds": 3, "outer_repeats": 1, "inner_folds": 2, "permutations": 0}
    changes = {"outcome": SURVIVAL, "baseline": COX["baseline"]} if survival else {}
    task = task_file(tmp_path, evaluation=plan, **changes | {"model": {"kind": kind}})
    answer = oncotwin("predict", "train", task, "--out", tmp_path / "model")
    assert answer.code == 0, answer.err
    assert "No claim: the permutation control was not run." in answer.out
    result = json.loads((tmp_path / "model" / "result.json").read_text())
    assert result["comparison"]["model"]["low"] > 0.6


def test_labels_that_were_shuffled_never_claim(tmp_path):
    """A shuffle of a cohort with a strong marker, the whole command; the task does not know.
    Permutations stop at 99, the fewest that could allow a claim. tests/validation has 20 shuffles.
    """
    plan = {"outer_folds": 2, "outer_repeats": 1, "inner_folds": 2, "permutations": 99}
    inputs = [{"column": name, "kind": "number"} for name in ("age", "marker", "volume")]
    data = table(60, effect=4.0)
    shuffled = np.random.default_rng(0).permutation(data["response"])
    task = task_file(tmp_path, data.assign(response=shuffled), inputs=inputs, evaluation=plan)
    answer = oncotwin("predict", "train", task, "--out", tmp_path / "model")
    assert answer.code == 0, answer.err
    assert "Gain" not in answer.out
    assert "No gain over the baseline" in answer.out or "No claim" in answer.out


@pytest.mark.parametrize(
    ("data", "changes", "message"),
    [
        (table().assign(response=1), {}, "one class only: every label is positive"),
        (table().assign(response=[1, 0] + [0] * 118), {}, "fewer events than folds.*got 1 with"),
        (table().assign(hospital="A"), {"group": "hospital"}, "one group only"),
        (table(), {"model": {"kind": "svm"}}, "model.kind"),
    ],
)
def test_training_on_what_cannot_be_evaluated_is_refused(tmp_path, data, changes, message):
    task = task_file(tmp_path, data, **changes)
    refused(oncotwin("predict", "train", task, "--out", tmp_path / "model"), message)
    assert not (tmp_path / "model").exists()

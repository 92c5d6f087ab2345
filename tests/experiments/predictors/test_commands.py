"""`oncotwin predict` from a task file to a scored external cohort, as a user runs it."""

import json
import shutil

import pytest

from tests.experiments.commands import oncotwin
from tests.experiments.predictors.cohorts import LABEL, SURVIVAL, table, write


@pytest.fixture(scope="module", params=[LABEL, SURVIVAL], ids=["label", "survival"])
def trained(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    path = write(folder / "home", request.param, table())
    answer = oncotwin("predict", "train", path, "--out", folder / "model")
    assert answer.code == 0, answer.err
    return folder / "model", answer.out


def test_training_prints_intervals_controls_and_what_may_be_said(trained):
    model, printed = trained
    for words in (
        "nested cross-validation, 120 patients",
        "Permutation control: 3 shuffled outcomes",
        "Leakage check: no patient in two splits",
        "No gain over the baseline",
        "Research use, not for clinical decisions",
    ):
        assert words in " ".join(printed.split())
    card = (model / "card.md").read_text()
    for words in ("120", "simulated", "Permutation control", "Research use, not for clinical"):
        assert words in card


def test_an_external_cohort_is_scored_once_and_logged(trained, tmp_path):
    model, _ = trained
    table(60, seed=1).to_csv(tmp_path / "table.csv", index=False)
    first = oncotwin("predict", "evaluate", model, "--cohort", tmp_path)
    assert first.code == 0, first.err
    assert "external, logged, 60 patients" in " ".join(first.out.split())
    second = oncotwin("predict", "evaluate", model, "--cohort", tmp_path / "table.csv")
    assert second.code == 2
    assert "60 of 60 patients were scored" in second.err
    assert "--again" in second.err
    third = oncotwin("predict", "evaluate", model, "--cohort", tmp_path, "--again", "a test of it")
    assert third.code == 0
    lines = [json.loads(line) for line in (model / "external.jsonl").read_text().splitlines()]
    assert [line["again"] for line in lines] == [None, "a test of it"]
    assert lines[0]["comparison"]["model"] == lines[1]["comparison"]["model"]
    assert "P1-0" not in (model / "external.jsonl").read_text()


def test_training_patients_are_no_external_cohort(trained, tmp_path):
    model, _ = trained
    data = table()
    data.iloc[:40].to_csv(tmp_path / "table.csv", index=False)
    answer = oncotwin("predict", "evaluate", model, "--cohort", tmp_path)
    assert answer.code == 2
    assert "40 of 40 patients trained the model" in answer.err
    data["patient"] = [f"other-{i}" for i in range(len(data))]
    data.iloc[:40].to_csv(tmp_path / "table.csv", index=False)
    answer = oncotwin("predict", "evaluate", model, "--cohort", tmp_path)
    assert answer.code == 2
    assert "40 of 40 patients have the inputs and outcome of one that trained" in answer.err


def test_a_changed_model_is_not_opened(trained, tmp_path):
    copy = shutil.copytree(trained[0], tmp_path / "copy")
    stored = next(copy.glob("*.joblib"))
    stored.write_bytes(stored.read_bytes() + b"x")
    answer = oncotwin("predict", "evaluate", copy, "--cohort", tmp_path)
    assert answer.code == 2
    assert "the model is not the one that was trained" in answer.err


def test_errors_are_one_line_with_code_2(tmp_path):
    path = write(tmp_path, LABEL, table(30).drop(columns="age"))
    answer = oncotwin("predict", "train", path, "--out", tmp_path / "model")
    assert answer.code == 2
    assert answer.err.startswith("error: table.csv: ")
    assert "column 'age' is missing" in answer.err
    assert answer.err.count("\n") == 1
    nothing = oncotwin("predict", "evaluate", tmp_path / "nowhere", "--cohort", tmp_path)
    assert nothing.code == 2
    assert "no model here" in nothing.err


def test_a_model_folder_is_not_overwritten_unless_told(trained, tmp_path):
    path = write(tmp_path / "home", LABEL, table())
    copy = shutil.copytree(trained[0], tmp_path / "copy")
    (copy / "external.jsonl").unlink(missing_ok=True)
    words = ("predict", "train", path, "--out", copy, "--permutations", 0)
    refused = oncotwin(*words)
    assert refused.code == 2
    assert "--restart" in refused.err
    (copy / "external.jsonl").write_text("{}\n")
    scored = oncotwin(*words, "--restart")
    assert scored.code == 2
    assert "scored on external cohorts, and its log stays with it" in scored.err


def test_a_real_cohort_trains_and_its_declared_external_rows_are_scored(repository, tmp_path):
    task = repository / "patients" / "cohorts" / "breast" / "pcr.yaml"
    answer = oncotwin("predict", "train", task, "--out", tmp_path / "m", "--permutations", 2)
    assert answer.code == 0, answer.err
    assert "883 patients" in " ".join(answer.out.split())
    scored = oncotwin("predict", "evaluate", tmp_path / "m", "--external", "spy1")
    assert scored.code == 0, scored.err
    assert "172 patients, 49 with the outcome" in " ".join(scored.out.split())
    unknown = oncotwin("predict", "evaluate", tmp_path / "m", "--external", "spy9")
    assert unknown.code == 2
    assert "expected spy1, duke" in unknown.err

"""`oncotwin predict` as a user types it, on a simulated and on a real cohort."""

import json
import shutil

import pytest
import yaml

from tests.experiments.commands import oncotwin
from tests.experiments.predictors.simulated import table, task_file


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    words = ("predict", "train", task_file(folder / "home"), "--out", folder / "model")
    answer = oncotwin(*words, "--permutations", 3)
    assert answer.code == 0, answer.err
    return folder / "model", " ".join(answer.out.split())


def test_training_prints_intervals_controls_and_what_may_be_said(trained):
    _, printed = trained
    for words in (
        "nested cross-validation, 120 patients",
        "Permutation control: 3 shuffled outcomes",
        "Leakage check: no patient in two splits",
        "Research use, not for clinical decisions",
    ):
        assert words in printed


def test_an_external_cohort_is_scored_once_and_logged_without_names(trained, tmp_path):
    model, _ = trained
    table(60, seed=1, prefix="Q").to_csv(tmp_path / "table.csv", index=False)
    first = oncotwin("predict", "evaluate", model, "--cohort", tmp_path)
    assert first.code == 0, first.err
    assert "external, logged, 60 patients" in " ".join(first.out.split())
    second = oncotwin("predict", "evaluate", model, "--cohort", tmp_path / "table.csv")
    assert second.code == 2
    assert "60 of 60 patients were scored" in second.err
    third = oncotwin("predict", "evaluate", model, "--cohort", tmp_path, "--again", "a test of it")
    assert third.code == 0
    lines = [json.loads(line) for line in (model / "external.jsonl").read_text().splitlines()]
    assert [line["again"] for line in lines] == [None, "a test of it"]
    assert "Q00" not in (model / "external.jsonl").read_text()


def test_training_patients_under_other_names_are_no_external_cohort(trained, tmp_path):
    model, _ = trained
    table(40, prefix="other").assign(**{c: table()[c] for c in table().columns[1:]}).to_csv(
        tmp_path / "table.csv", index=False
    )
    answer = oncotwin("predict", "evaluate", model, "--cohort", tmp_path)
    assert answer.code == 2
    assert "40 of 40 patients have the inputs and outcome of one that trained" in answer.err


def test_errors_are_one_line_with_code_2(tmp_path):
    path = task_file(tmp_path, table(30).drop(columns="age"))
    answer = oncotwin("predict", "train", path, "--out", tmp_path / "model")
    assert answer.code == 2
    assert answer.err.startswith("error: table.csv: ")
    assert "column 'age' is missing" in answer.err
    assert answer.err.count("\n") == 1


@pytest.mark.parametrize("name", ["locoregional", "distant", "death"])
def test_head_and_neck_without_its_table_asks_for_the_cohort(repository, tmp_path, name):
    task = repository / "patients" / "cohorts" / "head_neck" / f"{name}.yaml"
    answer = oncotwin("predict", "train", task, "--out", tmp_path / "model")
    assert answer.code == 2
    assert "clinical_outcomes.csv: no such table" in answer.err
    assert "given with --cohort FOLDER" in answer.err
    assert answer.err.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "patients"), [("nsclc/egfr", 172), ("nsclc/recurrence", 210), ("lgg/idh", 145)]
)
def test_shipped_cohorts_train_with_five_permutations(repository, tmp_path, name, patients):
    source = repository / "patients" / "cohorts" / f"{name}.yaml"
    content = yaml.safe_load(source.read_text(encoding="utf-8"))
    for entry in content["tables"]:
        shutil.copy(source.parent / entry["file"], tmp_path)
    content["evaluation"] = {"outer_folds": 3, "outer_repeats": 1, "inner_folds": 2}
    task = tmp_path / "task.yaml"
    task.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    model = tmp_path / "model"
    answer = oncotwin("predict", "train", task, "--out", model, "--permutations", 5)
    assert answer.code == 0, answer.err
    result = json.loads((model / "result.json").read_text())
    # Five shuffles cannot reach p = 0.01, whatever the model scores.
    assert result["permutation"]["count"] == 5 and not result["claim"]["claimed"]
    assert result["leakage"]["leaks"] == []
    figure = result["comparison"]["model"]
    card = (model / "card.md").read_text(encoding="utf-8")
    for words in (
        "Research use, not for clinical decisions.",
        f"- Patients: {patients}, with the outcome: {result['comparison']['events']}",
        f"of the model: {figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})",
        "Permutation control: 5 shuffled outcomes",
        "Leakage check: no patient in two splits",
        content["source"],
    ):
        assert words in card, words


@pytest.mark.slow
def test_a_real_cohort_trains_and_its_declared_external_rows_are_scored(repository, tmp_path):
    task = repository / "patients" / "cohorts" / "breast" / "pcr.yaml"
    answer = oncotwin("predict", "train", task, "--out", tmp_path / "m", "--permutations", 0)
    assert answer.code == 0, answer.err
    assert "883 patients" in " ".join(answer.out.split())
    scored = oncotwin("predict", "evaluate", tmp_path / "m", "--external", "spy1")
    assert scored.code == 0, scored.err
    assert "172 patients, 49 with the outcome" in " ".join(scored.out.split())

"""External cohorts of survival, and follow-up that ends before the horizon does."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from experiments.predictors.evaluation.outcome import check_horizon, labels, survival
from tests.experiments.commands import Answer, oncotwin
from tests.experiments.predictors.simulated import SURVIVAL, table, task_file
from twin.errors import TwinError

COX = {"model": {"kind": "cox"}, "baseline": {"inputs": ["age"], "model": "cox"}}
PLAN = {"outer_folds": 2, "outer_repeats": 1, "inner_folds": 2, "permutations": 0}


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("survival")
    task = task_file(folder, outcome=SURVIVAL, evaluation=PLAN, **COX)
    answer = oncotwin("predict", "train", task, "--out", folder / "model")
    assert answer.code == 0, answer.err
    return folder / "model"


@pytest.fixture
def model(trained, tmp_path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "model"))


def scored(model: Path, folder: Path, data, *words: object) -> Answer:
    folder.mkdir()
    data.to_csv(folder / "table.csv", index=False)
    return oncotwin("predict", "evaluate", model, "--cohort", folder, *words)


def other():
    return table(60, seed=3, prefix="Q")


def cut_at_150_days(data):
    return data.assign(event=data.event * (data.days <= 150), days=data.days.clip(upper=150.0))


@pytest.mark.parametrize(
    ("data", "bounds"),
    [
        (cut_at_150_days(other()), "less than 150"),
        (other().assign(days=other().days + 400), "from 4"),
    ],
)
def test_follow_up_that_misses_the_horizon_is_refused_and_no_look(model, tmp_path, data, bounds):
    answer = scored(model, tmp_path / "other", data)
    assert answer.code == 2
    assert "the horizon is outside the follow-up" in answer.err
    assert bounds in answer.err and "got 365 days" in answer.err
    assert answer.err.count("\n") == 1
    assert not (model / "external.jsonl").exists()
    assert scored(model, tmp_path / "whole", other()).code == 0


def test_training_needs_follow_up_to_the_horizon_too(tmp_path):
    outcome = SURVIVAL | {"horizon_days": 5000.0}
    task = task_file(tmp_path, outcome=outcome, evaluation=PLAN, **COX)
    answer = oncotwin("predict", "train", task, "--out", tmp_path / "model")
    assert answer.code == 2
    assert "task simulated: the horizon is outside the follow-up" in answer.err


def test_the_bounds_of_a_horizon_are_the_first_and_last_time():
    y = survival(np.array([True, False]), np.array([10.0, 20.0]))
    check_horizon(y, 10.0, where="here")
    check_horizon(y, 19.9, where="here")
    check_horizon(labels(np.array([True, False])), None, where="here")
    for day in (9.9, 20.0):
        with pytest.raises(TwinError, match="outside the follow-up"):
            check_horizon(y, day, where="here")


def test_survival_is_scored_once_and_the_log_keeps_figures_without_names(model, tmp_path):
    assert scored(model, tmp_path / "one", other()).code == 0
    second = scored(model, tmp_path / "two", other().iloc[::-1])
    assert second.code == 2
    assert "60 of 60 patients were scored on" in second.err
    third = scored(model, tmp_path / "three", other(), "--again", "the first file was torn")
    assert third.code == 0, third.err
    text = (model / "external.jsonl").read_text()
    first, again = (json.loads(line) for line in text.splitlines())
    assert (first["again"], again["again"]) == (None, "the first file was torn")
    # Same patients, same model: the same figures, and what the table says of how many.
    assert first["comparison"] == again["comparison"] and first["digest"] == again["digest"]
    assert first["comparison"]["patients"] == 60
    assert first["comparison"]["events"] == int(other()["event"].sum())
    assert not [name for name in other()["id"] if name in text]


def test_a_survival_patient_under_another_name_is_no_external_patient(model, tmp_path):
    renamed = other()
    renamed.loc[:4, renamed.columns[1:]] = table().loc[:4, table().columns[1:]]
    answer = scored(model, tmp_path / "other", renamed)
    assert answer.code == 2
    assert "5 of 60 patients have the inputs and outcome of one that trained" in answer.err
    assert "got Q000, Q001, Q002, Q003, Q004" in answer.err

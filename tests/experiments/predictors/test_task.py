"""Task files: what is read, and what is refused with the place and the way out."""

from pathlib import Path

import pytest

from experiments.predictors import load_task
from tests.experiments.predictors.simulated import LABEL_TASK, SURVIVAL, task_file
from twin.errors import TwinError

COHORTS = Path(__file__).resolve().parents[3] / "patients" / "cohorts"


@pytest.mark.parametrize("path", sorted(COHORTS.glob("*/*.yaml")), ids=lambda p: p.stem)
def test_every_shipped_task_is_valid_and_names_its_source(path):
    task = load_task(path)
    assert task.source and task.question.endswith("?")
    assert task.evaluation.permutations == 200


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"modle": {"kind": "cox"}}, 'task.yaml: modle: unknown key "modle".*Did you mean "model"'),
        ({"model": {"kind": "svm"}}, "task.yaml: model.kind.*'logistic'.*got 'svm'"),
        ({"model": {"kind": "logistc"}}, 'Did you mean "logistic"'),
        ({"model": {"kind": "cox"}}, "model should be logistic or gradient-boosting for a label"),
        ({"outcome": SURVIVAL}, "model should be cox or random-survival-forest"),
        ({"outcome": {"event": "event"}}, "outcome.*all of event, time_days and horizon_days"),
        (
            {"outcome": {"label": "response", "positive": [1], "negative": [0, "1.0"]}},
            "outcome.*every value once, not '1.0' twice",
        ),
        (
            {"outcome": {"label": "response", "unknown": [0]}},
            "outcome.*every value once, not 0 twice",
        ),
        (
            {"inputs": [{"column": "age", "kind": "ordinal", "order": [1, 2, 1]}]},
            "every value of order once, not 1 twice",
        ),
        (
            {"external": [{"name": "n", "keep": {"hospital": ["A"]}, "multiply": {"volum": 2.0}}]},
            "external.multiply should name number or log inputs, not 'volum'",
        ),
        (
            {"external": [{"name": "n", "keep": {"hospital": ["A"]}, "multiply": {"site": 2.0}}]},
            "external.multiply should name number or log inputs, not 'site'",
        ),
        (
            {"external": [{"name": "n", "keep": {"hospital": [h]}} for h in "AB"]},
            "external should name every cohort once, not 'n' twice",
        ),
        ({"outcome": {"label": "age"}}, "should not use the outcome 'age' as an input"),
        ({"baseline": {"inputs": ["size"], "model": "logistic"}}, "baseline.inputs.*'size'"),
        ({"inputs": [{"column": "age", "kind": "ordinal"}]}, "order with kind ordinal"),
        ({"inputs": [{"column": "age", "kind": "flag"}]}, "values with kind flag"),
        ({"inputs": LABEL_TASK["inputs"] * 2}, "every column once, not 'age' twice"),
        ({"inputs": None}, "should have inputs, images or both"),
        ({"question": None}, 'missing key "question".*nothing is assumed'),
        ({"evaluation": {"seed": -1}}, "evaluation.seed.*greater than or equal to 0"),
        ({"evaluation": {"seed": 2**33}}, "evaluation.seed.*less than"),
        ({"evaluation": {"outer_folds": 1}}, "evaluation.outer_folds.*greater than or equal to 2"),
    ],
)
def test_a_bad_entry_is_refused_with_its_place(tmp_path, changes, message):
    with pytest.raises(TwinError, match=message):
        load_task(task_file(tmp_path, **changes))


def test_a_missing_an_empty_and_a_broken_file_are_refused(tmp_path):
    with pytest.raises(TwinError, match="none.yaml: cannot read the task file"):
        load_task(tmp_path / "none.yaml")
    path = tmp_path / "task.yaml"
    for text, message in (
        ("", "empty or no mapping.*oncotwin-task/1"),
        ("a: [", "not valid YAML"),
        ("name: a\nname: b\n", "key 'name' is given twice"),
    ):
        path.write_text(text)
        with pytest.raises(TwinError, match=message):
            load_task(path)

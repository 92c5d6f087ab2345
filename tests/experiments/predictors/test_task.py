"""Task files say what is wrong with them, and every shipped one is read."""

import pytest
import yaml

from experiments.predictors import load_task
from tests.experiments.predictors.cohorts import LABEL, SURVIVAL
from twin.errors import TwinError

SHIPPED = {
    "breast-pcr",
    "head-neck-death",
    "head-neck-distant",
    "head-neck-locoregional",
    "lesions-trend",
    "lgg-idh",
    "lgg-progression",
    "nsclc-egfr",
    "nsclc-recurrence",
    "sts-lung-metastasis",
}


def written(tmp_path, content):
    path = tmp_path / "task.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


def test_every_shipped_task_is_read(repository):
    paths = sorted((repository / "patients" / "cohorts").glob("*/*.yaml"))
    assert {load_task(path).name for path in paths} == SHIPPED


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": "red"}, "task.yaml.*colour"),
        ({"model": {"kind": "transformer"}}, "task.yaml.*model.kind"),
        ({"model": {"kind": "cox"}}, "model should be logistic or gradient-boosting for a label"),
        ({"outcome": {"event": "event"}}, "all of event, time_days and horizon_days"),
        ({"outcome": {"label": "age"}}, "should not use the outcome 'age' as an input"),
        ({"inputs": []}, "should have inputs, images or both"),
        ({"baseline": {"inputs": ["tea"], "model": "logistic"}}, "columns of inputs, not 'tea'"),
        ({"inputs": [{"column": "age", "kind": "number"}] * 2}, "not 'age' twice"),
        ({"inputs": [{"column": "age", "kind": "ordinal"}]}, "order with kind ordinal"),
        ({"schema": "oncotwin-task/9"}, "task.yaml.*schema"),
        ({"evaluation": {"outer_folds": 1}}, "outer_folds"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(tmp_path, change, message):
    with pytest.raises(TwinError, match=message):
        load_task(written(tmp_path, LABEL | change))


def test_a_missing_key_is_named(tmp_path):
    for key in ("outcome", "model", "baseline", "tables", "source"):
        with pytest.raises(TwinError, match=f"task.yaml.*{key}"):
            load_task(written(tmp_path, {k: v for k, v in SURVIVAL.items() if k != key}))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty or no mapping"),
        ("- 1", "empty or no mapping"),
        ("a: [", "not valid YAML"),
        ("a: 1\na: 2", "key 'a' is given twice"),
    ],
)
def test_what_is_no_task_file_is_refused(tmp_path, content, message):
    with pytest.raises(TwinError, match=message):
        load_task(written(tmp_path, content))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(TwinError, match="nowhere.yaml: cannot read the task file"):
        load_task(tmp_path / "nowhere.yaml")

"""`oncotwin compare-models` and `oncotwin calibrate --visits 1` on the embedded patient."""

import json

import pytest

from tests.experiments.commands import DEMO, SPACING_MM, oncotwin
from tests.experiments.test_cli import refused


def test_models_are_weighed_and_their_average_is_scored_beside_them(tmp_path):
    run = tmp_path / "run"
    words = ("--visits", 3, "--spacing-mm", SPACING_MM, "--draws", 16)
    answer = oncotwin("compare-models", DEMO, "-o", run, *words)
    assert answer.code == 0, answer.err
    text = " ".join(answer.out.split())
    assert "Held-out CRPS of the burden" in text and "average" in text
    assert "Laplace's under one noise" in text and "not for clinical decisions" in text
    found = json.loads((run / "comparison.json").read_text())
    assert list(found["models"]) == ["fisher-kpp", "gompertz"]
    rows = list(found["models"].values())
    assert sum(row["weight"] for row in rows) == pytest.approx(1.0)
    assert sum(row["evidence_weight"] for row in rows) == pytest.approx(1.0)
    assert found["predicted_fitted_visits"] == ["before radiotherapy"]
    assert set(found["held_out"]["burden_crps_ml"]) == {"fisher-kpp", "gompertz", "average"}
    assert len(found["averaged"]) == 3
    refused(oncotwin("forecast", run), "a comparison of models holds no posterior .*gompertz")
    refused(oncotwin("compare-models", DEMO, "-o", run, *words), "already holds a run")


COMPARED = {
    "unknown": (["--model", "lotka", "--model", "gompertz"], "unknown model 'lotka'"),
    "twice": (["--model", "gompertz", "--model", "gompertz"], "a model is named twice"),
    "one": (["--model", "gompertz"], "nothing to compare .*expected two models, got 1"),
    "two visits": (["--visits", 2], "predicting a fitted visit from earlier ones .*at least 3"),
}


@pytest.mark.parametrize("name", COMPARED)
def test_compare_models_refuses(tmp_path, name):
    words, message = COMPARED[name]
    refused(oncotwin("compare-models", DEMO, "-o", tmp_path / "run", *words), message)
    assert not (tmp_path / "run" / "run.json").exists()


def test_one_scan_gives_a_length_and_a_run_that_refuses_to_forecast(tmp_path):
    run = tmp_path / "run"
    answer = oncotwin("calibrate", DEMO, "-o", run, "--visits", 1)
    assert answer.code == 0, answer.err
    text = " ".join(answer.out.split())
    assert text.count("cannot be known from one scan") == 3
    assert "time to progression cannot be known" in text and "forecast" not in text
    rows = {row["name"]: row for row in json.loads((run / "parameters.json").read_text())}
    assert rows["front_length"]["low"] < rows["front_length"]["high"]
    assert rows["diffusivity"]["point"] is None and rows["proliferation_rate"]["low"] is None
    for command in ("forecast", "sweep", "report"):
        refused(oncotwin(command, run), r"one scan tells no growth: .*at least two visits")

"""The main job from Python: what a step leaves is what the next one reads."""

import json

import numpy as np
import pytest

from experiments import workflow
from experiments.runs import Run
from tests.experiments.commands import DEMO, SPACING_MM, oncotwin
from twin.errors import TwinError
from twin.patient_folder import load_patient

pytestmark = pytest.mark.slow


def test_margin_around_the_tumor_grows_with_the_horizon(monkeypatch):
    """The demo's grid is cut so tightly that its border ends every margin: look at the margin."""
    margins: list[float] = []
    monkeypatch.setattr(workflow, "crop_to_tumor", lambda patient, mm: margins.append(mm))
    for days in (0.0, 100.0, 400.0):
        workflow.prepare(load_patient(DEMO), horizon_days=days)
    assert margins[0] > workflow.MARGIN_MM
    assert margins[2] - margins[1] == pytest.approx(3 * (margins[1] - margins[0]))
    assert margins[1] > margins[0]


def test_a_posterior_read_again_draws_the_same_parameters(finished):
    run = Run.open(finished.run)
    first, second = workflow.load_posterior(run), workflow.load_posterior(run)
    rows = json.loads((finished.run / "parameters.json").read_text())
    assert first.summary() == rows
    for name, values in first.sample(5, 1).items():
        np.testing.assert_array_equal(values, second.sample(5, 1)[name])
    assert first.decision_day == 42.0 and len(first.fitted_visits) == 3


def test_forecast_is_kept_and_read_as_it_was(finished, tmp_path):
    run = Run.open(finished.run)
    kept = workflow.load_forecast(run)
    again = workflow.forecast_run(run, workflow.load_posterior(run), draws=16)
    np.testing.assert_array_equal(kept.viable_ml, again.viable_ml)
    for a, b in zip(kept.visits, again.visits, strict=True):
        assert a.scores == b.scores
        np.testing.assert_array_equal(a.mean, b.mean)


def test_finalists_stand_on_two_hundred_fresh_draws_of_another_seed(finished):
    rows = json.loads((finished.run / "ranking.json").read_text())["rows"]
    judged = {row["fresh_draws"] for row in rows if row["finalist"]}
    assert judged == {workflow.FRESH_DRAWS} and workflow.FRESH_DRAWS >= 200


def test_history_says_what_was_done_in_order(finished):
    description = Run.open(finished.run).description
    steps = [entry["step"] for entry in description["history"]]
    assert steps[:3] == ["calibrate", "forecast", "sweep"]
    assert description["configuration"]["visits"] == 3
    assert all(len(digest) == 64 for digest in description["inputs"].values())


def test_outcomes_of_a_run_without_sweep_are_refused(tmp_path):
    run = Run.create(tmp_path / "run", {}, {}, 0)
    with pytest.raises(TwinError, match="no sweep yet.*oncotwin sweep"):
        workflow.load_outcomes(run)


def test_unknown_model_names_the_known_ones():
    with pytest.raises(TwinError, match="unknown model 'x'.*fisher-kpp"):
        workflow.model_named("x")


def test_a_drawn_posterior_is_kept_with_its_draws(tmp_path):
    method = ("--method", "ensemble-kalman", "--visits", 3, "--spacing-mm", SPACING_MM)
    answer = oncotwin("calibrate", DEMO, "-o", tmp_path / "run", *method)
    assert answer.code == 0, answer.err
    run = Run.open(tmp_path / "run")
    assert run.configuration["method"] == "ensemble-kalman"
    posterior = workflow.load_posterior(run)
    assert posterior.z_draws is not None and len(posterior.z_draws) == 128
    again = workflow.load_posterior(run)
    np.testing.assert_array_equal(posterior.sample_scores(9, 1), again.sample_scores(9, 1))
    assert posterior.diagnostics["members"] == 128


def test_methods_that_are_none(tmp_path):
    answer = oncotwin("calibrate", DEMO, "-o", tmp_path / "run", "--method", "magic")
    assert answer.code == 2 and "laplace, nuts, ensemble-kalman" in answer.err
    lesion = ("--model", "lesion-gompertz", "--method", "nuts")
    answer = oncotwin("calibrate", DEMO, "-o", tmp_path / "run", *lesion)
    assert answer.code == 2 and "one method" in answer.err

"""The README's first example runs as printed, and its command lines exist."""

import re
from pathlib import Path

import numpy as np
import pytest

from tests.pages import blocks, check_command, command_lines
from twin.forecasting import Forecast


@pytest.mark.slow
def test_first_example_makes_a_report_with_a_ranking(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (repository / "README.md").read_text()
    example = blocks(text, "python")[0]
    (tmp_path / "patients").symlink_to(repository / "patients", target_is_directory=True)
    monkeypatch.chdir(tmp_path)

    names: dict = {}
    exec(compile(example, "README.md", "exec"), names)

    assert names["posterior"].converged
    assert names["posterior"].fitted_visits == tuple(v.name for v in names["patient"].visits[:3])
    assert len(names["forecast"].held_out) == len(names["patient"].visits) - 3
    assert_scores_are_those_of(text, names["forecast"])
    outcomes, ranking = names["outcomes"], names["ranking"]
    assert outcomes.status.shape == (len(names["plans"]), 8)
    assert (outcomes.status == 0).all()
    assert len(ranking) == len(outcomes.plans)
    assert ranking.standard_of_care.plan.standard_of_care
    assert "radiosensitivity_alpha" in ranking.undetermined_parameters
    report = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "not for clinical decisions" in report
    assert ranking.best.plan.name in report


def assert_scores_are_those_of(text: str, forecast: Forecast) -> None:
    """The README's table of scores is what the demo prints, and its sentence on intervals true."""
    for title, quantity in (("burden", "burden"), ("outlined volume", "visible")):
        (row,) = re.findall(rf"^\| {title} \|(.*)\|$", text, flags=re.MULTILINE)
        found = [
            forecast.mean_score(f"{quantity}_crps{suffix}")
            for suffix in ("", "_no_change", "_exponential", "_prior")
        ]
        printed = [float(cell) for cell in row.split("|")]
        assert printed == pytest.approx(found, abs=0.3), "renew the figures from `oncotwin demo`"
        hits = [visit.scores[f"{quantity}_hit_90"] for visit in forecast.held_out]
        assert hits == [1.0, 1.0, 1.0]
    last = forecast.held_out[-1]
    assert last.observed_visible_ml > 2.0 * np.median(last.predicted_visible_ml)


def test_every_command_line_of_the_readme_exists(repository: Path) -> None:
    lines = command_lines((repository / "README.md").read_text())
    assert {words[0] for words, _ in lines} >= {
        "check",
        "calibrate",
        "forecast",
        "sweep",
        "report",
        "bench",
    }
    for words, complete in lines:
        check_command(words, complete)


@pytest.mark.parametrize(
    "line", ["oncotwin calibrat P -o R", "oncotwin sweep RUN --drawz 3", "oncotwin report"]
)
def test_a_wrong_command_line_would_be_found(line: str) -> None:
    ((words, complete),) = command_lines(f"text\n\n    {line}\n")
    with pytest.raises(pytest.fail.Exception):
        check_command(words, complete)

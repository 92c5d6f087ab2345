"""The README's first example runs as printed, and its command lines exist."""

from pathlib import Path

import pytest

from tests.pages import blocks, check_command, command_lines


@pytest.mark.slow
def test_first_example_makes_a_report_with_a_ranking(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = blocks((repository / "README.md").read_text(), "python")[0]
    (tmp_path / "patients").symlink_to(repository / "patients", target_is_directory=True)
    monkeypatch.chdir(tmp_path)

    names: dict = {}
    exec(compile(example, "README.md", "exec"), names)

    assert names["posterior"].converged
    assert names["posterior"].fitted_visits == tuple(v.name for v in names["patient"].visits[:3])
    assert len(names["forecast"].held_out) == len(names["patient"].visits) - 3
    outcomes, ranking = names["outcomes"], names["ranking"]
    assert outcomes.status.shape == (len(names["plans"]), 8)
    assert (outcomes.status == 0).all()
    assert len(ranking) == len(outcomes.plans)
    assert ranking.standard_of_care.plan.standard_of_care
    assert "radiosensitivity_alpha" in ranking.undetermined_parameters
    report = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "not for clinical decisions" in report
    assert ranking.best.plan.name in report


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

"""The credibility report of a run: filled by measurement or "no evidence", page and data alike."""

import copy
import json
import os
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from experiments import workflow
from experiments.credibility.applicability import recorded_conformance
from experiments.credibility.page import render
from experiments.credibility.standards import fda_categories
from experiments.runs import Run
from experiments.sensitivity import load_sensitivity
from scripts import tested_cases
from tests.experiments.commands import Answer, oncotwin
from tests.experiments.planted import PLANTED
from twin.models import MODELS

pytestmark = pytest.mark.slow
SECTIONS = [
    *("question", "risk", "versions", "parameters", "code", "calculation", "calibration"),
    *("validation", "uncertainty", "sensitivity", "applicability", "limits", "fda", "nasem"),
]
CATEGORIES = [
    "Code verification results",
    "Model calibration evidence",
    "Bench test validation results",
    "In vivo validation results",
    "Population-based validation results",
    "Emergent model behavior",
    "Model plausibility evidence",
    "Calculation verification/UQ results using COU simulations",
]


class Page(HTMLParser):
    """Sections of a page as plain text, table rows, and everything that could be requested."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.sections: dict[str, str] = {}
        self.requests: list[str] = []
        self.rows: list[tuple[int, int]] = []
        self._open, self._columns, self._cells = "", 0, 0
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        if tag == "section":
            self._open = named["id"] or ""
            self.sections[self._open] = ""
        for key in ("src", "href"):
            target = named.get(key) or ""
            if target and not target.startswith(("#", "data:,")):
                self.requests.append(target)
        if tag == "thead":
            self._columns = 0
        if tag == "th":
            self._columns += 1
        if tag == "tr":
            self._cells = 0
        if tag == "td":
            self._cells += 1

    def handle_endtag(self, tag):
        if tag == "section":
            self._open = ""
        if tag == "tr" and self._cells:
            self.rows.append((self._cells, self._columns))

    def handle_data(self, data):
        if self._open:
            self.sections[self._open] += data + " "


def written(run: Path) -> tuple[dict, str]:
    record = json.loads((run / "credibility.json").read_text())
    return record, (run / "credibility.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def bare(finished, tmp_path_factory) -> tuple[Path, Answer]:
    """A run that holds a calibration alone, and its report."""
    run = Path(shutil.copytree(finished.run, tmp_path_factory.mktemp("bare") / "run"))
    for name in ("forecast.h5", "ranking.json", "plans.json"):
        (run / name).unlink()
    shutil.rmtree(run / "shards")
    return run, oncotwin("credibility", run)


@pytest.fixture(scope="module")
def full(finished, tmp_path_factory) -> tuple[Path, Answer, Answer]:
    """A finished run with its sensitivity and its report."""
    run = Path(shutil.copytree(finished.run, tmp_path_factory.mktemp("full") / "run"))
    analyzed = oncotwin("sensitivity", run, "--samples", 8, "--trajectories", 2)
    return run, analyzed, oncotwin("credibility", run)


def test_a_calibration_alone_is_reported_with_the_commands_that_fill_the_rest(bare):
    run, answer = bare
    assert answer.code == 0, answer.err
    record, html = written(run)
    assert record["validation"] is None and record["sensitivity"] is None
    assert record["calibration"]["fitted_visits"] is None and record["ranking"] is None
    page = Page(html)
    for section, command in (
        ("calibration", "oncotwin forecast RUN"),
        ("validation", "oncotwin forecast RUN"),
        ("sensitivity", "oncotwin sensitivity RUN"),
    ):
        assert re.search(rf"no evidence\s*: run\s*{command}", page.sections[section]), section
    assert "no evidence (no plans were ranked)" in page.sections["nasem"]
    assert len(record["question"]["asked"]) == 1


@pytest.mark.parametrize("kind", ["bare", "full"])
def test_page_is_whole_offline_and_says_what_it_is(kind, request):
    run = request.getfixturevalue(kind)[0]
    _, html = written(run)
    page = Page(html)
    assert list(page.sections) == SECTIONS
    assert all(len(text.split()) > 10 for text in page.sections.values())
    assert page.requests == [] and "<script" not in html and "://" not in html
    assert "Research use, not for clinical decisions" in html
    assert "Simulated: </strong>simulated follow-up" in html
    assert page.rows and all(cells == columns for cells, columns in page.rows)
    assert not re.search(r"\bnan\b|\bNone\b|\binf\b", " ".join(page.sections.values()))


def test_every_figure_of_the_record_stands_on_the_page(full):
    run, _, answer = full
    assert answer.code == 0, answer.err
    record, html = written(run)
    page = Page(html)
    for row in record["versions"]["inputs_sha256"].items():
        assert all(text in page.sections["versions"] for text in row)
    for row in record["parameters"]["rows"]:
        assert row["name"] in page.sections["parameters"]
    for check in record["code"]["checks"]:
        assert check["name"] in page.sections["code"] and check["passed"]
    assert page.sections["calculation"].count("half the voxel") == 8
    for name in record["calibration"]["noise"]:
        assert name.replace("_", " ") in page.sections["calibration"]
    for row in record["applicability"]["rows"]:
        assert row["quantity"] in page.sections["applicability"]


def test_scores_are_those_of_the_forecast(full):
    run = full[0]
    record, html = written(run)
    forecast = workflow.load_forecast(Run.open(run))
    found = record["validation"]
    assert found["visits"] == found["simulated_visits"] == 3
    for mean in found["means"]:
        key = f"{mean['quantity']}_crps"
        assert mean["crps"] == pytest.approx(forecast.mean_score(key))
        rivals = {n: forecast.mean_score(f"{key}_{n}") for n in mean["compared_with"]}
        assert set(rivals) == {"no_change", "exponential", "prior"}
        assert mean["better_than"] == [n for n, score in rivals.items() if mean["crps"] < score]
    inside = sum(v.scores["burden_hit_90"] for v in forecast.held_out)
    assert found["means"][0]["inside_90"] == inside
    assert {row["visit"] for row in found["rows"]} == {v.name for v in forecast.held_out}
    assert PLANTED["visit 5"] in Page(html).sections["validation"]


def test_the_eight_categories_are_filled_or_say_no_evidence(full):
    record, html = written(full[0])
    assert [row["category"] for row in record["fda"]] == CATEGORIES
    empty = [row["category"] for row in record["fda"] if row["evidence"] is None]
    assert empty == [CATEGORIES[2], CATEGORIES[3], CATEGORIES[4]]
    assert Page(html).sections["fda"].count("no evidence") == 3
    # Simulated follow-up is no evidence about a person; a real held-out visit would be.
    real = copy.deepcopy(record)
    real["validation"]["simulated_visits"] = 1
    assert fda_categories(real)[3]["evidence"].startswith("2 real held-out visits")


def test_sensitivity_is_printed_kept_and_shown(full):
    run, analyzed, _ = full
    assert analyzed.code == 0, analyzed.err
    assert "Sobol" in analyzed.out or "Share of the variance" in analyzed.out
    assert "Research use, not for clinical decisions." in analyzed.out
    tables = json.loads((run / "sensitivity.json").read_text())
    record, html = written(run)
    assert record["sensitivity"] == tables
    factors = tables["sobol_prior"]["factors"]
    assert "radiosensitivity_alpha" in factors and factors == tables["morris_prior"]["factors"]
    shown = Page(html).sections["sensitivity"]
    assert all(factor in shown for factor in factors)
    assert tables["sobol_posterior"]["factors"][0].startswith("parameters that the visits")


def test_sensitivity_of_another_posterior_does_not_count(full, tmp_path):
    run = Run.open(shutil.copytree(full[0], tmp_path / "run"))
    posterior = workflow.load_posterior(run)
    assert load_sensitivity(run, posterior) is not None
    assert load_sensitivity(run, posterior.prior()) is None


def test_a_fit_that_did_not_converge_is_said_on_top_and_only_then(full):
    """On these coarse voxels the demo's fit does not converge; on its own it does."""
    record, _ = written(full[0])
    for converged in (False, True):
        record["calibration"] |= {"converged": converged, "warnings": []}
        head = render(record).split("<nav")[0]
        assert ("The calibration did not converge." in head) is not converged
        assert ("cannot be relied on" in head) is not converged


def test_names_are_escaped(full):
    record, _ = written(full[0])
    record["question"]["patient"] = "<script>alert(1)</script>"
    record["validation"]["rows"][0]["visit"] = "<img src=x>"
    html = render(record)
    assert "<script" not in html and "<img" not in html
    assert "&lt;img src=x&gt;" in html


def test_a_restart_discards_the_reports_of_the_run_before(full, finished, tmp_path):
    run = Path(shutil.copytree(full[0], tmp_path / "run"))
    Run.create(run, {}, {}, 0, restart=True)
    left = {name for name in os.listdir(run) if not name.startswith(".")}
    assert not left & {"credibility.html", "credibility.json", "sensitivity.json"}


@pytest.mark.parametrize("command", ["sensitivity", "credibility"])
def test_runs_that_cannot_be_reported_are_refused(command, finished, tmp_path):
    def refused(run: Path, pattern: str) -> None:
        answer = oncotwin(command, run)
        assert answer.code == 2 and re.search(pattern, answer.err), answer.err
        assert len(answer.err.strip().splitlines()) == 1

    refused(tmp_path / "none", "no such run folder.*oncotwin calibrate")
    run = Path(shutil.copytree(finished.run, tmp_path / "interrupted"))
    (run / "posterior.h5").unlink()
    refused(run, "no posterior.h5 yet.*oncotwin calibrate")
    chosen = {**Run.open(run).configuration, "model": "lesion-gompertz"}
    lesion = Run.create(tmp_path / "lesion", {}, chosen, 0)
    refused(lesion.folder, "a lesion model knows volumes alone.*Calibrate a spatial model")


def test_a_truncated_forecast_is_refused_before_anything_is_measured(finished, tmp_path):
    run = Path(shutil.copytree(finished.run, tmp_path / "run"))
    content = (run / "forecast.h5").read_bytes()
    (run / "forecast.h5").write_bytes(content[: len(content) // 2])
    answer = oncotwin("credibility", run)
    assert answer.code == 2 and "forecast.h5" in answer.err
    assert not (run / "credibility.json").exists()


def test_a_sample_that_is_no_power_of_two_is_refused(finished):
    answer = oncotwin("sensitivity", finished.run, "--samples", 100)
    assert answer.code == 2 and "power of 2" in answer.err
    assert not (finished.run / "sensitivity.json").exists()


def test_tested_cases_are_those_of_the_repository():
    assert json.loads(tested_cases.FILE.read_text()) == tested_cases.tested()


def test_every_spatial_model_has_recorded_verdicts():
    for model in MODELS:
        found = recorded_conformance(model)
        assert found is not None and found["properties"] > 50
        assert sum(found["outcomes"].values()) == found["properties"]
    assert recorded_conformance("unknown") is None

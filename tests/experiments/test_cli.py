"""Commands as typed: what they answer, and how they refuse (exit code 2, one message, no trace)."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from tests.experiments.commands import DEMO, SPACING_MM, Answer, finish, oncotwin, start
from tests.experiments.kills import assert_bit_equal, finished_shards, sweep_words

pytestmark = pytest.mark.slow


@pytest.fixture
def run(finished, tmp_path) -> Path:
    """A copy of the finished run, to be spoiled."""
    return Path(shutil.copytree(finished.run, tmp_path / "run"))


def refused(answer: Answer, pattern: str) -> None:
    assert answer.code == 2, answer
    assert "Traceback" not in answer.err + answer.out
    lines = answer.err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: "), answer.err
    assert re.search(pattern, lines[0]), f"{pattern!r} is not in {lines[0]!r}"


def plan_file(folder: Path, **content: object) -> Path:
    path = folder / "plans.yaml"
    path.write_text(yaml.safe_dump({"schema": "oncotwin-plans/1", **content}, sort_keys=False))
    return path


def change_run(run: Path, **values: object) -> None:
    path = run / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


# What works.


def test_check_tells_what_a_patient_holds_and_ends_with_0(finished):
    out = finished.answers["check"].out
    assert "No errors." in out and "error " not in out


def test_check_of_a_broken_folder_names_the_file_and_ends_with_2(tmp_path):
    folder = Path(shutil.copytree(DEMO, tmp_path / "patient"))
    truncate(folder / "v1" / "adc.nii.gz")
    answer = oncotwin("check", folder)
    assert answer.code == 2
    assert "adc.nii.gz" in answer.out and "1 error." in answer.out


def test_calibration_says_what_the_data_does_not_determine(tmp_path):
    run = tmp_path / "run"
    words = ("calibrate", DEMO, "-o", run, "--visits", 3, "--spacing-mm", SPACING_MM)
    answer = oncotwin(*words)
    assert answer.code == 0, answer.err
    assert "undetermined: rests on the prior" in answer.out
    assert re.search(r"before\s+radiotherapy", answer.out)
    assert f"oncotwin forecast {run}" in answer.out.replace("\n", "")
    assert {"run.json", "posterior.h5", "parameters.json"} <= set(os.listdir(run))
    refused(oncotwin(*words), r"already holds a run .*--restart")
    assert oncotwin(*words, "--restart").code == 0


def test_forecast_prints_every_visit_and_held_out_scores(finished):
    out = finished.answers["forecast"].out
    assert out.count("held out") == 3 and out.count("fitted") == 3
    assert "no change" in out and "exponential" in out and "prior" in out


def test_sweep_ranks_the_plans_of_the_file_and_the_standard_of_care(finished):
    out = finished.answers["sweep"].out
    assert "(standard of care)" in " ".join(out.split())
    ranked = json.loads((finished.run / "ranking.json").read_text())
    plans = json.loads((finished.run / "plans.json").read_text())
    assert len(ranked["rows"]) == len(plans) == 4 - _merged(plans)


def _merged(plans: list[dict]) -> int:
    """25 x 2 Gy of the file may be the standard of care itself."""
    return 4 - len(plans) if len(plans) in (3, 4) else -1


def test_sweep_again_simulates_nothing_and_ranks_the_same(finished, run):
    before = (run / "ranking.json").read_bytes()
    answer = oncotwin("sweep", run, "--plans", finished.plans, "--draws", 8)
    assert answer.code == 0, answer.err
    assert "Simulating" not in answer.out
    assert (run / "ranking.json").read_bytes() == before


def test_report_of_a_run_without_sweep_and_forecast_is_written(finished, run):
    for name in ("ranking.json", "forecast.h5"):
        (run / name).unlink()
    answer = oncotwin("report", run)
    assert answer.code == 0, answer.err


def test_help_lists_every_command_and_does_not_load_jax():
    code = (
        "import sys; from experiments.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "assert 'jax' not in sys.modules, 'jax is loaded'"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    for name in ("check", "calibrate", "forecast", "sweep", "report", "bench", "demo"):
        assert re.search(rf"\b{name}\b", printed), name
    assert "not for clinical decisions" in " ".join(printed.split())


# What is refused, with the words that the message must hold.

CALIBRATE = {
    "unknown model": (["--model", "lotka"], r"--model: unknown model 'lotka' .*fisher-kpp"),
    "one visit of Gompertz growth": (
        ["--visits", 1, "--model", "gompertz"],
        r"read by the wave of logistic growth .*expected fisher-kpp, got gompertz",
    ),
    "too many visits": (["--visits", 99], r"visits: .*to 6, got 99"),
    "no visits": (["--visits", 0], r"visits: .*to 6, got 0"),
    "negative spacing": (["--spacing-mm=-1"], r"spacing_mm is out of range"),
    "spacing above the tumor": (["--spacing-mm", 100], r"vanishes at a spacing of 100 mm"),
}


@pytest.mark.parametrize("name", CALIBRATE)
def test_calibrate_refuses(tmp_path, name):
    words, message = CALIBRATE[name]
    refused(oncotwin("calibrate", DEMO, "-o", tmp_path / "run", *words), message)
    assert not (tmp_path / "run" / "run.json").exists()


def test_calibrate_refuses_a_folder_without_patient_yaml(tmp_path):
    refused(oncotwin("calibrate", tmp_path, "-o", tmp_path / "run"), "no patient.yaml")


def test_calibrate_refuses_an_output_below_a_regular_file(tmp_path):
    (tmp_path / "file").write_text("x")
    refused(oncotwin("calibrate", DEMO, "-o", tmp_path / "file" / "run"), "is a file, not a folder")


def test_calibrate_refuses_a_folder_of_other_things(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    refused(oncotwin("calibrate", DEMO, "-o", tmp_path, "--restart"), "other files .*thesis.tex")


@pytest.mark.parametrize("command", ["forecast", "sweep", "report"])
def test_a_missing_run_says_how_to_make_one(tmp_path, command):
    refused(oncotwin(command, tmp_path / "none"), "no such run folder.*oncotwin calibrate")


RUNS = {
    "another schema": (lambda r: change_run(r, schema="oncotwin-run/2"), "another schema.*run/2"),
    "truncated run.json": (lambda r: truncate(r / "run.json"), "run.json.*Start a new run"),
    "missing fields": (
        lambda r: (r / "run.json").write_text('{"schema": "oncotwin-run/1"}'),
        "fields are missing",
    ),
    "missing posterior": (lambda r: (r / "posterior.h5").unlink(), "oncotwin calibrate"),
    "truncated posterior": (lambda r: truncate(r / "posterior.h5"), "posterior.h5"),
    "truncated forecast": (lambda r: truncate(r / "forecast.h5"), "forecast.h5"),
    "truncated ranking": (lambda r: truncate(r / "ranking.json"), "not a stored ranking"),
    "missing shards": (lambda r: shutil.rmtree(r / "shards"), "no sweep yet.*oncotwin sweep"),
    "truncated shard": (lambda r: truncate(r / "shards" / "0000.h5"), "no sweep yet|0000.h5"),
    "damaged ledger": (
        lambda r: (r / "ledger.jsonl").write_text("{}\n" + (r / "ledger.jsonl").read_text()),
        "ledger.jsonl: line 1 is damaged",
    ),
}


@pytest.mark.parametrize("name", RUNS)
def test_report_of_a_damaged_run_is_refused(run, name):
    spoil, message = RUNS[name]
    spoil(run)
    refused(oncotwin("report", run), message)


def test_a_patient_changed_after_calibration_is_refused_by_file_name(finished, run, tmp_path):
    patient = Path(shutil.copytree(finished.patient, tmp_path / "patient"))
    configuration = json.loads((run / "run.json").read_text())["configuration"]
    change_run(run, configuration={**configuration, "patient": str(patient)})
    assert oncotwin("report", run).code == 0
    text = (patient / "patient.yaml").read_text()
    (patient / "patient.yaml").write_text(
        text.replace("body_surface_m2: 1.9", "body_surface_m2: 2")
    )
    for command in ("forecast", "sweep", "report"):
        refused(oncotwin(command, run), r"files have changed .*patient.yaml \(changed\)")
    shutil.rmtree(patient)
    refused(oncotwin("report", run), "no such folder")


PLANS = {
    "unknown key": ({"grids": {"total_dose_gy": 50}}, "grids: unknown key.*plans.md"),
    "unsatisfiable grid": (
        {"grid": {"total_dose_gy": 50.0, "dose_per_fraction_gy": 7.0}},
        "no combination of the grid can be delivered.*whole fractions",
    ),
    "plan before the decision": (
        {"plans": [{"name": "early", "radiotherapy": [{"day": 21, "dose_gy": 3}]}]},
        "'early'.*starts before the decision day.*day 42 or later",
    ),
    "unknown drug": (
        {"plans": [{"name": "x", "drugs": [{"day": 50, "drug": "doxorubicine", "dose_mg": 9}]}]},
        "doxorubicine",
    ),
    "negative dose": (
        {"plans": [{"name": "x", "radiotherapy": [{"day": 50, "dose_gy": -2}]}]},
        "dose_gy",
    ),
    "plan past the horizon": (
        {
            "horizon_days": 90,
            "plans": [{"name": "x", "radiotherapy": [{"day": 300, "dose_gy": 2}]}],
        },
        "outlasts the horizon",
    ),
    "nothing in it": ({}, "grid, plans, or both"),
}


@pytest.mark.parametrize("name", PLANS)
def test_bad_plans_are_refused_and_the_sweep_before_stays(run, tmp_path, name):
    content, message = PLANS[name]
    plans = plan_file(tmp_path, **content)
    refused(oncotwin("sweep", run, "--plans", plans, "--restart"), rf"plans\.yaml.*{message}")
    assert oncotwin("report", run).code == 0


def test_sweep_refuses_missing_and_unreadable_plan_files(run, tmp_path):
    refused(oncotwin("sweep", run, "--plans", tmp_path / "no.yaml"), "cannot read the plan file")
    bad = tmp_path / "bad.yaml"
    bad.write_text("plans: [")
    refused(oncotwin("sweep", run, "--plans", bad), "not valid YAML")


def test_sweep_refuses_an_unknown_objective_before_it_discards_anything(finished, run):
    words = ("sweep", run, "--plans", finished.plans, "--draws", 8, "--restart")
    refused(oncotwin(*words, "--objective", "cure"), "unknown objective .*residual_ml")
    assert oncotwin("report", run).code == 0


def test_other_draws_or_plans_ask_for_restart(finished, run):
    refused(oncotwin("sweep", run, "--plans", finished.plans, "--draws", 9), "--restart")
    refused(oncotwin("sweep", run, "--count", 0), "too few plans")


def test_forecast_refuses_a_single_draw(run):
    refused(oncotwin("forecast", run, "--draws", 1), "too few draws for intervals")


PARSED = {
    "unknown option": (["demo", "--plan", "3", "--speed", "9"], "Unknown option"),
    "unknown command": (["treat"], "Unknown command"),
    "missing argument": (["calibrate"], "requires an argument"),
    "missing output": (["calibrate", "x"], "--output"),
    "not a number": (["sweep", "x", "--draws", "many"], "--draws"),
    "no draws": (["sweep", "x", "--draws", "0"], "--draws"),
    "negative horizon": (["forecast", "x", "--horizon-days=-30"], "--horizon-days"),
}


@pytest.mark.parametrize("name", PARSED)
def test_what_cannot_be_parsed_is_told_in_plain_words(name):
    words, message = PARSED[name]
    answer = oncotwin(*words)
    assert answer.code == 2
    assert message in " ".join(answer.err.split())
    assert "Traceback" not in answer.err


def test_bench_refuses_unknown_figures():
    refused(oncotwin("bench", "horsepower"), "unknown benchmark 'horsepower'")


# What interrupts a sweep.


@pytest.fixture(scope="module")
def unswept(finished, tmp_path_factory) -> Path:
    """The finished run as it was before the sweep."""
    run = tmp_path_factory.mktemp("unswept") / "run"
    shutil.copytree(finished.run, run, ignore=shutil.ignore_patterns("shards", "finalists"))
    for name in ("ledger.jsonl", "ranking.json", "plans.json"):
        (run / name).unlink()
    return run


def test_ctrl_c_leaves_a_run_that_goes_on_and_says_so(unswept, tmp_path, all_cores):
    run = Path(shutil.copytree(unswept, tmp_path / "run"))
    child = start(*sweep_words(run, 200))
    while child.poll() is None and finished_shards(run) < 2:
        time.sleep(0.005)
    child.send_signal(signal.SIGINT)
    answer = finish(child)
    assert answer.code == 130, answer
    assert answer.err.strip() == "stopped; run the same command again to go on where it was"
    kept = finished_shards(run)
    assert kept >= 2 and not (run / "ranking.json").exists()
    whole = Path(shutil.copytree(unswept, tmp_path / "whole"))
    assert oncotwin(*sweep_words(run, 200)).code == 0
    assert oncotwin(*sweep_words(whole, 200)).code == 0
    assert_bit_equal(run, whole)


def test_a_full_disk_is_told_loses_nothing_and_the_sweep_goes_on(finished, unswept, tmp_path):
    """No file may grow past 2 kB: what a disk without space does to a shard."""
    run = Path(shutil.copytree(unswept, tmp_path / "run"))
    before = {p.name: p.read_bytes() for p in run.iterdir() if p.is_file()}
    words = ("sweep", run, "--plans", finished.plans, "--draws", 8)
    answer = finish(start(*words, largest_file_blocks=4))
    message = "0000.h5: the file grew past the largest size allowed here.*what is complete stays"
    refused(Answer(answer.code, answer.out, _last(answer.err)), message)
    assert "Traceback" not in answer.err
    assert {n: (run / n).read_bytes() for n in before} == before
    assert oncotwin(*words).code == 0
    assert_bit_equal(run, finished.run)


def _last(text: str) -> str:
    """The message; above it JAX may warn that its own cache cannot be written either."""
    return text.strip().splitlines()[-1]

"""Runs that several files look at: one of the demo, one of a patient with planted identifiers."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.experiments.commands import Answer, calibrated, oncotwin
from tests.experiments.planted import PLANTED, planted_patient, planted_plans


@dataclass(frozen=True)
class Finished:
    """A run in which every command has been used once."""

    patient: Path
    plans: Path
    run: Path
    answers: dict[str, Answer]


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Finished:
    """Every command in turn, on a coarse copy of the demo patient under planted names."""
    folder = tmp_path_factory.mktemp("finished")
    patient, plans = planted_patient(folder), planted_plans(folder)
    run = folder / PLANTED["run folder"]
    answers = {"check": oncotwin("check", patient)}
    calibrated(run, patient)
    answers["forecast"] = oncotwin("forecast", run, "--draws", 16)
    answers["sweep"] = oncotwin("sweep", run, "--plans", plans, "--draws", 8)
    answers["report"] = oncotwin("report", run)
    answers["shareable"] = oncotwin("report", run, "--shareable")
    for answer in answers.values():
        assert answer.code == 0, answer.err
    return Finished(patient, plans, run, answers)


@dataclass(frozen=True)
class Demo:
    """The demo with few plans."""

    run: Path
    answer: Answer


@pytest.fixture(scope="session")
def demo(tmp_path_factory) -> Demo:
    """`oncotwin demo` as it is but for the number of plans and draws."""
    run = tmp_path_factory.mktemp("demo") / "run"
    return Demo(run, oncotwin("demo", "-o", run, "--plans", 40, "--draws", 8))

"""`oncotwin trial`: files, resumption and words; made-up courses where only files matter."""

import json
from pathlib import Path

import numpy as np
import pytest

import experiments.trial.workflow as workflow
from experiments.cli import main
from experiments.trial.files import patient_path, read_patient
from experiments.trial.words import in_words
from experiments.trial.workflow import run_trial
from tests.experiments.commands import oncotwin
from twin.errors import TwinError
from twin.models import FisherKPP
from twin.scenarios.trial import Course, PatientResult
from twin.scenarios.trial_protocol import TrialProtocol
from twin.scenarios.trial_result import summarize
from twin.scenarios.trial_strategies import DEFAULT, make_strategies

PROTOCOL = TrialProtocol()
GAINS = {"matched": 20.0, "two-clones": 0.0}


def made_up(number: int, world: str, names=DEFAULT) -> PatientResult:
    """Days around 150; robust and re-planned plans gain in the matched world alone."""
    random = np.random.default_rng(number)
    usual = float(random.uniform(100, 200))
    courses = {}
    for name in names:
        gain = 0.0 if name in ("standard", "switch") else GAINS[world] + random.normal(0.0, 5.0)
        courses[name] = Course(
            usual + gain,
            True,
            usual + gain,
            True,
            ("plan",),
            PROTOCOL.standard.schedule,
            np.ones(4),
        )
    promised = dict.fromkeys(names, 0.0)
    return PatientResult(number, courses, promised, True, (0.5, 3.0))


@pytest.fixture
def treated(monkeypatch) -> list[tuple[str, int]]:
    """Patients whom the workflow treats, with courses that are made up."""
    seen: list[tuple[str, int]] = []

    def treat(patient, strategies, model):
        seen.append((patient.world.name, patient.number))
        return made_up(patient.number, patient.world.name, [s.name for s in strategies])

    monkeypatch.setattr(workflow, "treat_patient", treat)
    return seen


def trial(folder: Path, patients: int = 6, **more):
    arguments = {"worlds": ("two-clones", "matched"), "strategies": DEFAULT, "seed": 0}
    return run_trial(folder, patients=patients, **(arguments | more))


def test_a_trial_goes_on_where_it_was_and_takes_more_patients(tmp_path, treated):
    first = trial(tmp_path, 4)
    assert len(treated) == 8
    treated.clear()
    patient_path(tmp_path, "matched", 2).unlink()
    again = trial(tmp_path, 4)
    assert treated == [("matched", 2)]
    assert str(again) == str(first)
    treated.clear()
    assert all(result.patients == 6 for result in trial(tmp_path, 6))
    assert sorted(treated) == [(w, n) for w in ("matched", "two-clones") for n in (4, 5)]


def test_another_trial_in_the_folder_is_refused_or_discarded(tmp_path, treated):
    trial(tmp_path)
    with pytest.raises(TwinError, match="the folder holds another trial.*--restart"):
        trial(tmp_path, seed=1)
    treated.clear()
    trial(tmp_path, 3, seed=1, restart=True)
    assert len(treated) == 6
    assert len(list(tmp_path.glob("patients/*.json"))) == 6


def test_a_patient_comes_back_from_its_file_as_it_was(tmp_path, treated):
    trial(tmp_path)
    path = patient_path(tmp_path, "matched", 1)
    back, made = read_patient(path), made_up(1, "matched")
    assert back.courses.keys() == made.courses.keys()
    for name, course in made.courses.items():
        assert back.courses[name].given == course.given
        assert back.courses[name].progression_days == course.progression_days
    assert back.scan_value_days == made.scan_value_days
    path.write_text(path.read_text()[:-40])
    with pytest.raises(TwinError, match="truncated or damaged.*it is made anew"):
        read_patient(path)


def test_files_say_that_it_is_simulated_and_not_for_clinical_decisions(tmp_path, treated):
    trial(tmp_path)
    page = (tmp_path / "trial.html").read_text(encoding="utf-8")
    summary = json.loads((tmp_path / "trial.json").read_text())
    for text in (page, summary["note"]):
        assert "simulated" in text and "not for clinical decisions" in text
    assert [world["world"] for world in summary["worlds"]] == ["two-clones", "matched"]
    assert page.count("<svg") == 2
    assert "<script" not in page and "http:" not in page and "https:" not in page


def summaries(patients: int = 40):
    return [
        summarize(world, [made_up(n, world) for n in range(patients)], PROTOCOL)
        for world in ("two-clones", "matched")
    ]


def test_words_say_where_a_gain_vanishes_under_model_error():
    words = in_words(summaries())
    about = [w for w in words if w.startswith("robust, mean")]
    assert len(about) == 1
    assert "vanishes in two-clones" in about[0]
    assert "as far as 40 patients tell, it does not survive this model error" in about[0]
    assert not any("do not rely on these intervals" in w for w in words)
    assert any("do not rely on these intervals" in w for w in in_words(summaries(6)))
    assert any(w.startswith("robust: no gain over the standard of care") for w in words)
    assert any(w.startswith("robust: gain over the standard of care") for w in words)


def test_words_keep_the_adaptive_gain_and_the_value_of_information_apart():
    words = in_words(summaries()[:1])
    (adaptive,) = [w for w in words if w.startswith("Adaptive against open loop")]
    assert "same information" in adaptive and adaptive.endswith("no gain.")
    (value,) = [w for w in words if w.startswith("Value of information, apart")]
    assert "+0.5 (+0.5 to +0.5)" in value and "+3.0" in value


def test_unknown_names_are_refused_with_the_known_ones(tmp_path, capsys):
    assert main(["trial", "--out", str(tmp_path), "--world", "flat"]) == 2
    assert "expected one of matched, two-clones" in capsys.readouterr().err
    assert main(["trial", "--out", str(tmp_path), "--strategies", "hope"]) == 2
    assert "unknown strategy" in capsys.readouterr().err


def test_standard_of_care_is_always_first():
    chosen = make_strategies(["adaptive", "robust"], PROTOCOL, FisherKPP())
    assert [strategy.name for strategy in chosen] == ["standard", "adaptive", "robust"]


@pytest.mark.slow
def test_two_patients_are_treated_from_command_to_page(tmp_path):
    """Without re-planning, which takes many compilations: that is in tests/validation."""
    out = tmp_path / "trial"
    words = ["trial", "--patients", "2", "--world", "two-clones", "--out", str(out)]
    answer = oncotwin(*words, "--strategies", "switch", "--strategies", "adaptive")
    assert answer.code == 0, answer.err
    assert "simulated" in answer.out and "not for clinical decisions" in answer.out
    results = [read_patient(patient_path(out, "two-clones", n)) for n in range(2)]
    for result in results:
        standard = result.courses["standard"]
        assert standard.given == PROTOCOL.standard.schedule
        assert len(standard.visible_ml) == 1 + PROTOCOL.horizon_days / 7
        assert result.promised_days == {"standard": 0.0, "switch": 0.0, "adaptive": 0.0}
        for course in result.courses.values():
            assert course.visible_ml[0] == standard.visible_ml[0]
    assert (out / "trial.html").exists()

"""`oncotwin synth cohort`, as a user types it."""

from pathlib import Path

import numpy as np
import pytest

from experiments.cli import main
from experiments.synth.sampling import parse_condition
from generative import read_cohort
from twin.errors import TwinError

STS = Path(__file__).parents[3] / "patients" / "cohorts" / "sts"


def test_a_simulated_cohort_says_that_it_is_simulated(tmp_path, capsys):
    out = tmp_path / "new" / "cohort.h5"
    assert main(["synth", "cohort", "--patients", "12", "--side", "16", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "simulated in world A" in printed and "not for clinical decisions" in printed
    cohort = read_cohort(out)
    assert len(cohort) == 12 and cohort.provenance == "simulated from public"


def real(tmp_path: Path, *more: str, labels: Path = STS / "outcome.csv") -> list[str]:
    fixed = ["--label", "lung_metastasis", "--out", str(tmp_path / "c.h5"), "--side", "32"]
    return ["synth", "cohort", "--scans", str(STS), "--labels", str(labels), *fixed, *more]


def test_real_patients_become_a_private_cohort_that_keeps_their_volumes(tmp_path):
    assert main(real(tmp_path, "--region-mm", "320")) == 0
    cohort = read_cohort(tmp_path / "c.h5")
    assert len(cohort) == 36 and int(cohort.response.sum()) == 13
    assert cohort.provenance == "private" and not cohort.truth
    from experiments.features import find_scans

    masks = [scan.load()[1] for scan in find_scans(STS)]
    volumes = np.array([m.data.sum() * m.grid.voxel_volume_mm3 / 1000.0 for m in masks])
    large = volumes > 200.0  # mL: a voxel holds 1
    np.testing.assert_allclose(cohort.volumes_ml[large, 0], volumes[large], rtol=0.15)


def test_what_is_wrong_is_said(tmp_path, capsys):
    def said(arguments: list[str]) -> str:
        assert main(arguments) == 2
        return capsys.readouterr().err

    assert "STS_001: mask: the region cannot hold the tumor" in said(real(tmp_path))
    table = tmp_path / "labels.csv"
    table.write_text("patient,lung_metastasis\nSTS_001,1\n")
    assert "no number for patient STS_002" in said(real(tmp_path, labels=table))
    table.write_text("patient,lung_metastasis\nSTS_001,1\nSTS_001,0\n")
    assert "a patient is there twice" in said(real(tmp_path, labels=table))
    table.write_text("patient,other\nSTS_001,1\n")
    assert "no column 'lung_metastasis'" in said(real(tmp_path, labels=table))
    rows = "".join(f"STS_{number:03d},2\n" for number in range(1, 37))
    table.write_text("patient,lung_metastasis\n" + rows)
    assert "label of patient STS_001" in said(real(tmp_path, labels=table))
    assert not (tmp_path / "c.h5").exists()


@pytest.mark.parametrize("option", [["--label", "x"], ["--scans", str(STS)]])
def test_scans_and_labels_go_together(tmp_path, option, capsys):
    assert main(["synth", "cohort", "--out", str(tmp_path / "c.h5"), *option]) == 2
    assert "label" in capsys.readouterr().err


def test_from_a_cohort_to_a_release_that_its_receiver_can_check(tmp_path, capsys):
    cohort, model, release = (str(tmp_path / name) for name in ("c.h5", "model", "release"))
    key = str(tmp_path / "owner.key")
    made = ["--patients", "40", "--world", "B", "--side", "16", "--out", cohort]
    assert main(["synth", "cohort", *made]) == 0
    assert (
        main(["synth", "train", cohort, "--epsilon", "8", "--members", "45", "--out", model]) == 0
    )
    printed = capsys.readouterr().out
    assert "at delta 0.0025, for each of 40 patients" in printed and "sampling blurs" in printed
    drawn = ["--n", "6", "--condition", "response=1", "--out"]
    assert main(["synth", "sample", model, *drawn, release]) == 2
    assert "a release is signed" in capsys.readouterr().err
    assert main(["synth", "key", key]) == 0
    assert main(["synth", "sample", model, *drawn, release, "--key", key]) == 0
    assert "6 of 6" in capsys.readouterr().out
    assert main(["synth", "verify", release, "--key", key + ".pub"]) == 0
    assert "differentially private release" in capsys.readouterr().out.lower()


@pytest.mark.parametrize(
    ("condition", "message"),
    [("volume=0", "volume is not understood"), ("grade=3", "condition is not understood")],
)
def test_a_condition_that_is_not_understood_is_named(condition, message):
    with pytest.raises(TwinError, match=message):
        parse_condition(condition, 5, 0)


def test_volumes_of_a_range_lie_within_it():
    volume_ml, response = parse_condition("volume=5:20, response=0", 200, 1)
    assert volume_ml is not None and 5.0 <= volume_ml.min() < 6.0 < 18.0 < volume_ml.max() <= 20.0
    assert response is False


def test_advice_follows_patients_and_budget(capsys):
    said = {}
    for patients, epsilon in ((36, "8"), (36, "1"), (1000, "1"), (36, "none")):
        arguments = ["synth", "recommend", "--patients", str(patients), "--epsilon", epsilon]
        assert main(arguments) == 0
        said[patients, epsilon] = capsys.readouterr().out
    assert said[36, "8"].startswith("moments: noise of 0.3")
    assert said[1000, "1"].startswith("adversarial") and said[36, "none"].startswith("adversarial")
    assert said[36, "1"].startswith("no engine can work")
    assert main(["synth", "recommend", "--patients", "36", "--epsilon", "lots"]) == 2
    assert "not a privacy budget" in capsys.readouterr().err

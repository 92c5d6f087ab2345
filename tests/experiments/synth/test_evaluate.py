"""The judgement of a synthetic cohort: verdicts, page, figures, command."""

import json
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path

import nibabel
import numpy as np
import pytest

from experiments.cli import main
from experiments.synth.evaluate import Evaluation, evaluate
from experiments.synth.evaluate_files import read_synthetic
from experiments.synth.evaluation_page import OWNER, SIMULATED, evaluation_page
from experiments.synth.picture_sheet import outlined
from experiments.synth.verdicts import Criterion, Status, limits_for, verdict
from generative import ScanCohort, write_cohort
from tests.generative.cohorts import SIZE, blank, copying, thirds
from tests.generative.release.made import release
from twin.errors import TwinError

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)


@cache
def judged(kind: str) -> Evaluation:
    members, test, fresh = thirds()
    made = {"fresh": fresh, "copying": copying(members), "blank": blank(fresh)}[kind]
    return evaluate(made, test, members)


def statuses(result: Evaluation) -> dict[str, Status]:
    return {criterion.name: criterion.status for criterion in result.criteria}


def test_a_fresh_draw_of_the_world_passes_fidelity_and_fails_nothing():
    result = judged("fresh")
    assert result.verdicts["fidelity"] == "passed"
    assert "failed" not in result.verdicts.values()
    assert result.mmd.p_value > 0.01 and result.density.high > 0.9 and result.coverage.high > 0.9
    assert result.copies is not None and result.copies.count == 0


def test_a_copying_generator_passes_fidelity_and_fails_privacy():
    result = judged("copying")
    assert result.verdicts["fidelity"] == "passed"
    assert result.verdicts["privacy"] == "failed"
    privacy = [c.status for c in result.criteria if c.group == "privacy"]
    assert privacy == ["failed", "failed", "failed"]
    assert result.copies is not None and result.copies.count == SIZE


def test_a_blank_generator_fails_fidelity_and_utility_and_leaks_nothing():
    result = judged("blank")
    assert result.verdicts["fidelity"] == "failed" and result.verdicts["utility"] == "failed"
    assert result.verdicts["privacy"] != "failed"
    assert result.copies is not None and result.copies.count == 0
    assert result.density.value < 0.05 and result.coverage.value < 0.05


def test_scores_from_inside_the_generator_are_one_more_attack():
    members, test, fresh = thirds()
    inside = {"discriminator": (np.ones(len(members)), np.zeros(len(test)))}
    result = evaluate(fresh, test, members, inside_scores=inside)
    assert result.membership is not None
    assert result.membership.strongest.name == "discriminator"
    assert result.verdicts["privacy"] == "failed"


def test_without_members_privacy_is_not_examined():
    _, test, fresh = thirds()
    result = evaluate(fresh, test)
    assert result.verdicts["privacy"] == "not examined"
    assert result.utility is not None and result.utility.trained_on == (SIZE, SIZE // 2)


def test_without_labels_utility_is_left_out_and_this_is_said():
    members, test, fresh = thirds()
    unlabeled = replace(fresh, response=np.zeros(len(fresh), bool))
    result = evaluate(unlabeled, test, members)
    assert result.verdicts["utility"] == "not examined"
    assert "no labels of response" in result.without_utility
    assert result.without_utility in evaluation_page(result, unlabeled, test)


def test_a_budget_loosens_limits():
    assert limits_for(None).utility == 0.03
    assert limits_for(8.0).utility == 0.05 and limits_for(1.0).utility == 0.10
    assert limits_for(8.0).frechet == 3.0 and limits_for(8.0).two_sample == 0.85


def test_the_worst_criterion_is_the_verdict():
    def of(*found: Status) -> Status:
        return verdict([Criterion("privacy", "", "", "", status) for status in found], "privacy")

    assert of("passed", "failed", "not shown") == "failed"
    assert of("passed", "not shown") == "not shown"
    assert of("passed", "not examined") == "passed"
    assert of("not examined") == of() == "not examined"


def test_cohorts_that_cannot_be_compared_are_refused():
    members, test, fresh = thirds()
    with pytest.raises(TwinError, match="test patients were in the training"):
        evaluate(fresh, test, test)
    with pytest.raises(TwinError, match="too few patients to judge"):
        evaluate(fresh.select(np.arange(5)), test, members)
    with pytest.raises(TwinError, match="differ in voxel size"):
        evaluate(replace(fresh, spacing_mm=(1.0, 1.0, 1.0)), test)


def test_an_outline_is_drawn_where_the_mask_ends():
    mask = np.zeros((16, 16), bool)
    mask[4:8, 4:8] = True
    pixels = outlined(np.zeros((16, 16)), mask, (0.0, 1.0))
    colored = (pixels == (230, 120, 0)).all(axis=2)
    assert colored.sum() == 4 * 32 - 4  # 4 voxels of 8 pixels along each edge
    assert not colored[:60].any()  # x to the right, y upwards: the mask lies at the bottom left


def files(folder: Path) -> dict[str, Path]:
    members, test, fresh = thirds()
    found = {}
    for name, cohort in {"members": members, "test": test, "made": fresh}.items():
        found[name] = folder / f"{name}.h5"
        write_cohort(cohort, found[name])
    return found


def test_the_command_writes_a_page_and_figures(tmp_path, capsys):
    paths, out = files(tmp_path), tmp_path / "page"
    words = ["synth", "evaluate", str(paths["made"]), "--private", str(paths["test"])]
    assert main([*words, "--members", str(paths["members"]), "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "fidelity: passed" in printed and "not for clinical decisions" in printed
    assert "are simulated" in printed and "stays with their owner" in printed
    page = (out / "evaluation.html").read_text()
    assert OWNER in page and SIMULATED in page and "not for clinical decisions" in page
    assert page.count("data:image/png") == 10 and "<script" not in page
    found = json.loads((out / "evaluation.json").read_text())
    assert found["verdicts"]["fidelity"] == "passed"
    assert found["frechet"]["ratio"]["low"] < found["frechet"]["ratio"]["value"]
    assert "similarity" not in found["copies"]  # nothing of single patients


def write_volumes(cohort: ScanCohort, folder: Path) -> None:
    """Patients of one scan as NIfTI volumes."""
    for index, name in enumerate(cohort.patients):
        home = folder / name
        home.mkdir(parents=True)
        affine = np.diag([*cohort.spacing_mm, 1.0])
        for kind, values in (("image", cohort.images), ("mask", cohort.masks)):
            image = nibabel.Nifti1Image(values[index, 0].astype(np.float32), affine)
            image.header.set_xyzt_units("mm")
            nibabel.save(image, home / f"PET_{kind}.nii.gz")


def first_scan(cohort: ScanCohort) -> ScanCohort:
    return replace(
        cohort, images=cohort.images[:, :1], masks=cohort.masks[:, :1], days=cohort.days[:, :1]
    )


def test_a_folder_of_volumes_without_labels_can_be_judged(tmp_path, capsys):
    _, test, fresh = thirds()
    write_volumes(first_scan(fresh.select(np.arange(40))), tmp_path / "volumes")
    write_cohort(first_scan(test), tmp_path / "test.h5")
    words = ["synth", "evaluate", str(tmp_path / "volumes"), "--private", str(tmp_path / "test.h5")]
    assert main([*words, "--out", str(tmp_path / "page")]) == 0
    printed = capsys.readouterr().out
    assert "Utility was left out: the synthetic cohort has no labels" in printed
    found = json.loads((tmp_path / "page" / "evaluation.json").read_text())
    assert found["verdicts"]["fidelity"] != "failed" and found["synthetic"] == 40


def test_a_release_is_read_by_its_own_reader(tmp_path):
    _, test, fresh = thirds()
    part = fresh.select(np.arange(3))
    named = replace(part, patients=tuple(f"syn-{row + 1:06d}" for row in range(3)))
    found = read_synthetic(release(tmp_path / "release", named, columns=()), like=test)
    assert found.patients == named.patients and found.provenance == "synthetic"
    assert (found.images == named.images).all() and (found.masks == named.masks).all()
    assert (found.response == named.response).all() and (found.days == named.days).all()


def test_a_cohort_that_is_not_there_is_said(tmp_path, capsys):
    paths = files(tmp_path)
    words = ["synth", "evaluate", str(tmp_path / "none"), "--private", str(paths["test"])]
    assert main(words) == 2
    assert "no such cohort" in capsys.readouterr().err


@pytest.mark.browser
def test_the_page_opens_offline_and_fits_its_window(tmp_path):
    if CHROMIUM is None:
        return
    from playwright.sync_api import sync_playwright

    _, test, fresh = thirds()
    path = tmp_path / "page.html"
    path.write_text(evaluation_page(judged("fresh"), fresh, test))
    asked: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for width in (1400, 480):
            view = browser.new_page(viewport={"width": width, "height": 900})
            view.on("request", lambda request: asked.append(request.url))
            view.goto(path.as_uri())
            assert view.evaluate("document.documentElement.scrollWidth") <= width
            assert view.evaluate("[...document.images].every(i => i.naturalWidth > 0)")
        browser.close()
    assert all(url.startswith(("file:", "data:")) for url in asked)

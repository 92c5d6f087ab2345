"""Links of the documentation lead somewhere, its command lines exist, its example model runs."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.pages import blocks, check_command, command_lines, pages, relative_links
from tests.patients import small_patient
from twin.imaging.image import Image
from twin.imaging.nifti import write_nifti
from twin.patient_folder import load_patient, load_scan
from twin.scenarios.plan_file import load_plans


def test_every_relative_link_resolves(repository: Path) -> None:
    count, broken = 0, []
    for page in pages(repository):
        for target in relative_links(page.read_text()):
            count += 1
            if not (page.parent / target).exists():
                broken.append(f"{page.relative_to(repository)}: {target}")
    assert count > 20
    assert not broken


def test_every_page_can_be_reached_from_the_index(repository: Path) -> None:
    index = repository / "docs" / "README.md"
    linked = {(index.parent / target).resolve() for target in relative_links(index.read_text())}
    missing = set((repository / "docs").rglob("*.md")) - linked - {index}
    assert not missing


def test_every_command_line_of_the_documentation_exists(repository: Path) -> None:
    lines = [line for page in pages(repository) for line in command_lines(page.read_text())]
    assert len(lines) > 10
    for words, complete in lines:
        check_command(words, complete)


def test_link_in_a_code_block_is_no_link() -> None:
    text = "[a](b.md#part) `[c](d)`\n```\n[e](f)\n```\n[g](https://example.com)\n"
    assert relative_links(text) == ["b.md"]


def test_model_of_the_how_to_page_is_one_file_and_one_test(
    repository: Path, tmp_path: Path
) -> None:
    page = (repository / "docs" / "how-to" / "add-a-model.md").read_text()
    model, test = blocks(page, "python")
    assert len(model.splitlines()) <= 120
    (tmp_path / "go_or_grow.py").write_text(model)
    (tmp_path / "test_go_or_grow.py").write_text(test)
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(repository)])},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout
    assert "2 passed" in result.stdout


def test_patient_of_the_how_to_page_loads(repository: Path, tmp_path: Path) -> None:
    page = (repository / "docs" / "how-to" / "your-own-patient.md").read_text()
    (text,) = blocks(page, "yaml")
    (tmp_path / "patient.yaml").write_text(text)
    made = small_patient()
    tissue = Image(made.tissue.astype(np.float32), made.grid, "MASK", "1")
    write_nifti(tissue, tmp_path / "tissue.nii.gz")
    for number, visit in enumerate(made.visits):
        folder = tmp_path / f"v{number}"
        folder.mkdir()
        write_nifti(visit.images["ADC"], folder / "adc.nii.gz")
        mask = visit.masks["gtv"].astype(np.float32)
        write_nifti(Image(mask, made.grid, "MASK", "1"), folder / "gtv.nii.gz")

    patient = load_patient(tmp_path)

    assert [v.time_days for v in patient.visits] == [0.0, 28.0]
    assert patient.treatments.drugs == ("doxorubicin",)


def test_plans_of_the_how_to_page_load(repository: Path, tmp_path: Path) -> None:
    page = (repository / "docs" / "how-to" / "write-plans.md").read_text()
    sets = []
    for text in blocks(page, "yaml"):
        (tmp_path / "plans.yaml").write_text(text)
        sets.append(load_plans(tmp_path / "plans.yaml", small_patient(), 42.0))
    grid, single = sets
    assert len(grid) > 50
    assert {plan.name for plan in single} >= {"5 x 6 Gy"}
    assert all(any(plan.standard_of_care for plan in plans) for plans in sets)


def test_scan_of_the_how_to_page_loads(repository: Path, tmp_path: Path) -> None:
    page = (repository / "docs" / "how-to" / "monitor-a-patient.md").read_text()
    (text,) = blocks(page, "yaml")
    (tmp_path / "scan.yaml").write_text(text)
    patient = small_patient()
    visit = patient.visits[0]
    write_nifti(visit.images["ADC"], tmp_path / "adc.nii.gz")
    mask = visit.masks["gtv"].astype(np.float32)
    write_nifti(Image(mask, patient.grid, "MASK", "1"), tmp_path / "gtv.nii.gz")

    scan = load_scan(tmp_path, patient)

    assert scan.visit.time_days == 95.0 and set(scan.visit.images) == {"ADC"}
    assert scan.treatments.drugs == ("doxorubicin",)

"""`oncotwin features`: folders of patients become a table, and what is wrong is named."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments.features import (
    every_scan_table,
    feature_table,
    find_scans,
    shuffle_within,
    write_table,
)
from tests.experiments.commands import DEMO, ROOT, oncotwin
from twin.errors import TwinError
from twin.grid import Grid
from twin.imaging import write_nifti
from twin.imaging.image import MASK, Image

SARCOMAS = ROOT / "patients" / "cohorts" / "sts"
SMALL = ("STS_008", "STS_019")


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two small patients, as a hospital would lay them out."""
    for name in SMALL:
        shutil.copytree(SARCOMAS / name, tmp_path / "patients" / name)
    return tmp_path / "patients"


def test_both_kinds_of_patient_folder_are_found(folder):
    assert [(s.patient, s.modality) for s in find_scans(folder)] == [(p, "PET") for p in SMALL]
    of_demo = find_scans(DEMO)
    assert {(s.modality, s.day) for s in of_demo} >= {("PET", 0.0), ("ADC", 109.0)}
    assert {s.patient for s in of_demo} == {"demo"}


def test_the_command_writes_a_row_for_each_scan(folder, tmp_path):
    for name in ("table.parquet", "table.csv"):
        answer = oncotwin("features", folder, "--out", tmp_path / name)
        assert answer.code == 0, answer.err
        assert "2 scans of 2 patients (2 PET)" in answer.out
        assert "Research use, not for clinical decisions" in answer.out
    parquet, csv = pd.read_parquet(tmp_path / "table.parquet"), pd.read_csv(tmp_path / "table.csv")
    assert parquet["patient"].tolist() == list(SMALL)
    assert len(parquet.columns) > 600
    for column in parquet.columns[4:]:
        np.testing.assert_allclose(parquet[column], csv[column], rtol=1e-9)


def test_the_first_scan_of_each_patient_is_a_row_of_the_table_for_predictors(folder):
    table = feature_table(folder, modality="PET", patients=SMALL[::-1])
    assert table.index.tolist() == list(SMALL[::-1])
    again = every_scan_table(folder).set_index("patient").loc[list(SMALL[::-1])]
    np.testing.assert_allclose(table["stat_max"], again["stat_max"])


def test_the_first_visit_of_the_demo_patient_is_a_row(tmp_path):
    """A patient.yaml with several visits; the demo itself is only read."""
    first = min((s for s in find_scans(DEMO) if s.modality == "PET"), key=lambda scan: scan.day)
    table = feature_table(DEMO, modality="PET")
    assert table.index.tolist() == [first.patient]
    image, mask = first.load()
    inside = image.data[mask.data > 0]
    assert 0.5 < table["stat_max"].item() / inside.max() < 1.5
    with pytest.raises(TwinError, match="no PET with a mask for nobody"):
        feature_table(DEMO, modality="PET", patients=["nobody"])


def test_a_table_of_either_kind_gives_back_what_was_written(tmp_path):
    table = pd.DataFrame({"patient": ["01", "b,c"], "stat_max": [1.0 / 3.0, np.nan]})
    for name, read in (("t.csv", pd.read_csv), ("t.parquet", pd.read_parquet)):
        write_table(table, tmp_path / "new" / name)
        found = read(tmp_path / "new" / name)
        assert found["patient"].tolist() == ["01", "b,c"]
        np.testing.assert_array_equal(found["stat_max"], table["stat_max"])


def test_shuffled_voxels_keep_their_histogram_and_lose_their_places(folder):
    plain, shuffled = (feature_table(folder, modality="PET", shuffle_seed=s) for s in (None, 1))
    kept = [c for c in plain if c.startswith(("stat_", "ih_", "morph_v", "pet_mtv"))]
    assert len(kept) > 40
    np.testing.assert_allclose(shuffled[kept], plain[kept], rtol=1e-4, atol=1e-5)
    assert (shuffled["cm_corr_3D_comb"].abs() < 0.2).all()
    assert (plain["cm_corr_3D_comb"] > 0.4).all()
    other = feature_table(folder, modality="PET", shuffle_seed=2)
    assert (other["cm_corr_3D_comb"] != shuffled["cm_corr_3D_comb"]).all()


def test_only_voxels_of_the_mask_are_shuffled():
    grid = Grid.from_spacing((4, 4, 4), 2.0)
    data, inside = np.arange(64.0).reshape(4, 4, 4), np.zeros((4, 4, 4))
    inside[1:3] = 1
    found = shuffle_within(
        Image(data, grid, "PET", "SUV"), Image(inside, grid, MASK, "1"), np.random.default_rng(0)
    )
    np.testing.assert_array_equal(found.data[inside == 0], data[inside == 0])
    np.testing.assert_array_equal(np.sort(found.data[inside == 1]), data[inside == 1])
    assert (found.data[inside == 1] != data[inside == 1]).any()


def refused(folder: Path, tmp_path: Path, *words: object) -> str:
    answer = oncotwin("features", folder, "--out", tmp_path / "t.csv", *words)
    assert answer.code == 2
    assert answer.err.count("\n") == 1
    return answer.err


def test_what_is_missing_is_named(folder, tmp_path):
    assert "nowhere: no such folder" in refused(tmp_path / "nowhere", tmp_path)
    assert "no T1 with a mask in this folder" in refused(folder, tmp_path, "--modality", "T1")
    (folder / SMALL[0] / "PET_mask.nii.gz").unlink()
    error = refused(folder, tmp_path)
    assert "PET_image.nii.gz: an image without its mask (expected PET_mask.nii.gz" in error


def test_a_mask_that_is_empty_or_elsewhere_is_named_with_its_patient(folder, tmp_path):
    scan = find_scans(folder)[0]
    _, mask = scan.load()
    path = folder / SMALL[0] / "PET_mask.nii.gz"
    moved = mask.grid.affine.copy()
    moved[0, 3] += 5.0
    write_nifti(Image(mask.data, Grid(mask.grid.shape, moved), MASK, "1"), path)
    assert f"{SMALL[0]} PET: mask" in (error := refused(folder, tmp_path))
    assert "different grids" in error
    write_nifti(Image(np.zeros(mask.grid.shape), mask.grid, MASK, "1"), path)
    error = refused(folder, tmp_path)
    assert f"{SMALL[0]} PET" in error
    assert "empty" in error


def test_an_unknown_modality_and_another_ending_are_refused(folder, tmp_path):
    (folder / SMALL[0] / "PET_image.nii.gz").rename(folder / SMALL[0] / "PETT_image.nii.gz")
    (folder / SMALL[0] / "PET_mask.nii.gz").rename(folder / SMALL[0] / "PETT_mask.nii.gz")
    assert "unknown modality PETT" in refused(folder, tmp_path)
    answer = oncotwin("features", folder, "--out", tmp_path / "t.xlsx")
    assert answer.code == 2
    assert "kind of table (expected .parquet or .csv, got .xlsx)" in answer.err
    with pytest.raises(TwinError, match="kind of table"):
        write_table(pd.DataFrame({"a": [1]}), tmp_path / "t.txt")

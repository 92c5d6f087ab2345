"""Cohort files: what is written comes back, and what cannot be right is refused."""

from dataclasses import replace

import numpy as np
import pytest

from generative import ScanCohort, read_cohort, write_cohort
from twin.errors import TwinError


def cohort(count: int = 3) -> ScanCohort:
    random = np.random.default_rng(0)
    masks = np.zeros((count, 2, 4, 4, 4), bool)
    masks[:, :, 1:3, 1:3, 1:3] = True
    return ScanCohort(
        tuple(f"p{index}" for index in range(count)),
        random.random((count, 2, 4, 4, 4), np.float32),
        masks,
        np.tile([0.0, 30.0], (count, 1)),
        np.arange(count) % 2 == 0,
        (1.0, 2.0, 3.0),
        "PET",
        "private",
        "a test",
        {"age": np.arange(count, dtype=float)},
    )


def test_a_cohort_comes_back_as_it_was_written(tmp_path):
    made = cohort()
    write_cohort(made, tmp_path / "c.h5")
    found = read_cohort(tmp_path / "c.h5")
    for name in ("images", "masks", "days", "response"):
        np.testing.assert_array_equal(getattr(found, name), getattr(made, name))
    assert (found.patients, found.spacing_mm, found.unit) == (made.patients, (1.0, 2.0, 3.0), "SUV")
    np.testing.assert_array_equal(found.columns["age"], made.columns["age"])
    np.testing.assert_allclose(found.volumes_ml, 8 * 6.0 / 1000.0)
    assert [p.name for p in tmp_path.iterdir()] == ["c.h5"]


def test_patients_are_selected_with_everything_that_is_theirs():
    chosen = cohort().select(np.array([2, 0]))
    assert chosen.patients == ("p2", "p0")
    assert chosen.columns["age"].tolist() == [2.0, 0.0]


def spoiled(name: str) -> dict:
    made = cohort()
    images, masks, days = made.images.copy(), made.masks.copy(), made.days.copy()
    images[1, 0, 0, 0, 0] = np.nan
    masks[1, 0] = False
    days[1, 1] = 0.0
    return {
        "a patient is there twice": {"patients": ("p0", "p1", "p0")},
        "values are not finite": {"images": images},
        "mask is empty": {"masks": masks},
        "days of the scans": {"days": days},
        "another shape": {"response": made.response[:2]},
        "voxel size": {"spacing_mm": (1.0, 0.0, 1.0)},
        "provenance": {"provenance": "unknown"},
        "unknown modality": {"modality": "PETT"},
        "not true or false": {"masks": made.masks.astype(int)},
    }[name]


@pytest.mark.parametrize(
    "message",
    [
        "a patient is there twice",
        "values are not finite",
        "mask is empty",
        "days of the scans",
        "another shape",
        "voxel size",
        "provenance",
        "unknown modality",
        "not true or false",
    ],
)
def test_what_cannot_be_right_is_refused(message):
    with pytest.raises(TwinError, match=message):
        replace(cohort(), **spoiled(message))


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.95])
def test_a_damaged_file_is_refused(tmp_path, kept):
    path = tmp_path / "c.h5"
    write_cohort(cohort(), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(TwinError, match="cannot be read as a cohort"):
        read_cohort(path)


def test_a_failed_write_leaves_nothing(tmp_path):
    with pytest.raises(TwinError, match="cannot write the cohort"):
        write_cohort(cohort(), tmp_path / "missing" / "c.h5")
    assert not list(tmp_path.iterdir())

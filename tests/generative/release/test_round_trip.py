"""What is written is verified and comes back, in every form that a reader may choose."""

import json

import nibabel
import numpy as np
import pytest

from generative.release import list_scans, load_release, verify_release
from tests.generative.release.made import KEY, cohort, release


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return release(tmp_path_factory.mktemp("out") / "release")


def test_a_release_is_verified_and_comes_back(written):
    seen = verify_release(written)
    assert seen.passed and not seen.confirmed, str(seen)
    assert verify_release(written, trusted_key=KEY.public_key()).confirmed
    found, made = load_release(written), cohort()
    for name in ("images", "masks", "days", "response"):
        np.testing.assert_array_equal(getattr(found, name), getattr(made, name))
    assert found.provenance == "synthetic" and not found.truth
    assert list(found.columns) == ["age"]
    assert found.spacing_mm == made.spacing_mm
    assert [path.name for path in written.parent.iterdir()] == ["release"]


def test_nifti_files_hold_the_same_scans_for_any_reader(written):
    made, rows = cohort(), list_scans(written)
    assert len(rows) == 6
    for number, row in enumerate(rows):
        patient, scan = divmod(number, 2)
        image, mask = nibabel.load(row["image"]), nibabel.load(row["mask"])
        np.testing.assert_array_equal(image.get_fdata(), made.images[patient, scan])
        np.testing.assert_array_equal(mask.get_fdata() > 0.5, made.masks[patient, scan])
        assert image.header.get_zooms() == (1.0, 2.0, 3.0)
        np.testing.assert_array_equal(image.affine, np.diag([1.0, 2.0, 3.0, 1.0]))
        assert not image.header.extensions
        assert (row["label"], row["day"]) == (int(made.response[patient]), made.days[0, scan])
        assert (row["patient"], row["scan"], row["age"]) == (
            made.patients[patient],
            scan + 1,
            40.5 + patient,
        )


def test_the_certificate_has_three_columns(written):
    certificate = json.loads((written / "certificate.json").read_text())
    assert {"proved", "recomputable", "asserted"} <= certificate.keys()
    assert [charge["steps"] for charge in certificate["proved"]["charges"]] == [1, 1]
    page = (written / "certificate.html").read_text()
    for text in ("Proved", "You can compute it again", "The owner asserts", "small cohorts vary"):
        assert text in page

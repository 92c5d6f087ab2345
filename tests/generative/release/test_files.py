"""Files of a release: Croissant loads them, pages say what must be said, refusals leave nothing."""

import json
import re
import warnings
from dataclasses import replace

import mlcroissant
import numpy as np
import pandas as pd
import pytest

from generative.privacy.accountant import Charge
from generative.privacy.ledger import PrivacyStatement
from generative.release import load_release, verify_release
from tests.generative.release.made import FREE, KEY, PRIVATE, cohort, release
from twin.errors import TwinError

TEXTS = ("*.md", "*.html", "*.json", "*.tsv")
OPEN = PrivacyStatement("network on real scans", 9, None, None, (), ("scans as they are",))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return release(tmp_path_factory.mktemp("out") / "release")


def all_text(folder):
    return "\n".join(path.read_text() for kind in TEXTS for path in sorted(folder.glob(kind)))


def test_croissant_is_valid_without_a_warning_and_reads_the_tables(written, monkeypatch):
    monkeypatch.setattr("socket.socket.connect", None)  # any use of the network fails
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loaded = mlcroissant.Dataset(jsonld=str(written / "croissant.json"))
        rows = list(loaded.records("participants"))
        scans = list(loaded.records("sessions"))
    issues = loaded.metadata.ctx.issues
    assert not issues.errors and not issues.warnings, issues.report()
    made = cohort()
    assert [row["participants/response"] for row in rows] == made.response.tolist()
    assert [row["participants/age"] for row in rows] == made.columns["age"].tolist()
    paths = [row["sessions/image"].decode() for row in scans]
    assert len(paths) == 6 and all((written / path).is_file() for path in paths)


def test_croissant_stays_valid_whatever_the_title_holds(tmp_path):
    title = "Tumors <b>& \"scans\"</b> | 50 % {x} [y](z) 'é' #1"
    engine = replace(FREE, engine="`x` <script>", weakness="weak `y` <b>bold</b>")
    folder = release(tmp_path / "r", title=title, owner="A & B <script>", privacy=engine)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loaded = mlcroissant.Dataset(jsonld=str(folder / "croissant.json"))
    assert not loaded.metadata.ctx.issues.errors
    page = (folder / "certificate.html").read_text()
    assert "<script" not in page and "<b>" not in page
    sheet = (folder / "DATASHEET.md").read_text()
    assert not re.search(r"(?<!\\)<", sheet)
    assert "\\`x\\`" in sheet


def test_tables_hold_what_the_cohort_holds(written):
    table = pd.read_csv(written / "participants.tsv", sep="\t")
    assert list(table) == ["participant_id", "response", "age"]
    assert table["participant_id"].tolist() == [f"sub-syn00000{n}" for n in (1, 2, 3)]
    np.testing.assert_array_equal(table["age"], cohort().columns["age"])
    assert json.loads((written / "participants.json").read_text()).keys() == set(table)
    description = json.loads((written / "dataset_description.json").read_text())
    assert description["Name"] == "Tumors of a test" and description["BIDSVersion"]


def test_pages_say_what_must_be_said_and_never_more(written, tmp_path):
    said, unpaid = all_text(written), all_text(release(tmp_path / "r", privacy=OPEN))
    for text in (said, unpaid):
        assert not re.search("anonym", text, re.IGNORECASE)
        assert text.count("Research use, not for clinical decisions") >= 4
    assert "Differentially private release: epsilon" in said
    assert "small cohorts vary" in said
    assert "No privacy is claimed" not in said
    assert "No privacy is claimed: the patients of the training may be recognised" in unpaid
    assert "scans as they are" in unpaid
    assert "ifferentially private" not in unpaid


def test_two_writings_are_the_same_bytes(written, tmp_path):
    again = release(tmp_path / "again")
    for path in written.rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (again / path.relative_to(written)).read_bytes(), path


def test_a_release_without_columns_is_complete(tmp_path):
    folder = release(tmp_path / "r", columns=(), privacy=FREE)
    assert verify_release(folder, trusted_key=KEY.public_key()).confirmed
    assert not load_release(folder).columns


def test_privacy_of_a_generator_that_took_nothing_is_zero(tmp_path):
    seen = verify_release(release(tmp_path / "r", privacy=FREE))
    assert seen.passed and "epsilon 0 from 0 charges" in str(seen)


LARGE = cohort(spacing_mm=(1.0, 2.0, 30.0))


def test_a_large_region_goes_out_where_faces_were_removed(tmp_path):
    with pytest.raises(TwinError, match="large enough to show a face"):
        release(tmp_path / "r", LARGE)
    folder = release(tmp_path / "r", LARGE, defaced=True, privacy=FREE)
    assert verify_release(folder).passed
    assert "Faces were removed" in (folder / "certificate.html").read_text()


@pytest.mark.parametrize(
    ("message", "changes"),
    [
        ("only synthetic scans", {"scans": cohort(provenance="private")}),
        ("only synthetic scans", {"scans": cohort(provenance="public")}),
        ("only synthetic scans", {"scans": cohort(provenance="simulated from public")}),
        ("not that of a simulated one", {"scans": cohort(2, patients=("syn-1", "syn-000002"))}),
        ("no such column", {"columns": ("weight",)}),
        ("name of the column is not plain", {"columns": ("label",)}),
        ("epsilon does not follow", {"privacy": replace(PRIVATE, epsilon=0.5)}),
        ("without payment", {"privacy": replace(PRIVATE, unpaid=("scans",))}),
        ("delta promises nothing", {"privacy": replace(PRIVATE, delta=0.01)}),
        ("too little noise", {"privacy": replace(PRIVATE, charges=(Charge("x", 0.09),))}),
        ("too little noise", {"privacy": replace(PRIVATE, charges=(Charge("x", 0.1, 0.01, 999),))}),
        ("epsilon has no delta", {"privacy": PrivacyStatement("x", 9, 1.0, None)}),
        ("not one printable line", {"title": "two\nlines"}),
        ("not one printable line", {"owner": ""}),
        ("not one printable line", {"owner": "left\u202eright"}),
        ("no SPDX identifier", {"license": "free, ask Jane"}),
    ],
)
def test_what_may_not_go_out_is_refused_and_leaves_nothing(tmp_path, message, changes):
    with pytest.raises(TwinError, match=message):
        release(tmp_path / "r", **changes)
    assert list(tmp_path.iterdir()) == []


def test_a_release_is_never_replaced_nor_left_half_written(tmp_path, monkeypatch):
    (tmp_path / "r").mkdir()
    with pytest.raises(TwinError, match="the folder exists"):
        release(tmp_path / "r")
    monkeypatch.setattr("generative.release.writing.sign", lambda *_: b"nothing")
    with pytest.raises(TwinError, match="would not pass its own checks"):
        release(tmp_path / "s")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("generative.release.writing.pack", full)
    with pytest.raises(TwinError, match="No space left"):
        release(tmp_path / "s")
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_what_is_no_release_is_not_loaded(tmp_path, written):
    with pytest.raises(TwinError, match="not a release"):
        load_release(tmp_path)
    (tmp_path / "scans.h5").write_bytes(b"nothing")
    with pytest.raises(TwinError, match="cannot be read"):
        load_release(tmp_path)

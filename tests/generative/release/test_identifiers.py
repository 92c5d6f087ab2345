"""Fifty planted identifiers: none reaches a byte of a release, by refusal or by leaving it out."""

import gzip
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from generative.privacy.accountant import Charge
from generative.privacy.ledger import PrivacyStatement
from generative.release import load_release
from tests.generative.release.made import FREE, PRIVATE, cohort
from tests.generative.release.made import release as release_with
from twin.errors import TwinError

PEOPLE = tuple(
    f"{first} {last}"
    for first, last in zip(
        ("Jane", "Karl", "Zoë", "José", "Li", "Ada", "Olga", "Finn", "Amir", "Noor"),
        ("Doepfner", "Überreiter", "Østergaard", "Peñalosa", "Weiming")
        + ("Lovelass", "Kuznetsova", "O'Hara", "Tehrani", "van der Meer"),
        strict=True,
    )
)
DICOM = tuple(f"{name.split()[-1].upper()}^{name.split()[0].upper()}" for name in PEOPLE[:5])
NUMBERS = tuple(str(4711001 + 7919 * number) for number in range(8))
DATES = ("1961-04-12", "19740323", "12.05.1958", "2019-11-03T10:22", "03/07/1949")
PATHS = tuple(f"/data/clinic{number}/{name}.nii.gz" for number, name in enumerate("abcdef"))
SERIALS = tuple(f"SN-{letter}-88{number}" for number, letter in enumerate(("QX", "RT", "ZP", "WV")))
PLACES = ("Mercy General", "Klinikum Nordstadt", "St. Elsewhere & Sons", "Ward 7B-East")
MAILS = ("jane.doepfner@mercy.example", "pacs01.mercy.example", "MRN:0042-17", "ACC77-2019-5")
UIDS = ("1.2.840.113619.2.55.3", "1.3.12.2.1107.5.2.43", "jdoepfner", "nordstadt_pet")
PLANTED = (*PEOPLE, *DICOM, *NUMBERS, *DATES, *PATHS, *SERIALS, *PLACES, *MAILS, *UIDS)


def release(folder, scans=None, **changes):
    return release_with(folder, scans, **({"privacy": FREE} | changes))


def planted_cohort():
    """A cohort with identifiers wherever a cohort can hold any and nothing refuses them."""
    made = cohort()
    texts = np.array([f"{name} {mail}" for name, mail in zip(PEOPLE[:3], MAILS[:3], strict=True)])
    hidden = {text: np.arange(3.0) for text in (*PEOPLE, *UIDS, *PLACES, *NUMBERS)}
    return replace(
        made,
        source="; ".join(PLANTED),
        columns={**made.columns, **hidden, "notes": texts, "mrn": np.array(NUMBERS[:3], float)},
        truth={"/".join(PLANTED[30:40]).replace("/", " "): texts, "birth": np.array(DATES[:3])},
    )


def every_byte(folder: Path) -> bytes:
    """All bytes of a release: names, files as they are, and whatever can be unpacked."""
    parts = [folder.name.encode()]
    for path in sorted(folder.rglob("*")):
        parts.append(str(path.relative_to(folder)).encode())
        if not path.is_file():
            continue
        parts.append(path.read_bytes())
        if path.suffix == ".gz":
            parts.append(gzip.decompress(path.read_bytes()))
        if path.suffix == ".h5":
            with h5py.File(path) as file:
                parts.append(repr(dict(file.attrs)).encode())
                file.visititems(
                    lambda name, item: parts.append(
                        name.encode()
                        + repr(dict(item.attrs)).encode()
                        + (np.asarray(item).tobytes() if item.dtype.kind != "O" else b"")
                        + (repr(item[()]).encode() if item.dtype.kind == "O" else b"")
                        if isinstance(item, h5py.Dataset)
                        else name.encode()
                    )
                )
    return b"\n".join(parts)


def survivors(folder: Path) -> list[str]:
    content = every_byte(folder)
    readings = [
        content[start:].decode(encoding, "replace").lower()
        for encoding in ("utf-8", "latin-1", "utf-16-le")
        for start in (0, 1)
    ]
    return [text for text in PLANTED if any(text.lower() in reading for reading in readings)]


def test_fifty_planted_identifiers_do_not_survive(tmp_path):
    assert len(set(PLANTED)) == 50
    folder = release(tmp_path / "release", planted_cohort(), known_identifiers=PLANTED)
    assert survivors(folder) == []
    assert list(load_release(folder).columns) == ["age"]


def test_they_are_left_out_though_nobody_said_what_to_search_for(tmp_path):
    assert survivors(release(tmp_path / "release", planted_cohort())) == []


def test_the_search_of_this_test_finds_what_is_there(tmp_path):
    folder = release(tmp_path / "release", title=f"Scans of {PEOPLE[1]}", owner=PLACES[0])
    assert survivors(folder) == [PEOPLE[1], PLACES[0]]


@pytest.mark.parametrize("text", PLANTED)
def test_an_identifier_in_a_published_text_is_refused(tmp_path, text):
    with pytest.raises(TwinError, match="an identifier would go out") as caught:
        release(tmp_path / "r", title=f"Scans, {text.upper()} again", known_identifiers=PLANTED)
    assert text not in str(caught.value)
    with pytest.raises(TwinError):
        release(tmp_path / "r", owner=text, known_identifiers=PLANTED)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", PLANTED)
def test_an_identifier_as_the_name_of_a_patient_or_a_column_is_refused(tmp_path, text):
    names = (text, "syn-000002", "syn-000003")
    with pytest.raises(TwinError, match="not that of a simulated one"):
        release(tmp_path / "r", cohort(patients=names), known_identifiers=PLANTED)
    scans = cohort(columns={text: np.arange(3.0)})
    with pytest.raises(TwinError):
        release(tmp_path / "r", scans, columns=(text,), known_identifiers=PLANTED)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", [*DICOM, *NUMBERS, *PATHS, *DATES[:3], MAILS[0]])
def test_what_looks_like_an_identifier_in_the_words_of_a_training_is_refused(tmp_path, text):
    charges = (Charge(f"moments of {text}", 5.0), PRIVATE.charges[1])
    for changed in (
        replace(PRIVATE, engine=f"moments of {text}"),
        replace(PRIVATE, charges=charges),
        replace(PRIVATE, weakness=f"weak for {text}"),
        PrivacyStatement("network", 9, None, None, (), (f"scans in {text}",)),
    ):
        with pytest.raises(TwinError, match="text holds"):
            release(tmp_path / "r", privacy=changed)
    assert list(tmp_path.iterdir()) == []


def test_identifiers_in_voxels_and_in_numbers_are_refused(tmp_path):
    made = cohort()
    as_values = np.frombuffer(PLACES[0].ljust(16).encode(), "<f4")
    along_x, along_z = made.images.copy(), made.images.copy()
    along_x[0, 0, :, 0, 0] = as_values
    along_z[0, 0, 0, 0, :4] = as_values
    for images in (along_x, along_z):
        with pytest.raises(TwinError, match="an identifier would go out"):
            release(tmp_path / "r", replace(made, images=images), known_identifiers=PLANTED)
    numbers = replace(made, columns={"age": np.array([40.0, float(NUMBERS[2]), 42.0])})
    with pytest.raises(TwinError, match=r"participants\.tsv"):
        release(tmp_path / "r", numbers, known_identifiers=PLANTED)


def test_a_number_inside_a_longer_one_is_no_identifier(tmp_path):
    scans = replace(cohort(), columns={"age": np.array([0.4711001, 47110019.0, 1.0])})
    release(tmp_path / "r", scans, known_identifiers=("4711001",))


def test_numbers_of_patients_do_not_go_out(tmp_path):
    scans = cohort(patients=("syn-471100", "syn-190283", "syn-000007"))
    folder = release(tmp_path / "r", scans, known_identifiers=("471100", "190283"))
    assert load_release(folder).patients == ("syn-000001", "syn-000002", "syn-000003")


def test_short_identifiers_are_refused_rather_than_missed(tmp_path):
    with pytest.raises(TwinError, match="too short to be searched for"):
        release(tmp_path / "r", known_identifiers=("Doe",))


def test_file_times_are_the_day_of_publication(tmp_path):
    folder = release(tmp_path / "r")
    times = {path.stat().st_mtime for path in (folder, *folder.rglob("*"))}
    assert len(times) == 1
    assert times.pop() % 86400 == 0

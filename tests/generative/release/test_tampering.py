"""A release that was changed in any way fails its checks, whoever signed it."""

import json
import os
import shutil
from pathlib import Path

import h5py
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from generative.release import verify_release
from generative.release.nifti import pack, unpack
from generative.release.signature import checksums, digest_of, sign
from tests.generative.release.made import FREE, KEY, cohort, release


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return release(tmp_path_factory.mktemp("out") / "release", cohort(2), privacy=FREE)


@pytest.fixture(scope="module")
def spare(original):
    """A copy whose files a test changes and puts back."""
    return shutil.copytree(original, original.with_name("spare"))


@pytest.fixture(scope="module")
def paid(tmp_path_factory):
    return release(tmp_path_factory.mktemp("out") / "paid", cohort(2))


@pytest.fixture
def copy(original, tmp_path):
    return shutil.copytree(original, tmp_path / "copy")


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def failed(folder: Path) -> set[str]:
    return {check.name for check in verify_release(folder).checks if not check.passed}


def sign_again(folder: Path, key: Ed25519PrivateKey = KEY) -> None:
    """As an owner who cheats: checksums and signature over whatever is there now."""
    for name in ("checksums.sha256", "signature.json"):
        (folder / name).unlink()
    digests = {str(path.relative_to(folder)): digest_of(path) for path in files(folder)}
    listed = checksums(digests)
    (folder / "checksums.sha256").write_bytes(listed)
    (folder / "signature.json").write_bytes(sign(listed, key))


def flip(path: Path, place: int, bit: int) -> bytes:
    """Change one bit; returns the content before."""
    content = path.read_bytes()
    changed = bytearray(content)
    changed[place % len(changed)] ^= 1 << bit
    path.write_bytes(changed)
    return content


def test_a_changed_byte_of_any_file_is_noticed(spare):
    for path in files(spare):
        for place in (0, path.stat().st_size // 2, -1):
            content = flip(path, place, 0)
            assert not verify_release(spare).passed, (path, place)
            path.write_bytes(content)
    assert verify_release(spare).passed


@given(number=st.integers(0), place=st.integers(0), bit=st.integers(0, 7))
def test_a_changed_bit_anywhere_is_noticed(spare, number, place, bit):
    paths = files(spare)
    path = paths[number % len(paths)]
    content = flip(path, place, bit)
    try:
        assert not verify_release(spare).passed
    finally:
        path.write_bytes(content)


@given(place=st.integers(0), bit=st.integers(0, 7), name=st.sampled_from(("json", "sha256")))
def test_a_changed_bit_of_signature_or_list_is_noticed(spare, place, bit, name):
    path = spare / {"json": "signature.json", "sha256": "checksums.sha256"}[name]
    content = flip(path, place, bit)
    try:
        assert "signature" in failed(spare)
    finally:
        path.write_bytes(content)


def test_missing_and_added_files_are_noticed(copy):
    for path in files(copy):
        content = path.read_bytes()
        path.unlink()
        assert not verify_release(copy).passed, path
        path.write_bytes(content)
    for name in ("note.txt", ".hidden", "sub-syn000001/doe.txt"):
        (copy / name).write_text("x")
        assert "checksums" in failed(copy)
        (copy / name).unlink()
    (copy / "jane-doe").mkdir()
    assert "checksums" in failed(copy)


def test_files_with_other_names_are_noticed_though_they_are_signed(copy):
    (copy / "jane-doe.txt").write_text("x")
    sign_again(copy)
    assert failed(copy) == {"names of files"}


def test_links_are_refused(copy, tmp_path):
    target = tmp_path / "elsewhere"
    shutil.move(copy / "DATASHEET.md", target)
    (copy / "DATASHEET.md").symlink_to(target)
    assert "checksums" in failed(copy)
    os.unlink(copy / "DATASHEET.md")
    os.mkfifo(copy / "DATASHEET.md")
    assert "checksums" in failed(copy)
    (tmp_path / "link").symlink_to(copy)
    assert "checksums" in failed(tmp_path / "link")


@pytest.mark.parametrize("name", ["../outside", "/outside", "a/../../b", "./x", "a//b", "a\\b"])
def test_paths_that_lead_out_are_refused(copy, name):
    listed = (copy / "checksums.sha256").read_text() + f"{'0' * 64}  {name}\n"
    content = "".join(sorted(listed.splitlines(keepends=True), key=lambda line: line[66:])).encode()
    (copy / "checksums.sha256").write_bytes(content)
    (copy / "signature.json").write_bytes(sign(content, KEY))
    assert "list of checksums" in failed(copy)


def test_a_signature_of_another_key_is_valid_but_not_confirmed(copy):
    other = Ed25519PrivateKey.generate()
    sign_again(copy, other)
    alone = verify_release(copy)
    assert alone.passed and not alone.confirmed and alone.public_key in str(alone)
    against = verify_release(copy, trusted_key=KEY.public_key())
    assert not against.passed and not against.confirmed
    assert "trusted key: signed by another key" in str(against)
    assert verify_release(copy, trusted_key=other.public_key()).confirmed


def test_a_key_that_did_not_sign_is_noticed(copy):
    path = copy / "signature.json"
    values = json.loads(path.read_text())
    other = Ed25519PrivateKey.generate().public_key().public_bytes_raw().hex()
    path.write_text(json.dumps(values | {"public_key": other}, indent=2) + "\n")
    assert failed(copy) == {"signature"}


def change_certificate(folder: Path, change) -> None:
    path = folder / "certificate.json"
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values, indent=2) + "\n")
    sign_again(folder)


@pytest.mark.parametrize(
    ("check", "change"),
    [
        ("privacy", lambda c: c["proved"]["charges"].pop()),
        ("privacy", lambda c: c["asserted"]["unpaid"].append("scans as they are")),
        ("privacy", lambda c: c["proved"]["charges"][0].update(noise_multiplier=5.5)),
        ("privacy", lambda c: c["proved"]["charges"][0].update(noise_multiplier=0.001)),
        ("certificate", lambda c: c["proved"].update(epsilon=0.1)),
        ("certificate", lambda c: c["proved"].update(claim="All patients are safe.")),
        ("certificate", lambda c: c["proved"].update(epsilon=None)),
        ("certificate", lambda c: c.update(note="Jane Doe")),
        ("certificate", lambda c: c.update(use="For clinical decisions.")),
        ("certificate", lambda c: c["proved"].update(mechanism="moments of /data/doe/scan.nii")),
        ("certificate", lambda c: c.update(title="two\nlines")),
        ("scans", lambda c: c["recomputable"].update(responders=2)),
        ("scans", lambda c: c["recomputable"].update(columns=["age", "stage"])),
        ("names of files", lambda c: c["recomputable"].update(patients=3)),
        ("tables, pages, Croissant", lambda c: c.update(owner="Another hospital")),
    ],
)
def test_a_certificate_that_cannot_be_true_is_noticed_though_it_is_signed(
    paid, tmp_path, check, change
):
    copy = shutil.copytree(paid, tmp_path / "copy")
    change_certificate(copy, change)
    seen = next(found for found in verify_release(copy).checks if found.name == check)
    assert not seen.passed and not seen.detail.startswith("not looked at"), seen


def test_a_header_that_says_more_is_noticed_though_it_is_signed(copy):
    path = next(copy.rglob("*_pet.nii.gz"))
    packed = path.read_bytes()
    content = bytearray(unpack(packed, 352 + 4 * 120))
    for place in (148, 228, 4, 14, 328, 348):  # descrip, aux_file, data_type, db_name, ...
        changed = bytearray(content)
        changed[place] = 74
        path.write_bytes(pack(bytes(changed)))
        sign_again(copy)
        assert failed(copy) == {"headers and voxels"}, place
    changed = bytearray(content)
    changed[-1] ^= 1
    path.write_bytes(pack(bytes(changed)))
    sign_again(copy)
    assert failed(copy) == {"headers and voxels"}


@pytest.mark.parametrize(
    "change",
    [
        lambda packed: packed[:4] + b"\x01\x02\x03\x04" + packed[8:],  # a time
        lambda packed: packed[:3] + b"\x08" + packed[4:10] + b"Doe.nii\x00" + packed[10:],  # a name
        lambda packed: packed[:3] + b"\x10" + packed[4:10] + b"Jane\x00" + packed[10:],  # a comment
        lambda packed: packed + pack(b"Jane Doe"),
        lambda packed: packed + b"Jane Doe",
        lambda packed: packed[:-3],
        lambda packed: pack(bytes(10**7)),
        lambda packed: b"",
    ],
)
def test_gzip_that_says_more_is_noticed_though_it_is_signed(copy, change):
    path = next(copy.rglob("*_mask.nii.gz"))
    path.write_bytes(change(path.read_bytes()))
    sign_again(copy)
    assert failed(copy) == {"headers and voxels"}


def add_soft_link(file):
    file["more"] = h5py.SoftLink("/images")


@pytest.mark.parametrize(
    "change",
    [
        lambda file: file.attrs.update(hospital="St. Elsewhere"),
        lambda file: file.attrs.update(source="/data/doe"),
        lambda file: file.attrs.update(provenance="private"),
        lambda file: file["images"].attrs.update(scanner="S/N 4711"),
        lambda file: file.create_dataset("truth/secret", data=[1.0, 2.0]),
        lambda file: file.create_dataset("columns/jane_doe", data=["a", "b"]),
        lambda file: file.create_dataset("columns/Jane Doe", data=[1.0, 2.0]),
        lambda file: h5py.h5o.set_comment(file["days"].id, b"Jane Doe"),
        lambda file: h5py.h5o.set_comment(file.id, b"Jane Doe"),
        add_soft_link,
        lambda file: file.pop("images"),
        lambda file: file["patients"].__setitem__(0, "syn-471199"),
    ],
)
def test_scans_that_say_more_are_noticed_though_they_are_signed(copy, change):
    with h5py.File(copy / "scans.h5", "r+") as file:
        change(file)
    sign_again(copy)
    assert "scans" in failed(copy)


@pytest.mark.parametrize("where", ["deleted", "at the end"])
def test_text_that_lingers_in_scans_is_noticed_though_it_is_signed(copy, where):
    path = copy / "scans.h5"
    if where == "deleted":
        with h5py.File(path, "r+") as file:
            file.create_dataset("Jane Doepfner 4711", data=[1.0])
        with h5py.File(path, "r+") as file:
            del file["Jane Doepfner 4711"]
        assert b"Jane Doepfner" in path.read_bytes()
    else:
        path.write_bytes(path.read_bytes() + b"Jane Doepfner")
    sign_again(copy)
    assert "scans" in failed(copy)
    assert "text between the arrays" in str(verify_release(copy))


def test_what_is_no_release_fails_without_an_exception(tmp_path, copy):
    for folder in (tmp_path / "missing", tmp_path / "empty", copy / "DATASHEET.md"):
        if folder.name == "empty":
            folder.mkdir()
        seen = verify_release(folder)
        assert not seen.passed and "not to be trusted" in str(seen)
    for name in ("certificate.json", "scans.h5", "croissant.json"):
        for content in (b"", b"\x00\xff", b"[" * 100_000, b"{}"):
            kept = (copy / name).read_bytes()
            (copy / name).write_bytes(content)
            sign_again(copy)
            assert not verify_release(copy).passed
            (copy / name).write_bytes(kept)
    for name in ("signature.json", "checksums.sha256"):
        for content in (b"", b"\x00\xff", b"[" * 100_000, b"{}"):
            kept = (copy / name).read_bytes()
            (copy / name).write_bytes(content)
            assert "signature" in failed(copy)
            (copy / name).write_bytes(kept)

"""Write a release: complete, checked as its receiver will check it, signed, or not at all."""

from __future__ import annotations

import datetime
import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import h5py
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from generative.cohort import ScanCohort, write_cohort
from generative.privacy.ledger import PrivacyStatement
from generative.release import layout
from generative.release.certificate import make_certificate
from generative.release.claim import recomputed_epsilon
from generative.release.contents import scan_files, text_files
from generative.release.nifti import HEADER_BYTES, pack
from generative.release.scans_file import check_public, public_cohort
from generative.release.signature import checksums, digest_of, sign
from generative.release.verifying import verify_release
from generative.release.wording import IdentifierSearch, check_identifiers
from twin.errors import TwinError


def write_release(
    cohort: ScanCohort,
    folder: str | Path,
    *,
    privacy: PrivacyStatement,
    signing_key: Ed25519PrivateKey,
    title: str,
    owner: str,
    columns: Sequence[str] = (),
    defaced: bool = False,
    license: str = "CC-BY-4.0",
    published: datetime.date | None = None,
    known_identifiers: Iterable[str] = (),
) -> None:
    """Write synthetic scans as a folder that may leave the hospital.

    Args:
        cohort: synthetic scans of patients named as syn-000001, who are numbered anew from 1 in
            their order. Its source and truth stay behind.
        folder: to make; must not exist.
        privacy: what the training of the generator spent.
        signing_key: of the owner, see `make_signing_key`.
        title: of the release, published as it is.
        owner: who answers for it, published as it is.
        columns: clinical columns that go out; all others stay behind.
        defaced: faces were removed from the scans that the generator learned from, so that
            regions may have edges above 128 mm.
        license: SPDX identifier.
        published: day of publication, today unless given.
        known_identifiers: names, numbers and paths of patients and hospital, at least four
            characters each. They are searched in all unpacked bytes and written nowhere.

    Raises:
        TwinError: scans that may not go out, texts that may not stand in a release, a claim of
            privacy that does not follow from its charges, an identifier that was found, or a
            folder that exists or cannot be written. Nothing is left then.
    """
    folder = Path(folder)
    search = IdentifierSearch(check_identifiers(known_identifiers))
    check_public(cohort, defaced=defaced)
    chosen = public_cohort(cohort, columns)
    certificate = make_certificate(
        chosen,
        privacy,
        title=title,
        owner=owner,
        license=license,
        published=published or datetime.date.today(),
        defaced=defaced,
    )
    _refuse(search.in_text(certificate.to_bytes()), layout.CERTIFICATE)
    recomputed_epsilon(privacy)
    part = _new_folder(folder)
    try:
        write_cohort(chosen, part / layout.SCANS)
        digests = {layout.SCANS: digest_of(part / layout.SCANS)}
        headers: set[bytes] = set()
        for row, scan in layout.scan_rows(*chosen.images.shape[:2]):
            for name, content in scan_files(chosen, row, scan).items():
                (part / name).parent.mkdir(parents=True, exist_ok=True)
                (part / name).write_bytes(pack(content))
                digests[name] = digest_of(part / name)
                headers.add(content[:HEADER_BYTES])
                _refuse(search.in_voxels(content[HEADER_BYTES:]), name)
        for header in headers:
            _refuse(search.in_text(header), "NIfTI headers")
        for name, content in text_files(certificate, chosen, digests[layout.SCANS]).items():
            (part / name).write_bytes(content)
            digests[name] = digest_of(part / name)
            _refuse(search.in_text(content), name)
        _search_scans(search, part / layout.SCANS)
        listed = checksums(digests)
        (part / layout.CHECKSUMS).write_bytes(listed)
        (part / layout.SIGNATURE).write_bytes(sign(listed, signing_key))
        _check_as_receiver(part, signing_key)
        _set_times(part, certificate.published)
        os.rename(part, folder)
    except OSError as error:
        raise _disk_error(folder, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _new_folder(folder: Path) -> Path:
    if folder.exists() or folder.is_symlink():
        raise TwinError(
            "the folder exists",
            where=str(folder),
            expected="a new folder, since a release is never changed",
            fix="Choose another name.",
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent))
        part.chmod(0o755)
    except OSError as error:
        raise _disk_error(folder, error) from error
    return part


def _search_scans(search: IdentifierSearch, path: Path) -> None:
    _refuse(search.in_voxels(path.read_bytes()), path.name)
    with h5py.File(path, "r") as file:
        _refuse(search.in_text(repr(dict(file.attrs)).encode()), path.name)

        def look(name: str, item: h5py.Group | h5py.Dataset) -> None:
            found = search.in_text(name.encode())
            if isinstance(item, h5py.Dataset) and item.dtype.kind != "O":
                found |= search.in_voxels(item[()].tobytes())
            _refuse(found, path.name)

        file.visititems(look)


def _refuse(found: set[int], name: str) -> None:
    if found:
        places = ", ".join(str(place + 1) for place in sorted(found)[:5])
        raise TwinError(
            "an identifier would go out",
            where=name,
            expected="none of known_identifiers",
            got=f"number {places} of the list",
            fix="Take it out of the title, owner, columns or texts of the training.",
        )


def _check_as_receiver(part: Path, key: Ed25519PrivateKey) -> None:
    seen = verify_release(part, trusted_key=key.public_key())
    failed = [f"{check.name}: {check.detail}" for check in seen.checks if not check.passed]
    if failed:
        raise TwinError("the release would not pass its own checks", got="; ".join(failed))


def _set_times(part: Path, published: datetime.date) -> None:
    """File times that say nothing about when the hospital computed."""
    midnight = datetime.datetime.combine(published, datetime.time(), datetime.UTC).timestamp()
    for path in (*part.rglob("*"), part):
        os.utime(path, (midnight, midnight))


def _disk_error(folder: Path, error: OSError) -> TwinError:
    return TwinError(
        "cannot write the release",
        where=str(folder),
        got=error.strerror or str(error),
        fix="Check free space and permissions of the folder; nothing was left there.",
    )

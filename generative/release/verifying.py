"""Verify a release with nothing but its files: what its receiver can compute again.

Nothing is believed: every file is made anew from the certificate and the scans and compared.
Whatever cannot be read is a failed check, never an exception.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from generative.cohort import ScanCohort
from generative.release import layout
from generative.release.certificate import (
    Certificate,
    contents,
    read_certificate,
)
from generative.release.claim import recomputed_epsilon
from generative.release.contents import scan_files, text_files
from generative.release.nifti import check_header, same_values, unpack
from generative.release.scans_file import check_public, read_scans
from generative.release.signature import check_signature, digest_of, key_text, read_checksums
from generative.release.verification import Check, Verification
from twin.errors import TwinError

_LARGEST_TEXT = 256 * 2**20


def verify_release(
    folder: str | Path, *, trusted_key: Ed25519PublicKey | None = None
) -> Verification:
    """Check a release: files, signature, privacy claim, headers, scans, tables and pages.

    Args:
        folder: the release.
        trusted_key: of the owner, got by another way than the release (`read_public_key`).
            Without it, the release is only known to be as whoever signed it left it.

    Returns:
        what was found; nothing is raised for a release that is wrong or damaged.
    """
    folder, run = Path(folder), _Run()
    listed = run.look("list of checksums", lambda: _listed(folder))
    key = run.look("signature", lambda: _signature(folder))
    if trusted_key is not None:
        run.look("trusted key", lambda found: _trusted(found, trusted_key), key)
    intact = run.look("checksums", lambda digests: _intact(folder, digests), listed)
    certificate = run.look("certificate", lambda _: _certificate(folder), intact)
    run.look("names of files", _names, certificate, listed)
    run.look("privacy", _privacy, certificate)
    cohort = run.look("scans", lambda found: _scans(folder, found), certificate)
    run.look("headers and voxels", lambda found: _niftis(folder, found), cohort)
    run.look(
        "tables, pages, Croissant",
        lambda *found: _texts(folder, *found),
        certificate,
        cohort,
        listed,
    )
    claim = "" if certificate is None else certificate.proved.claim
    return Verification(tuple(run.checks), claim, key or "", trusted_key is not None)


@dataclass
class _Run:
    checks: list[Check] = field(default_factory=list)

    def look(self, name: str, action: Callable[..., tuple[Any, str]], *needs: Any) -> Any:
        """Do one check; what it found is handed to later ones, none where it failed."""
        if any(need is None for need in needs):
            self.checks.append(Check(name, False, "not looked at, since what it needs failed"))
            return None
        try:
            value, detail = action(*needs)
        except TwinError as error:
            self.checks.append(Check(name, False, str(error)))
        except OSError as error:
            self.checks.append(Check(name, False, f"cannot be read: {error.strerror or error}"))
        except Exception as error:  # a hostile file may break any reader: that is a finding
            self.checks.append(Check(name, False, f"cannot be read: {type(error).__name__}"))
        else:
            self.checks.append(Check(name, True, detail))
            return value
        return None


def _listed(folder: Path) -> tuple[dict[str, str], str]:
    digests = read_checksums(_content(folder, layout.CHECKSUMS))
    return digests, f"{len(digests)} files"


def _signature(folder: Path) -> tuple[str, str]:
    packed, listed = _content(folder, layout.SIGNATURE), _content(folder, layout.CHECKSUMS)
    key = check_signature(packed, listed)
    return key, f"Ed25519 by {key}"


def _trusted(found: str, trusted: Ed25519PublicKey) -> tuple[bool, str]:
    if found != key_text(trusted):
        raise TwinError("signed by another key", expected=key_text(trusted), got=found)
    return True, "signed by it"


def _intact(folder: Path, digests: dict[str, str]) -> tuple[bool, str]:
    there, wanted = _walk(folder), set(digests) | set(layout.UNSIGNED)
    if there != wanted:
        raise TwinError(
            "files are not those of the list",
            where=", ".join(sorted(ascii(name)[1:-1] for name in there ^ wanted)[:5]),
            got=f"{len(wanted - there)} missing, {len(there - wanted)} added",
        )
    changed = [name for name in sorted(digests) if digest_of(folder / name) != digests[name]]
    if changed:
        raise TwinError("files were changed", where=", ".join(changed[:5]), got=f"{len(changed)}")
    return True, f"{len(digests)} files as they were signed"


def _walk(folder: Path) -> set[str]:
    """Every file, relative; refuses links, devices and empty folders."""
    found: set[str] = set()
    folders = [(folder, "")]
    if folder.is_symlink():
        raise TwinError("is a link", where=folder.name)
    while folders:
        here, prefix = folders.pop()
        with os.scandir(here) as entries:
            names = list(entries)
        if not names:
            raise TwinError("is an empty folder", where=ascii(prefix)[1:-1] or "release")
        for entry in names:
            name = prefix + entry.name
            if entry.is_dir(follow_symlinks=False):
                folders.append((here / entry.name, name + "/"))
            elif entry.is_file(follow_symlinks=False):
                found.add(name)
            else:
                raise TwinError("is a link or no file", where=ascii(name)[1:-1])
    return found


def _certificate(folder: Path) -> tuple[Certificate, str]:
    found = read_certificate(_content(folder, layout.CERTIFICATE))
    return found, found.proved.claim


def _names(certificate: Certificate, digests: dict[str, str]) -> tuple[bool, str]:
    size = certificate.recomputable
    if size.patients * size.scans_per_patient > len(digests):
        raise TwinError("files are fewer than the certificate says")
    wanted = layout.every_path(size.patients, size.scans_per_patient, size.modality)
    if wanted != set(digests) | set(layout.UNSIGNED):
        odd = sorted(wanted ^ (set(digests) | set(layout.UNSIGNED)))
        raise TwinError("names are not those of such a release", where=", ".join(odd[:5]))
    return True, "made from numbers alone"


def _privacy(certificate: Certificate) -> tuple[bool, str]:
    found = recomputed_epsilon(certificate.statement)
    if found is None:
        return True, "none is claimed"
    return True, f"epsilon {found:.4g} from {len(certificate.proved.charges)} charges"


def _scans(folder: Path, certificate: Certificate) -> tuple[ScanCohort, str]:
    cohort = read_scans(folder / layout.SCANS)
    check_public(cohort, defaced=certificate.asserted.defaced)
    found, said = contents(cohort).model_dump(), certificate.recomputable.model_dump()
    odd = [name for name in said if said[name] != found[name]]
    if odd:
        raise TwinError("scans are not those of the certificate", where=", ".join(odd))
    return cohort, f"{len(cohort)} synthetic patients, nothing beside them in the file"


def _niftis(folder: Path, cohort: ScanCohort) -> tuple[bool, str]:
    count = 0
    for row, scan in layout.scan_rows(*cohort.images.shape[:2]):
        for name, wanted in scan_files(cohort, row, scan).items():
            try:
                content = unpack((folder / name).read_bytes(), len(wanted))
                check_header(content, wanted)
            except TwinError as error:
                raise error.at(name) from None
            if not same_values(content, wanted):
                raise TwinError("voxels differ from those of scans.h5", where=name)
            count += 1
    return True, f"{count} NIfTI files hold geometry and the voxels of scans.h5 alone"


def _texts(
    folder: Path, certificate: Certificate, cohort: ScanCohort, digests: dict[str, str]
) -> tuple[bool, str]:
    wanted = text_files(certificate, cohort, digests[layout.SCANS])
    odd = [name for name, content in wanted.items() if _content(folder, name) != content]
    if odd:
        raise TwinError("does not follow from certificate and scans", where=", ".join(odd))
    return True, "follow from certificate and scans"


def _content(folder: Path, name: str) -> bytes:
    path = folder / name
    if path.is_symlink() or not path.is_file():
        raise TwinError("is missing or no file", where=name)
    if path.stat().st_size > _LARGEST_TEXT:
        raise TwinError("is too large", where=name, expected=f"at most {_LARGEST_TEXT} bytes")
    return path.read_bytes()

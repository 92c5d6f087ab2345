"""Names of everything in a release, all made from numbers; a file of another name is refused."""

from __future__ import annotations

from collections.abc import Iterator

SCANS = "scans.h5"
CERTIFICATE = "certificate.json"
CERTIFICATE_PAGE = "certificate.html"
CROISSANT = "croissant.json"
DATASHEET = "DATASHEET.md"
PARTICIPANTS = "participants.tsv"
PARTICIPANT_COLUMNS = "participants.json"
SESSIONS = "sessions.tsv"
DESCRIPTION = "dataset_description.json"
CHECKSUMS = "checksums.sha256"
SIGNATURE = "signature.json"

TEXTS = (
    CERTIFICATE_PAGE,
    CROISSANT,
    DATASHEET,
    DESCRIPTION,
    PARTICIPANT_COLUMNS,
    PARTICIPANTS,
    SESSIONS,
)
UNSIGNED = (CHECKSUMS, SIGNATURE)
"""Files that the checksums cannot list: the list itself and the signature under it."""


def patient_name(row: int) -> str:
    """Name of the patient in a row, counted from 0: syn-000001, syn-000002, ..."""
    return f"syn-{row + 1:06d}"


def subject(row: int) -> str:
    """The same in the words of BIDS, whose labels hold no hyphen: sub-syn000001."""
    return f"sub-{patient_name(row).replace('-', '')}"


def session(scan: int) -> str:
    """Name of a scan of a patient, counted from 0: ses-01."""
    return f"ses-{scan + 1:02d}"


def suffix(modality: str) -> str:
    """Ending of an image's name: pet, ct, t1c, ..."""
    return modality.lower().replace("_", "")


def image_path(row: int, scan: int, modality: str) -> str:
    """Image of a scan, relative to the release."""
    return f"{_stem(row, scan)}_{suffix(modality)}.nii.gz"


def mask_path(row: int, scan: int) -> str:
    """Mask of a scan, relative to the release."""
    return f"{_stem(row, scan)}_desc-tumor_mask.nii.gz"


def scan_rows(patients: int, scans: int) -> Iterator[tuple[int, int]]:
    """Every (row, scan), in the order of the files."""
    return ((row, scan) for row in range(patients) for scan in range(scans))


def every_path(patients: int, scans: int, modality: str) -> set[str]:
    """Every file that a release of this size holds."""
    paths = {SCANS, CERTIFICATE, *TEXTS, *UNSIGNED}
    for row, scan in scan_rows(patients, scans):
        paths |= {image_path(row, scan, modality), mask_path(row, scan)}
    return paths


def _stem(row: int, scan: int) -> str:
    return f"{subject(row)}/{session(scan)}/{subject(row)}_{session(scan)}"

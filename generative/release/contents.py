"""Every file of a release as a function of its certificate and its scans.

So a receiver can make each of them anew and compare: nothing else can stand in them.
"""

from __future__ import annotations

import hashlib

import numpy as np

from generative.cohort import ScanCohort
from generative.release import layout, tables
from generative.release.certificate import Certificate
from generative.release.croissant import croissant
from generative.release.nifti import nifti_bytes
from generative.release.pages import certificate_page, datasheet


def text_files(certificate: Certificate, cohort: ScanCohort, scans_digest: str) -> dict[str, bytes]:
    """Name -> content of every text.

    Args:
        certificate: of the release.
        cohort: its scans.
        scans_digest: SHA-256 of scans.h5.
    """
    made = {
        layout.CERTIFICATE: certificate.to_bytes(),
        layout.CERTIFICATE_PAGE: certificate_page(certificate).encode(),
        layout.DATASHEET: datasheet(certificate).encode(),
        layout.PARTICIPANTS: tables.participants(cohort).encode(),
        layout.SESSIONS: tables.sessions(cohort).encode(),
        layout.PARTICIPANT_COLUMNS: tables.column_descriptions(certificate).encode(),
        layout.DESCRIPTION: tables.dataset_description(certificate).encode(),
    }
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in made.items()}
    digests[layout.SCANS] = scans_digest
    return made | {layout.CROISSANT: croissant(certificate, digests).encode()}


def scan_files(cohort: ScanCohort, row: int, scan: int) -> dict[str, bytes]:
    """Path -> uncompressed NIfTI of the image and the mask of one scan."""

    def nifti(values: np.ndarray) -> bytes:
        return nifti_bytes(values[row, scan], cohort.spacing_mm)

    return {
        layout.image_path(row, scan, cohort.modality): nifti(cohort.images),
        layout.mask_path(row, scan): nifti(cohort.masks),
    }

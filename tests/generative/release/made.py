"""A small synthetic cohort, a key and a statement of privacy for the tests of releases."""

import datetime
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from generative.cohort import ScanCohort
from generative.privacy.accountant import Charge, epsilon_of
from generative.privacy.ledger import PrivacyStatement
from generative.release import write_release

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
CHARGES = (Charge("moments of volumes", 5.0), Charge("moments of brightness", 4.0))
PRIVATE = PrivacyStatement(
    "noisy moments", 120, epsilon_of(CHARGES, 1e-4), 1e-4, CHARGES, (), "small cohorts vary"
)
FREE = PrivacyStatement("simulator on published priors", 50, 0.0, 1e-4)
"""Took nothing, so that epsilon is there at once."""
DAY = datetime.date(2026, 11, 25)


def cohort(count: int = 3, **changes) -> ScanCohort:
    random = np.random.default_rng(0)
    masks = np.zeros((count, 2, 4, 5, 6), bool)
    masks[:, :, 1:3, 1:3, 1:4] = True
    values = {
        "patients": tuple(f"syn-{row + 1:06d}" for row in range(count)),
        "images": random.random((count, 2, 4, 5, 6), np.float32),
        "masks": masks,
        "days": np.tile([0.0, 30.5], (count, 1)),
        "response": np.arange(count) % 2 == 0,
        "spacing_mm": (1.0, 2.0, 3.0),
        "modality": "PET",
        "provenance": "synthetic",
        "source": "drawn by a test",
        "columns": {"age": np.arange(count) + 40.5, "stage": np.arange(count)},
        "truth": {"secret": np.arange(count, dtype=float)},
    }
    return ScanCohort(**(values | changes))


def release(folder: Path, scans: ScanCohort | None = None, **changes) -> Path:
    """Write a release and return its folder."""
    values = {
        "privacy": PRIVATE,
        "signing_key": KEY,
        "title": "Tumors of a test",
        "owner": "A test hospital",
        "columns": ("age",),
        "published": DAY,
    }
    write_release(scans or cohort(), folder, **(values | changes))
    return folder

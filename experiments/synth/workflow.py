"""From a command to its files: cohorts of scans, keys and releases."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from experiments.atomic_files import make_folder
from experiments.synth.real_cohort import read_real_cohort
from generative.cohort import ScanCohort, write_cohort
from generative.parallel import Progress
from generative.release import (
    Verification,
    make_signing_key,
    read_public_key,
    verify_release,
)
from generative.release.signature import key_text
from generative.virtual_cohort import simulate_cohort
from generative.worlds import get_world
from twin.errors import TwinError


def make_cohort(
    out: Path,
    *,
    patients: int,
    world: str,
    seed: int,
    scans: Path | None,
    labels: Path | None,
    label: str | None,
    columns: Sequence[str],
    modality: str,
    side: int,
    region_mm: float,
    progress: Progress | None = None,
) -> ScanCohort:
    """Make a cohort and write it; real where `scans` names a folder, else simulated.

    Raises:
        TwinError: whatever is wrong with the request or what it reads.
    """
    if scans is None:
        if labels is not None or label is not None or columns:
            raise TwinError(
                "labels belong to real patients",
                where="--labels",
                expected="--scans FOLDER beside them",
                got="no folder of scans",
            )
        cohort = simulate_cohort(
            get_world(world),
            patients,
            seed=seed,
            modality=modality,
            side=side,
            region_mm=region_mm,
            progress=progress,
        )
    elif labels is None or label is None:
        raise TwinError(
            "real patients need a label",
            where="--scans",
            expected="--labels TABLE --label COLUMN",
            got="no table" if labels is None else "no column",
        )
    else:
        cohort = read_real_cohort(
            scans,
            labels,
            label=label,
            columns=columns,
            modality=modality,
            side=side,
            region_mm=region_mm,
            progress=progress,
        )
    make_folder(out.parent)
    write_cohort(cohort, out)
    return cohort


def verify_folder(release: Path, key: Path | None) -> Verification:
    """Check a release, against a public key where one is given.

    Raises:
        TwinError: the key cannot be read; never for the release.
    """
    trusted = None if key is None else read_public_key(key)
    return verify_release(release, trusted_key=trusted)


def make_key(path: Path) -> str:
    """Make a signing key and its public half; returns the public one in hexadecimal digits.

    Raises:
        TwinError: a file of either name exists or cannot be written.
    """
    make_folder(path.parent)
    return key_text(make_signing_key(path).public_key())

"""Read a release: as a cohort, or as the list of files that a MONAI or PyTorch loader takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from generative.cohort import ScanCohort
from generative.release import layout
from generative.release.scans_file import read_scans
from twin.errors import TwinError


def load_release(folder: str | Path) -> ScanCohort:
    """Read the scans of a release; `verify_release` first says whether they are to be trusted.

    Raises:
        TwinError: the folder holds no release, or its scans are damaged.
    """
    path = Path(folder) / layout.SCANS
    if not path.is_file():
        raise TwinError(
            "not a release",
            where=str(folder),
            expected=f"a folder with {layout.SCANS}",
            got="no such file",
        )
    cohort = read_scans(path)
    if cohort.provenance != "synthetic":
        raise TwinError("scans are not synthetic", where=str(path), got=cohort.provenance)
    return cohort


def list_scans(folder: str | Path) -> list[dict[str, Any]]:
    """Every scan of a release as a dictionary, as `monai.data.Dataset` takes it.

    Returns:
        dictionaries with `image` and `mask` (paths of NIfTI files), `label` (1 where the tumor
        responded), `patient`, `scan` (from 1), `day`, and every clinical column.

    Raises:
        TwinError: as `load_release`, or a file is missing.
    """
    folder, cohort = Path(folder), load_release(folder)
    found = []
    for row, scan in layout.scan_rows(*cohort.images.shape[:2]):
        image = folder / layout.image_path(row, scan, cohort.modality)
        mask = folder / layout.mask_path(row, scan)
        for path in (image, mask):
            if not path.is_file():
                raise TwinError("file of the release is missing", where=str(path))
        found.append(
            {
                **{name: float(values[row]) for name, values in cohort.columns.items()},
                "image": str(image),
                "mask": str(mask),
                "label": int(cohort.response[row]),
                "patient": cohort.patients[row],
                "scan": scan + 1,
                "day": float(cohort.days[row, scan]),
            }
        )
    return found

"""A further scan of a patient who is monitored: `scan.yaml` and NIfTI files on the patient's frame.

The patient's own folder stays as it was calibrated; what came since is in the scan: images and
masks as in a visit of `patient.yaml`, volumes where only the number was kept, and treatments given
since. docs/how-to/monitor-a-patient.md shows one in full.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from twin.errors import Problems
from twin.patient import Patient
from twin.patient_folder.names import SCAN_FILE, SCAN_SCHEMA
from twin.treatments.schedule import Schedule
from twin.visit import Visit


@dataclass(frozen=True)
class Scan:
    """A scan and what came with it.

    Attributes:
        visit: on the frame of the patient's folder.
        volumes_ml: label -> outlined volume, where only the number was kept; 0 for a complete
            response.
        treatments: given since the patient's file was written.
        provenance: relative file -> SHA-256.
    """

    visit: Visit
    volumes_ml: Mapping[str, float]
    treatments: Schedule
    provenance: Mapping[str, str]


def load_scan(folder: str | Path, patient: Patient) -> Scan:
    """Read a scan folder, everything checked.

    Args:
        folder: holds `scan.yaml`.
        patient: as loaded from its folder, neither cropped nor resampled.

    Raises:
        TwinError: for anything wrong; the message gives the first error in full.
    """
    from twin.patient_folder.reading import read_scan_entries
    from twin.patient_folder.schema import ScanFile, validate
    from twin.patient_folder.text import read_text

    folder, problems, provenance = Path(folder), Problems(), {}
    content, provenance[SCAN_FILE] = read_text(folder, SCAN_FILE, SCAN_SCHEMA)
    entry = validate(content, problems, ScanFile, SCAN_FILE)
    problems.raise_first()
    assert entry is not None
    visit, treatments = read_scan_entries(entry, folder, patient, problems, provenance)
    problems.raise_first()
    return Scan(visit, entry.volumes_ml, treatments, provenance)

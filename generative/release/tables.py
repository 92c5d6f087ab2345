"""Tables of a release in the manner of BIDS (https://bids-specification.readthedocs.io)."""

from __future__ import annotations

import json
from typing import Any

from generative.cohort import ScanCohort
from generative.release import layout
from generative.release.certificate import USE, Certificate

_BIDS_VERSION = "1.10.0"


def participants(cohort: ScanCohort) -> str:
    """participants.tsv: a row of each patient with the label and the clinical columns."""
    names = sorted(cohort.columns)
    rows = [["participant_id", "response", *names]]
    for row in range(len(cohort)):
        values = [_number(float(cohort.columns[name][row])) for name in names]
        rows.append([layout.subject(row), str(int(cohort.response[row])), *values])
    return _tsv(rows)


def sessions(cohort: ScanCohort) -> str:
    """sessions.tsv: a row of each scan with its day, image and mask."""
    rows = [["participant_id", "session_id", "day", "image", "mask"]]
    for row, scan in layout.scan_rows(*cohort.images.shape[:2]):
        paths = [layout.image_path(row, scan, cohort.modality), layout.mask_path(row, scan)]
        day = _number(float(cohort.days[row, scan]))
        rows.append([layout.subject(row), layout.session(scan), day, *paths])
    return _tsv(rows)


def column_descriptions(certificate: Certificate) -> str:
    """participants.json: what the columns of participants.tsv are."""
    return json_text(
        {
            "participant_id": {"Description": "a simulated patient, not a person"},
            "response": {
                "Description": "whether the tumor responded",
                "Levels": {"0": "no response", "1": "response"},
            },
            **{
                name: {"Description": "clinical column of the cohort, simulated"}
                for name in certificate.recomputable.columns
            },
        }
    )


def dataset_description(certificate: Certificate) -> str:
    """dataset_description.json."""
    name, version = certificate.software.split(" ", 1)
    return json_text(
        {
            "Name": certificate.title,
            "BIDSVersion": _BIDS_VERSION,
            "DatasetType": "derivative",
            "License": certificate.license,
            "Authors": [certificate.owner],
            "HowToAcknowledge": f"{certificate.proved.claim} {USE}",
            "GeneratedBy": [{"Name": name, "Version": version}],
        }
    )


def json_text(value: Any) -> str:
    """JSON as every file of a release is written."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _tsv(rows: list[list[str]]) -> str:
    return "".join("\t".join(row) + "\n" for row in rows)


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)

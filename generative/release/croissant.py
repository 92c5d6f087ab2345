"""croissant.json: the release as data loaders read it (Croissant 1.0, MLCommons).

https://docs.mlcommons.org/croissant/docs/croissant-spec.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from generative.release import layout
from generative.release.certificate import USE, Certificate
from generative.release.tables import json_text

_VERSION = "1.0.0"
_PLAIN = (
    "citeAs column conformsTo extract field fileProperty fileObject fileSet format includes"
    " isLiveDataset jsonPath key md5 parentField path recordSet references regex repeated replace"
    " samplingRate separator source subField transform"
)
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    **{name: f"cr:{name}" for name in _PLAIN.split()},
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "sc": "https://schema.org/",
}
_FORMATS = {
    layout.SCANS: "application/x-hdf5",
    layout.PARTICIPANTS: "text/tab-separated-values",
    layout.SESSIONS: "text/tab-separated-values",
    layout.CERTIFICATE: "application/json",
}


def croissant(certificate: Certificate, digests: Mapping[str, str]) -> str:
    """croissant.json.

    Args:
        certificate: of the release.
        digests: SHA-256 of the scans, both tables and the certificate, by name.
    """
    modality = layout.suffix(certificate.recomputable.modality)
    files = [
        {
            "@type": "cr:FileObject",
            "@id": name,
            "name": name,
            "contentUrl": name,
            "encodingFormat": encoding,
            "sha256": digests[name],
        }
        for name, encoding in _FORMATS.items()
    ]
    sets = [
        {
            "@type": "cr:FileSet",
            "@id": name,
            "name": name,
            "encodingFormat": "application/gzip",
            "includes": f"sub-*/ses-*/{pattern}.nii.gz",
        }
        for name, pattern in (("images", f"*_{modality}"), ("masks", "*_desc-tumor_mask"))
    ]
    columns = [(name, "sc:Float", "clinical column") for name in certificate.recomputable.columns]
    records = [
        _records(
            "participants",
            "patients with their labels",
            [
                ("participant_id", "sc:Text", "simulated patient"),
                ("response", "sc:Boolean", "whether the tumor responded"),
                *columns,
            ],
        )
        | {"key": {"@id": "participants/participant_id"}},
        _records(
            "sessions",
            "scans with their days",
            [
                ("participant_id", "sc:Text", "simulated patient"),
                ("session_id", "sc:Text", "scan of the patient"),
                ("day", "sc:Float", "days since the first scan"),
                ("image", "sc:Text", "path of the image"),
                ("mask", "sc:Text", "path of the mask"),
            ],
        ),
    ]
    records[1]["field"][0]["references"] = {"field": {"@id": "participants/participant_id"}}
    return json_text(
        {
            "@context": _CONTEXT,
            "@type": "sc:Dataset",
            "name": certificate.title,
            "description": f"Synthetic tumor scans. {certificate.proved.claim} {USE}",
            "conformsTo": "http://mlcommons.org/croissant/1.0",
            "citeAs": f"{certificate.owner}: {certificate.title}, {certificate.published.year}",
            "creator": {"@type": "sc:Organization", "name": certificate.owner},
            "datePublished": str(certificate.published),
            "license": f"https://spdx.org/licenses/{certificate.license}",
            "url": f"urn:sha256:{digests[layout.SCANS]}",
            "version": _VERSION,
            "distribution": [*files, *sets],
            "recordSet": records,
        }
    )


def _records(name: str, what: str, fields: list[tuple[str, str, str]]) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": what,
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{name}/{column}",
                "name": column,
                "description": description,
                "dataType": kind,
                "source": {
                    "fileObject": {"@id": f"{name}.tsv"},
                    "extract": {"column": column},
                },
            }
            for column, kind, description in fields
        ],
    }

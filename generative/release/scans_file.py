"""scans.h5: which scans may go out, and what such a file may hold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from generative.cohort import SCHEMA, ScanCohort, read_cohort
from generative.release.gaps import words_between_arrays
from generative.release.layout import patient_name
from generative.release.wording import check_column
from twin.errors import TwinError

LARGEST_EDGE_MM = 128.0
SOURCE = "synthetic scans, see certificate.json"

_DATASETS = {"images": "f4", "masks": "b1", "days": "f8", "response": "b1", "patients": "O"}
_ATTRIBUTES = {"schema", "spacing_mm", "modality", "provenance", "source"}
_MESSAGES = (0, 1, 2, 3, 4, 5, 6, 8, 10, 11, 16, 17)
"""Kinds of header messages (HDF5 file format, IV.A.2) that say where and of what type values are;
7 would lead to other files, 12 and 13 are attributes and comments, 14 and 18 times."""
_COMMENT = 13
_WORDS = (SCHEMA, SOURCE, "synthetic", "syn-[0-9]{6}", "columns", *_DATASETS, *_ATTRIBUTES)
_MOST_EXPANSION = 300
"""Unpacked bytes for each byte in the file; the packing used (LZF) reaches 88 at most."""


def check_public(cohort: ScanCohort, *, defaced: bool) -> None:
    """Refuse scans that may not go out.

    Raises:
        TwinError: they are not synthetic, named otherwise, or large enough to show a face.
    """
    if cohort.provenance != "synthetic":
        raise TwinError(
            "only synthetic scans can be released",
            where="provenance",
            expected="synthetic",
            got=cohort.provenance,
            fix="Draw scans from a generator trained on them, and release those.",
        )
    for row, name in enumerate(cohort.patients):
        if not re.fullmatch(r"syn-[0-9]{6}", name):
            raise TwinError(
                "name of a patient is not that of a simulated one",
                where=f"patients, row {row}",
                expected="such as syn-000001",
                got="another name",
                fix="Release what the generator drew, under the names that it gave.",
            )
    edge = max(
        count * step for count, step in zip(cohort.images.shape[2:], cohort.spacing_mm, strict=True)
    )
    if edge > LARGEST_EDGE_MM * (1.0 + 1e-6) and not defaced:
        raise TwinError(
            "region is large enough to show a face",
            where="images",
            expected=f"edges of at most {LARGEST_EDGE_MM:g} mm, or defaced=True",
            got=f"{edge:g} mm",
            fix="Train on smaller regions, or remove faces from the scans that it learns from.",
        )


def public_cohort(cohort: ScanCohort, columns: Sequence[str]) -> ScanCohort:
    """The part of a cohort that goes out: no source, no truth, only the columns that are named.

    Patients are numbered anew from 1 in their order, so that no number of theirs goes out.

    Raises:
        TwinError: a column that is not there, is no plain word, or holds no numbers.
    """
    kept = {}
    for name in sorted(set(columns)):
        check_column(name)
        if name not in cohort.columns:
            raise TwinError(
                "no such column in the cohort",
                where="columns",
                expected=f"a selection of {len(cohort.columns)} columns",
                got=name,
            )
        values = np.asarray(cohort.columns[name])
        if values.dtype.kind not in "biuf":
            raise TwinError(
                "column holds no numbers", where=f"columns/{name}", got=str(values.dtype)
            )
        kept[name] = values.astype("<f8")
    return replace(
        cohort,
        patients=tuple(patient_name(row) for row in range(len(cohort))),
        images=np.ascontiguousarray(cohort.images, "<f4"),
        masks=np.ascontiguousarray(cohort.masks),
        days=np.asarray(cohort.days, "<f8"),
        spacing_mm=tuple(float(edge) for edge in cohort.spacing_mm),
        source=SOURCE,
        columns=kept,
        truth={},
    )


def read_scans(path: Path) -> ScanCohort:
    """Read scans.h5 after a look at everything else that it could hold.

    Raises:
        TwinError: a name, attribute, type, time or link that does not belong there, or whatever
            `read_cohort` refuses.
    """
    try:
        with h5py.File(path, "r") as file:
            _check_file(file, path.stat().st_size)
            columns: Any = file.get("columns", {})
            known = (*_WORDS, *map(re.escape, (str(file.attrs["modality"]), *columns)))
            _expect(not words_between_arrays(file, path, known), "text between the arrays")
    except (OSError, RuntimeError, KeyError) as error:
        raise TwinError("cannot be read", where=path.name, got=str(error)[:200]) from error
    cohort = read_cohort(path)
    if cohort.source != SOURCE:
        raise TwinError("source is not that of a release", where=path.name, expected=SOURCE)
    if cohort.patients != tuple(patient_name(row) for row in range(len(cohort))):
        raise TwinError("patients are not numbered from 1", where=path.name)
    return cohort


def _check_file(file: h5py.File, size: int) -> None:
    _expect(file.userblock_size == 0, "a block before the file")
    _expect(not _messages(file) & 1 << _COMMENT, "a comment")
    _expect(set(file.attrs) == _ATTRIBUTES, "attributes of the file")
    _expect(str(file.attrs["schema"]) == SCHEMA, "schema")
    _expect(np.asarray(file.attrs["spacing_mm"]).shape == (3,), "spacing_mm")
    names = set(file)
    _expect(names - {"columns"} == set(_DATASETS), "datasets")
    total = sum(_check_dataset(file, name, dtype) for name, dtype in _DATASETS.items())
    if "columns" in names:
        group = _hard(file, "columns")
        _expect(isinstance(group, h5py.Group), "group of columns")
        for name in group:
            check_column(name)
            total += _check_dataset(group, name, "f8")
    _expect(total <= _MOST_EXPANSION * size, "size of the arrays for such a file")


def _check_dataset(group: Any, name: str, dtype: str) -> int:
    """Look at one array; returns its unpacked size."""
    found = _hard(group, name)
    _expect(isinstance(found, h5py.Dataset), name)
    right = found.dtype == np.dtype(dtype)
    right &= dtype != "O" or h5py.check_string_dtype(found.dtype) is not None
    _expect(right, f"type of {name}")
    _expect(not found.is_virtual and not found.external, f"{name}, kept outside of the file")
    return int(found.size) * found.dtype.itemsize


def _hard(group: Any, name: str) -> Any:
    link = group.get(name, getlink=True)
    _expect(isinstance(link, h5py.HardLink), f"link {name}")
    found = group[name]
    _expect_messages(found, f"{name}, a comment, time or attribute")
    return found


def _expect_messages(found: Any, what: str) -> None:
    """Refuse kinds of header messages that carry anything beside layout and type."""
    _expect(not _messages(found) & ~sum(1 << kind for kind in _MESSAGES), what)


def _messages(found: Any) -> int:
    """Kinds of messages in an object's header, a bit each."""
    from h5py import h5o  # type: ignore[attr-defined]

    return h5o.get_info(found.id).hdr.mesg.present


def _expect(right: Any, what: str) -> None:
    if not right:
        raise TwinError(
            "holds what does not belong there",
            where="scans.h5",
            expected="images, masks, days, response, patients and plain columns alone",
            got=what,
        )

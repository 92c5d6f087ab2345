"""A model folder: the fitted model, what it was made of, what it scored, and who was scored since.

model.joblib (pickle: open only folders that you trust), task.yaml, result.json, card.md,
external.jsonl. result.json holds versions and the SHA-256 of the model; of the training patients
the folder keeps salted digests, no value and no name.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import secrets
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from sklearn.exceptions import InconsistentVersionWarning

from experiments import atomic_files
from experiments.json_text import from_json, to_json
from experiments.predictors.cohort import Cohort, Reference
from experiments.predictors.evaluation.leakage import as_codes, as_rows, collision
from experiments.predictors.evaluation.outcome import is_survival
from experiments.predictors.models import Search
from experiments.predictors.results import TrainingResult
from experiments.predictors.task import Task, load_task
from experiments.predictors.training import Trained
from twin.errors import TwinError

MODEL, TASK, RESULT, CARD, EXTERNAL = (
    "model.joblib",
    "task.yaml",
    "result.json",
    "card.md",
    "external.jsonl",
)
SCHEMA = "oncotwin-model/1"
_PACKAGES = ("scikit-learn", "scikit-survival", "numpy")
_QUANTILES = (0.05, 0.5, 0.95)


@dataclass(frozen=True, eq=False)
class Model:
    """What a model folder holds, opened.

    Attributes:
        folder: where.
        task: what it predicts.
        task_folder: where the paths of the task started.
        model, baseline: fitted.
        conformal: thresholds of its sets.
        reference: columns, categories and image features of the training cohort.
        quantiles: 5, 50 and 95 % of every column in training.
        salt, names: salted digests of training patients.
        rows, cells: the same of their inputs with outcomes, and of their rows in the table.
        row_collision, cell_collision: chance that two of them are equal.
        result: result.json.
    """

    folder: Path
    task: Task
    task_folder: Path
    model: Search
    baseline: Search
    conformal: tuple[float, float]
    reference: Reference
    quantiles: Mapping[str, tuple[float, ...]]
    salt: str
    names: frozenset[str]
    rows: frozenset[str]
    cells: frozenset[str]
    row_collision: float
    cell_collision: float
    result: Mapping[str, Any]


def check_free(folder: Path, *, restart: bool) -> None:
    """Refuse a folder that already holds a model, or with `restart` one that was scored since.

    Raises:
        TwinError: see above.
    """
    if (folder / EXTERNAL).exists():
        raise TwinError(
            "this model was scored on external cohorts, and its log stays with it",
            where=str(folder),
            fix="Choose another folder",
        )
    if (folder / RESULT).exists() and not restart:
        raise TwinError(
            "the folder already holds a model",
            where=str(folder),
            fix="Choose another folder, or give --restart to replace it",
        )


def save_model(
    folder: Path, task: Task, task_path: Path, trained: Trained, result: TrainingResult, card: str
) -> None:
    """Write a model folder, each file whole or not at all; result.json comes last."""
    atomic_files.make_folder(folder)
    data = trained.training
    salt = secrets.token_hex(16)
    kept = {
        "model": trained.model,
        "baseline": trained.baseline,
        "conformal": trained.conformal,
        "reference": data.reference(),
        "quantiles": _quantiles(data),
        "salt": salt,
        "names": digests(data.patients, salt),
        "rows": digests(data.rows_as_text(), salt),
        "cells": digests(data.cells_as_text(), salt),
        "row_collision": collision(as_rows(data.inputs, data.outcome)),
        "cell_collision": collision(as_codes(data.cells)),
    }
    buffer = io.BytesIO()
    joblib.dump(kept, buffer)
    content = buffer.getvalue()
    record = {
        "schema": SCHEMA,
        "sha256": hashlib.sha256(content).hexdigest(),
        "versions": versions(),
        "task_folder": str(task_path.parent.resolve()),
        "cohort_digest": data.digest(),
        "survival": is_survival(data.outcome),
        **asdict(result),
    }
    atomic_files.write_bytes(folder / MODEL, content)
    atomic_files.write_bytes(folder / TASK, atomic_files.read_bytes(task_path))
    atomic_files.write_bytes(folder / CARD, card.encode())
    text = to_json(record, where=str(folder / RESULT), indent=1)
    atomic_files.write_bytes(folder / RESULT, text.encode())


def open_model(folder: Path) -> Model:
    """Open a model folder.

    Raises:
        TwinError: files are missing or damaged, the model is not the one that result.json was
            written for, or libraries differ in their major version.
    """
    where = folder / RESULT
    if not where.is_file():
        raise TwinError(
            "no model here",
            where=str(folder),
            fix="Make one: oncotwin predict train TASK --out DIR",
        )
    record = from_json(
        atomic_files.read_bytes(where), where=str(where), fix="Train the model again"
    )
    content = atomic_files.read_bytes(folder / MODEL)
    if hashlib.sha256(content).hexdigest() != record.get("sha256"):
        raise TwinError(
            "the model is not the one that was trained",
            where=str(folder / MODEL),
            expected=f"SHA-256 {record.get('sha256')}",
            fix="Train the model again; do not load files that others may have changed",
        )
    _check_versions(record.get("versions", {}), str(where))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InconsistentVersionWarning)
        kept = joblib.load(io.BytesIO(content))
    return Model(
        folder=folder,
        task=load_task(folder / TASK),
        task_folder=Path(record["task_folder"]),
        result=record,
        **{**kept, **{name: frozenset(kept[name]) for name in ("names", "rows", "cells")}},
    )


def versions() -> dict[str, str]:
    """Versions that a stored model depends on."""
    return {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}}


def digests(texts: Sequence[str], salt: str) -> list[str]:
    """Salted SHA-256 of every text, cut to 128 bits."""
    return [hashlib.sha256(f"{salt}:{text}".encode()).hexdigest()[:32] for text in texts]


def read_log(folder: Path) -> list[dict[str, Any]]:
    """Entries of external.jsonl.

    Raises:
        TwinError: a line is damaged.
    """
    path = folder / EXTERNAL
    if not path.exists():
        return []
    lines = atomic_files.read_bytes(path).splitlines()
    try:
        return [json.loads(line) for line in lines]
    except ValueError:
        raise TwinError(
            "the log of external cohorts is damaged",
            where=str(path),
            fix="Restore it from a backup, or train the model again",
        ) from None


def _quantiles(data: Cohort) -> dict[str, tuple[float, ...]]:
    """Quantiles of columns with a known value in at least one patient."""
    return {
        name: tuple(float(q) for q in np.nanquantile(column, _QUANTILES))
        for name, column in zip(data.columns, data.inputs.T, strict=True)
        if np.isfinite(column).any()
    }


def _check_versions(stored: Mapping[str, str], where: str) -> None:
    for name, here in versions().items():
        then = stored.get(name, "unknown")
        # scikit-survival counts 0.x releases, where the second number is the major one.
        parts = 2 if here.startswith("0.") else 1
        if then.split(".")[:parts] != here.split(".")[:parts]:
            raise TwinError(
                f"the model was made with another major version of {name}",
                where=where,
                expected=then,
                got=here,
                fix="Use that version, or train the model again",
            )

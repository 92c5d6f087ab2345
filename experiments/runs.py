"""The run folder: what was computed from which patient files, with which versions and seeds.

run.json        schema, seed, configuration, SHA-256 of the inputs, history of steps
posterior.h5 comparison.json forecast.h5 plans.json ranking.json sensitivity.json
report.html credibility.html credibility.json
shards/NNNN.h5 ledger.jsonl     (experiments/store.py)
"""

import errno
import os
import platform
import shlex
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Self

import numpy as np

from experiments.array_files import decode_arrays, encode_arrays
from experiments.atomic_files import (
    disk_error,
    hold_lock,
    make_folder,
    read_bytes,
    remove,
    remove_leftovers,
    write_bytes,
)
from experiments.json_text import from_json, to_json
from experiments.store import ShardStore
from twin.errors import TwinError

SCHEMA = "oncotwin-run/1"
DESCRIPTION = "run.json"

_WRITE_LOCK = ".run.lock"
_RESULTS = {
    "posterior.h5": "calibrate",
    "comparison.json": "compare-models",
    "forecast.h5": "forecast",
    "filter.h5": "assimilate",
    "monitoring.json": "assimilate",
    "plans.json": "sweep",
    "ranking.json": "sweep",
    "sensitivity.json": "sensitivity",
    "credibility.json": "credibility",
    "credibility.html": "credibility",
    "report.html": "report",
    "report-shareable.html": "report",
}
_DISTRIBUTIONS = ("oncotwin", "jax", "jaxlib", "numpy", "scipy", "equinox", "diffrax", "h5py")


@dataclass(frozen=True)
class Run:
    """A run folder. Every file in it is written whole or not at all."""

    folder: Path

    @classmethod
    def create(
        cls,
        folder: str | Path,
        patient_provenance: Mapping[str, str],
        configuration: Mapping[str, Any],
        seed: int,
        *,
        restart: bool = False,
    ) -> Self:
        """A new run in a new or empty folder.

        Arguments:
            folder: made where it is missing.
            patient_provenance: patient file -> its SHA-256 (`Patient.provenance`).
            configuration: what the user chose; anything JSON can hold.
            seed: the seed that every random draw of this run comes from.
            restart: discard the run that is in the folder; files that no run writes stay.

        Raises `TwinError` when the folder holds a run (without `restart`) or other files, or when
        the disk refuses.
        """
        run = cls(Path(folder))
        make_folder(run.folder)
        cls.refuse_taken(folder, restart=restart)
        if run._is_run():
            run._discard()
        description = {
            "schema": SCHEMA,
            "created": _now(),
            "seed": int(seed),
            "configuration": configuration,
            "inputs": patient_provenance,
            "environment": environment(),
            "history": [],
        }
        run._write(DESCRIPTION, run._encode(description))
        return run

    @classmethod
    def refuse_taken(cls, folder: str | Path, *, restart: bool = False) -> None:
        """Raise `TwinError` where `create` would find a run (without `restart`) or other files.

        To be asked before a long computation; makes and changes nothing.
        """
        run = cls(Path(folder))
        standing = next((p for p in (run.folder, *run.folder.parents) if p.exists()), None)
        if standing is not None and not standing.is_dir():
            error = NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            raise disk_error(run.folder, error)
        if not run.folder.is_dir():
            return
        if not run._is_run():
            run._refuse_other_files()
        elif not restart:
            raise TwinError(
                "this folder already holds a run",
                where=str(run.folder),
                expected="a new or an empty folder",
                fix="Choose another folder, or repeat with --restart to discard this run.",
            )

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """The run in a folder. Raises `TwinError` where there is none or of another schema."""
        run = cls(Path(folder))
        run.description  # noqa: B018  (reading it checks it)
        return run

    @property
    def description(self) -> dict[str, Any]:
        """What run.json says now. Raises `TwinError`: missing, truncated, of another schema."""
        path = self.folder / DESCRIPTION
        fix = "Choose a run folder, or make one with `oncotwin calibrate PATIENT -o RUN`."
        if self.folder.is_dir() and not path.exists():
            raise TwinError(
                f"this folder holds no {DESCRIPTION}, so it is no run",
                where=str(self.folder),
                fix=fix,
            )
        if not self.folder.exists():
            raise TwinError("there is no such run folder", where=str(self.folder), fix=fix)
        description = from_json(read_bytes(path), where=str(path), fix="Start a new run.")
        schema = description.get("schema") if isinstance(description, dict) else None
        if not isinstance(schema, str) or schema.split(".")[0] != SCHEMA:
            raise TwinError(
                "this run folder has another schema",
                where=str(path),
                expected=SCHEMA,
                got=str(schema),
                fix="Open it with the oncotwin version that wrote it, or start a new run.",
            )
        missing = {"seed", "configuration", "inputs", "history"} - description.keys()
        if missing:
            raise TwinError(
                "fields are missing",
                where=str(path),
                expected=", ".join(sorted(missing)),
                fix="Start a new run.",
            )
        return description

    @property
    def seed(self) -> int:
        """The seed that every random draw of this run comes from."""
        return int(self.description["seed"])

    @property
    def configuration(self) -> dict[str, Any]:
        """What the user chose when the run was made."""
        return self.description["configuration"]

    def record(self, step: str, info: Mapping[str, Any]) -> None:
        """Append a step to the history in run.json, with time, versions and platform.

        Raises `TwinError` when `info` cannot be JSON or the disk refuses; run.json then stands.
        """
        with closing(hold_lock(self.folder / _WRITE_LOCK)):
            description = self.description
            entry = {
                "step": step,
                "command": shlex.join(sys.argv),
                "time": _now(),
                "environment": environment(),
                **info,
            }
            description["history"].append(entry)
            self._replace(DESCRIPTION, self._encode(description))

    def check_inputs(self, patient_provenance: Mapping[str, str]) -> None:
        """Raise `TwinError` naming the patient files that are not those this run was made from."""
        then, now = self.description["inputs"], dict(patient_provenance)
        differences = [f"{name} (missing)" for name in sorted(then.keys() - now.keys())]
        differences += [f"{name} (new)" for name in sorted(now.keys() - then.keys())]
        differences += [
            f"{name} (changed)"
            for name in sorted(then.keys() & now.keys())
            if then[name] != now[name]
        ]
        if differences:
            raise TwinError(
                f"the patient's files have changed since this run was made: "
                f"{', '.join(differences)}",
                where=str(self.folder),
                expected="the files whose SHA-256 is in run.json",
                fix="Start a new run for the changed patient, or put the files back.",
            )

    def has(self, name: str) -> bool:
        """Whether the run holds a file of this name, such as "forecast.h5"."""
        return self.path(name).is_file()

    def path(self, name: str) -> Path:
        """Where a file of the run is or would be. Raises `TwinError` unless a plain file name."""
        if name != Path(name).name or name.startswith(".") or not name:
            raise TwinError(f"'{name}' is not a plain file name", where=str(self.folder))
        return self.folder / name

    def save_arrays(
        self,
        name: str,
        arrays: Mapping[str, Any],
        attributes: Mapping[str, Any] | None = None,
    ) -> Path:
        """Write arrays (no NaN) and attributes (JSON) as HDF5 `name`; equal inputs, equal bytes.

        Raises `TwinError` naming the field that cannot be stored, or when the disk refuses.
        """
        path = self.path(name)
        return self._write(name, encode_arrays(arrays, attributes or {}, where=str(path)))

    def load_arrays(self, name: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Arrays and attributes of `save_arrays`. Raises `TwinError`: missing or damaged."""
        return decode_arrays(self._content(name), where=str(self.path(name)))

    def save_json(self, name: str, value: Any) -> Path:
        """Write a value as JSON `name`. Raises `TwinError`: NaN, unknown types, disk refuses."""
        return self._write(name, self._encode(value, name))

    def load_json(self, name: str) -> Any:
        """The value of `save_json`. Raises `TwinError`: missing or damaged."""
        return from_json(
            self._content(name),
            where=str(self.path(name)),
            fix="Remove it and repeat the step that writes it.",
        )

    def save_text(self, name: str, text: str) -> Path:
        """Write a text, such as report.html, in UTF-8. Raises `TwinError` when the disk refuses."""
        return self._write(name, text.encode("utf-8"))

    def store(self, identity: str, *, restart: bool = False) -> ShardStore:
        """The shards of this run's sweep, locked for writing; use it in a `with` block."""
        return ShardStore(self.folder, identity, restart=restart)

    def _content(self, name: str) -> bytes:
        path = self.path(name)
        if self.folder.is_dir() and not path.exists():
            step = _RESULTS.get(name)
            raise TwinError(
                f"this run holds no {name} yet",
                where=str(self.folder),
                fix=f"Run `oncotwin {step}` first." if step else "Run the step that writes it.",
            )
        return read_bytes(path)

    def _encode(self, value: Any, name: str = DESCRIPTION) -> bytes:
        return (to_json(value, where=str(self.path(name)), indent=1) + "\n").encode("utf-8")

    def _write(self, name: str, content: bytes) -> Path:
        with closing(hold_lock(self.folder / _WRITE_LOCK)):
            return self._replace(name, content)

    def _replace(self, name: str, content: bytes) -> Path:
        """Write a file under the lock: every other temporary file then is a leftover."""
        path = self.path(name)
        remove_leftovers(self.folder)
        write_bytes(path, content)
        return path

    def _is_run(self) -> bool:
        return (self.folder / DESCRIPTION).exists() and bool(self.description)

    def _refuse_other_files(self) -> None:
        try:
            names = sorted(path.name for path in self.folder.iterdir())
        except OSError as error:
            raise disk_error(self.folder, error) from error
        others = [name for name in names if name not in (_WRITE_LOCK, f"{DESCRIPTION}.tmp")]
        if others:
            raise TwinError(
                "this folder holds other files and is no run",
                where=str(self.folder),
                expected="a new or an empty folder",
                got=", ".join(others[:5]),
                fix="Choose another folder.",
            )

    def _discard(self) -> None:
        """Remove what a run writes but run.json: a kill before it is replaced leaves a run."""
        with ShardStore(self.folder, "", restart=True):
            for name in _RESULTS:
                remove(self.folder / name)


def environment() -> dict[str, Any]:
    """Versions of Python and of the libraries that decide results, and the platform.

    No host name, user name or path: a run folder may be shown to others.
    """
    versions = {"python": platform.python_version()}
    for name in _DISTRIBUTIONS:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "versions": versions,
        "platform": f"{sys.platform} {platform.machine()}",
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")

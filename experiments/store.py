"""Shards of a sweep on disk, with a ledger: a killed sweep resumes where it was.

    RUN/shards/NNNN.h5    one file per shard, written whole or not at all
    RUN/ledger.jsonl      one line per finished shard, written after its file, by the parent alone

A shard counts as done when the ledger has its line and the file has the SHA-256 in that line.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np

from experiments.array_files import decode_arrays, encode_arrays
from experiments.atomic_files import (
    append_line,
    disk_error,
    hold_lock,
    make_folder,
    read_bytes,
    remove,
    remove_leftovers,
    truncate,
    write_bytes,
)
from twin.errors import TwinError

SHARDS = "shards"
LEDGER = "ledger.jsonl"
LOCK = ".sweep.lock"


@dataclass(frozen=True)
class LedgerLine:
    """One finished shard: number, SHA-256 of its file, what determined it, scenarios in it."""

    shard: int
    sha256: str
    identity: str
    scenarios: int


class ShardStore:
    """The `Store` of a sweep in a run folder; one process writes it at a time.

    Use it in a `with` block or call `close()`: the lock is held until then.

    Arguments:
        folder: the run folder; made where it is missing.
        identity: hash of all that determines the content (`identity_of`: posterior, plans, seeds,
            code version).
        restart: discard the shards of an earlier sweep first.

    Raises `TwinError` when the ledger is of another identity or damaged before its last line, when
    another process holds the store, or when the disk refuses.

    Attributes:
        findings: what was found on opening and put right, in plain words: a torn last line cut
            off, temporary files removed, shards to be computed again.
    """

    findings: tuple[str, ...]

    def __init__(self, folder: str | Path, identity: str, *, restart: bool = False) -> None:
        self.folder = Path(folder)
        self.identity = identity
        self._shards = self.folder / SHARDS
        self._ledger = self.folder / LEDGER
        make_folder(self._shards)
        self._lock: BinaryIO | None = hold_lock(self.folder / LOCK, busy=self._busy)
        try:
            if restart:
                self._discard()
            findings = [
                f"removed {name}, left by a killed sweep" for name in remove_leftovers(self._shards)
            ]
            self._lines, self._size, torn = _read_ledger(self._ledger, identity)
            if torn:
                truncate(self._ledger, self._size)
                findings.append(f"cut off {torn} bytes of an unfinished last line of {LEDGER}")
            self.findings = (*findings, *self._drop_unproven())
        except BaseException:
            self.close()
            raise

    @classmethod
    def for_reading(cls, folder: str | Path) -> Self:
        """A finished or unfinished sweep of any identity, read only: no lock, nothing changed."""
        store = cls.__new__(cls)
        store.folder = Path(folder)
        store._shards = store.folder / SHARDS
        store._ledger = store.folder / LEDGER
        store._lock = None
        store._lines, store._size, _ = _read_ledger(store._ledger, None)
        store.identity = next((line.identity for line in store._lines.values()), "")
        store.findings = store._drop_unproven()
        return store

    def done(self) -> set[int]:
        """Numbers of the finished shards of this identity."""
        return set(self._lines)

    @property
    def scenarios(self) -> int:
        """Scenarios in the finished shards."""
        return sum(line.scenarios for line in self._lines.values())

    def write(
        self, index: int, arrays: Mapping[str, np.ndarray], attributes: Mapping[str, Any]
    ) -> None:
        """Write one shard, then its ledger line; both are durable on return.

        Arguments:
            index: number of the shard, from 0.
            arrays: name -> array, no NaN.
            attributes: anything JSON can hold; `scenarios` (a count) goes into the ledger too.

        Raises `TwinError` on NaN, a disk that refuses, or a store that is closed or read-only.
        """
        if self._lock is None:
            raise TwinError(
                "this store is closed or open for reading only",
                where=str(self.folder),
                fix="Open it with ShardStore(folder, identity).",
            )
        path = self._path(index)
        content = encode_arrays(arrays, attributes, where=str(path))
        write_bytes(path, content)
        line = LedgerLine(
            shard=int(index),
            sha256=hashlib.sha256(content).hexdigest(),
            identity=self.identity,
            scenarios=int(attributes.get("scenarios", 0)),
        )
        text = json.dumps(asdict(line)).encode()
        self._size = append_line(self._ledger, text, size=self._size)
        self._lines[line.shard] = line

    def read(self, index: int) -> dict[str, np.ndarray]:
        """The arrays of a finished shard. Raises `TwinError` when it is missing or changed."""
        return self._read(index)[0]

    def attributes(self, index: int) -> dict[str, Any]:
        """The attributes of a finished shard. Raises `TwinError` as `read` does."""
        return self._read(index)[1]

    def close(self) -> None:
        """Release the lock; the store can still be read."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"ShardStore({str(self.folder)!r}, {len(self._lines)} shards done)"

    def _path(self, index: int) -> Path:
        if index < 0:
            raise TwinError("not the number of a shard", expected="0 or more", got=str(index))
        return self._shards / f"{index:04d}.h5"

    def _read(self, index: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        path = self._path(index)
        line = self._lines.get(index)
        if line is None:
            raise TwinError(
                f"shard {index} is not finished",
                where=str(self.folder),
                expected="a shard with a line in the ledger",
                got=f"{len(self._lines)} other finished shards",
                fix="Run the sweep again; it computes what is missing.",
            )
        content = read_bytes(path)
        if hashlib.sha256(content).hexdigest() != line.sha256:
            raise TwinError(
                "the file has changed since it was written",
                where=str(path),
                expected=f"SHA-256 {line.sha256[:12]}…",
                got=f"{hashlib.sha256(content).hexdigest()[:12]}…",
                fix="Run the sweep again; it computes this shard again.",
            )
        return decode_arrays(content, where=str(path))

    def _drop_unproven(self) -> tuple[str, ...]:
        """Forget ledger lines whose file is missing or changed; say so, and name stray files."""
        findings = []
        for index, line in sorted(self._lines.items()):
            path = self._path(index)
            if not path.exists():
                findings.append(f"{path.name} is missing; it is computed again")
            elif hashlib.sha256(read_bytes(path)).hexdigest() != line.sha256:
                findings.append(f"{path.name} is damaged or changed; it is computed again")
            else:
                continue
            del self._lines[index]
        known = {self._path(index).name for index in self._lines}
        told = {finding.split(" ", 1)[0] for finding in findings}
        findings += [
            f"{path.name} has no line in the ledger; it is computed again"
            for path in sorted(self._shards.glob("*.h5"))
            if path.name not in known | told
        ]
        return tuple(findings)

    def _discard(self) -> None:
        """Remove ledger and shards; the ledger first, so that no line outlives its file."""
        remove(self._ledger)
        try:
            paths = sorted(self._shards.glob("*.h5"))
        except OSError as error:
            raise disk_error(self._shards, error) from error
        for path in paths:
            remove(path)

    def _busy(self) -> TwinError:
        return TwinError(
            "another process is sweeping into this run",
            where=str(self.folder),
            expected="one writer at a time",
            fix="Wait until it ends, or end it; or use another run folder.",
        )


def _read_ledger(path: Path, identity: str | None) -> tuple[dict[int, LedgerLine], int, int]:
    """Lines by shard (the last one counts), bytes of whole lines, bytes of a torn tail after them.

    Only a last line may be torn: a kill can do nothing else. Raises `TwinError` on damage before
    it, and on lines of another identity (with None: of more than one).
    """
    content = read_bytes(path) if path.exists() else b""
    lines: dict[int, LedgerLine] = {}
    size = 0
    rows = content.splitlines(keepends=True)
    for number, row in enumerate(rows, start=1):
        line = _parse(row)
        if line is None and number == len(rows):
            break
        if line is None:
            raise TwinError(
                f"line {number} is damaged, and lines follow it",
                where=str(path),
                expected="one complete JSON object per line",
                got=repr(row[:40]),
                fix="Sweep again with --restart, or remove this line: its shard is computed again.",
            )
        if identity is None:
            identity = line.identity
        if line.identity != identity:
            raise TwinError(
                "this run was swept with other plans, another posterior, seed or version",
                where=str(path),
                expected=f"identity {identity[:12]}…",
                got=f"{line.identity[:12]}…",
                fix="Use a new run folder, or repeat with --restart to discard the old shards.",
            )
        lines[line.shard] = line
        size += len(row)
    return lines, size, len(content) - size


def _parse(row: bytes) -> LedgerLine | None:
    """The ledger line in `row`, or None where it is torn or damaged."""
    if not row.endswith(b"\n"):
        return None
    try:
        line = LedgerLine(**json.loads(row))
    except (ValueError, TypeError):
        return None
    kinds = {"shard": int, "sha256": str, "identity": str, "scenarios": int}
    whole = all(isinstance(getattr(line, name), kind) for name, kind in kinds.items())
    return line if whole and line.shard >= 0 else None

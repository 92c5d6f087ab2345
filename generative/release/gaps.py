"""Text between the arrays of an HDF5 file: what was deleted or overwritten there can linger.

HDF5 never clears space that it gives back, so a name that was written once may stand in a file
that no longer shows it. Everything outside of the arrays is searched for words that no release has.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import h5py

_MARKS = (b"TREE", b"HEAP", b"SNOD", b"GCOL", b"OHDR", b"OCHK", b"FRHP", b"BTHD", b"BTLF", b"lzf")
"""Of HDF5's own structures (HDF5 file format, III and IV)."""

_SHORTEST = 6
_RUN = re.compile(rb"[\x20-\x7e]{%d,}" % _SHORTEST)


def words_between_arrays(file: h5py.File, path: Path, known: Iterable[str]) -> list[str]:
    """Readable words outside of the arrays.

    Args:
        file: opened for reading.
        path: of the same file.
        known: words and patterns (regular expressions) that may stand there.

    Returns:
        every other run of at least six printable characters.
    """
    patterns = sorted((word.encode() for word in known), key=len, reverse=True)
    allowed = re.compile(b"|".join([*patterns, *_MARKS]))
    return [
        word.decode("ascii")
        for gap in _gaps(file, path)
        for run in _RUN.findall(gap)
        for word in allowed.split(run)
        if len(word) >= _SHORTEST
    ]


def _gaps(file: h5py.File, path: Path) -> Iterator[bytes]:
    with path.open("rb") as raw:
        for start, size in sorted(_extents(file)):
            if start > raw.tell():
                yield raw.read(start - raw.tell())
            raw.seek(max(raw.tell(), start + size))
        yield raw.read()


def _extents(file: h5py.File) -> list[tuple[int, int]]:
    """(first byte, number of bytes) of every piece of every array of numbers."""
    found: list[tuple[int, int]] = []

    def look(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if not isinstance(item, h5py.Dataset) or item.dtype.kind == "O":
            return
        if item.chunks:
            item.id.chunk_iter(lambda chunk: found.append((chunk.byte_offset, chunk.size)))
        elif item.id.get_offset() is not None:
            found.append((item.id.get_offset(), item.id.get_storage_size()))

    file.visititems(look)
    return found

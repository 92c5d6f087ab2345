"""What may stand in the few free texts of a release, and the search for identifiers in bytes."""

from __future__ import annotations

import html
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from twin.errors import TwinError

_SHORTEST = 4
_SHORTEST_IN_VOXELS = 6
"""Shorter texts stand in a million random bytes by chance."""

_COLUMN = re.compile(r"[a-z][a-z0-9_]{0,39}")
_TAKEN = ("participant_id", "response", "image", "mask", "label", "patient", "scan", "day")
_DIGEST = re.compile(rb"(?<![0-9a-f])(?:[0-9a-f]{128}|[0-9a-f]{64})(?![0-9a-f])")
_ALONE = re.compile(r"(?<![0-9])(?<![0-9]\.)[0-9]+(?!\.?[0-9])")
_PRINTABLE = re.compile(rb"[\x20-\x7e]{%d,}" % _SHORTEST_IN_VOXELS)
_TELLING = {
    "a path": re.compile(r"(?:^|[\s(\"'=:])(?:~?/|[A-Za-z]:\\|\\\\)\S|/\S+/|\\\S+\\"),
    "an address": re.compile(r"\S@\S|://"),
    "a date": re.compile(r"(?<!\d)\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./]\d{4}"),
    "a long number": re.compile(r"(?<![\d.])\d{6,}"),
    "a person's name as in DICOM": re.compile(r"\^"),
}


def check_line(text: str, *, where: str, longest: int = 200) -> None:
    """Refuse a text that is not one printable line.

    Raises:
        TwinError: it is empty, too long, or holds control or direction characters.
    """
    if not (0 < len(text) <= longest and text.isprintable() and text.strip() == text):
        raise TwinError(
            "text is not one printable line",
            where=where,
            expected=f"1 to {longest} printable characters without spaces around them",
            got=repr(text[:60]),
        )


def check_untelling(text: str, *, where: str, longest: int = 200) -> None:
    """Refuse a text of the training that could tell of a person, a file or a machine.

    Raises:
        TwinError: it is no line, or looks like a path, an address, a date, a long number or a
            DICOM name.
    """
    check_line(text, where=where, longest=longest)
    for what, pattern in _TELLING.items():
        if pattern.search(text):
            raise TwinError(
                f"text holds {what}",
                where=where,
                expected="words that name what was taken, not whose or from which file",
                got=repr(text[:60]),
                fix="Name it otherwise in the training.",
            )


def check_column(name: str) -> None:
    """Refuse the name of a column that is no plain word.

    Raises:
        TwinError: it is not lower case letters, digits and underscores, or is a table's own.
    """
    if not _COLUMN.fullmatch(name) or re.search(r"\d{5}", name) or name in _TAKEN:
        raise TwinError(
            "name of the column is not plain",
            where="columns",
            expected="lower case letters, few digits and underscores, and no name of a release",
            got=repr(name[:60]),
            fix="Rename the column in the cohort.",
        )


def check_identifiers(identifiers: Iterable[str]) -> tuple[str, ...]:
    """Identifiers to search for, each once.

    Raises:
        TwinError: one is too short to be searched for.
    """
    found = tuple(dict.fromkeys(text.strip() for text in identifiers))
    short = sum(len(text) < _SHORTEST for text in found)
    if short:
        raise TwinError(
            "identifiers are too short to be searched for",
            where="known_identifiers",
            expected=f"at least {_SHORTEST} characters",
            got=f"{short} shorter ones",
            fix="Leave them out, and see yourself that nothing like them is in the cohort.",
        )
    return found


class IdentifierSearch:
    """Finds identifiers in bytes: any case, UTF-8, Latin-1 and UTF-16, also as JSON and HTML.

    A number is found where it stands alone, not inside a longer one; SHA-256 digests and
    signatures are left out, since any digits occur in them.
    """

    def __init__(self, identifiers: Sequence[str]) -> None:
        self._numbers = {text: i for i, text in enumerate(identifiers) if _is_number(text)}
        self._words = [
            (i, _folded(form))
            for i, text in enumerate(identifiers)
            if not _is_number(text)
            for form in {text, html.escape(text), json.dumps(text)[1:-1]}
        ]
        self._starts: dict[bytes, list[tuple[int, bytes]]] = {}
        self._not_ascii: list[tuple[int, bytes]] = []
        for i, text in enumerate(identifiers):
            for form in {case.encode().lower() for case in (text, text.lower(), text.upper())}:
                if len(form) < _SHORTEST_IN_VOXELS:
                    continue
                if not form.isascii():
                    self._not_ascii.append((i, form))
                else:
                    self._starts.setdefault(form[:_SHORTEST_IN_VOXELS], []).append((i, form))

    def in_text(self, content: bytes) -> set[int]:
        """Which identifiers stand in a text, a table or a header, by their place in the list."""
        content = _DIGEST.sub(b" ", content)
        found: set[int] = set()
        for text in {_folded(read) for read in _readings(content)}:
            found |= {i for i, form in self._words if form in text}
            found |= {self._numbers[n] for n in _ALONE.findall(text) if n in self._numbers}
        return found

    def in_voxels(self, content: bytes) -> set[int]:
        """The same for binary values, where only long identifiers cannot occur by chance."""
        every = content.lower()
        found = {i for i, form in self._not_ascii if form in every}
        for run in _PRINTABLE.findall(every):
            for start in range(len(run) - _SHORTEST_IN_VOXELS + 1):
                for i, form in self._starts.get(run[start : start + _SHORTEST_IN_VOXELS], ()):
                    if run.startswith(form, start):
                        found.add(i)
        return found


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def _readings(content: bytes) -> Iterator[str]:
    for encoding in ("utf-8", "latin-1", "utf-16-le", "utf-16-be"):
        yield content.decode(encoding, "replace")

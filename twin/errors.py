"""The one error that every check at the edge of the package raises, and a collector of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class TwinError(ValueError):
    """Something that entered is wrong: says where, what, what was expected and what to do.

    Args:
        what: what is wrong, in plain words.
        where: the file, field or argument it was found in.
        expected: what would have been right.
        got: what was there instead.
        fix: what the user can do about it, as a sentence.
    """

    def __init__(
        self, what: str, *, where: str = "", expected: str = "", got: str = "", fix: str = ""
    ) -> None:
        self.what, self.where, self.expected, self.got, self.fix = what, where, expected, got, fix
        super().__init__(what, where, expected, got, fix)

    def __str__(self) -> str:
        parts = []
        if self.expected:
            parts.append(f"expected {self.expected}")
        if self.got:
            parts.append(f"got {self.got}")
        message = f"{self.where}: {self.what}" if self.where else self.what
        if parts:
            message += f" ({', '.join(parts)})"
        if self.fix:
            message += f". {self.fix}"
        return message

    def __reduce__(self):
        return (_rebuild, (self.what, self.where, self.expected, self.got, self.fix))

    def at(self, where: str) -> TwinError:
        """The same error, told to be at `where`; the place it names itself comes after."""
        place = f"{where}: {self.where}" if where and self.where else where or self.where
        return _rebuild(self.what, place, self.expected, self.got, self.fix)

    @property
    def detail(self) -> str:
        """The message without the place it was found in."""
        return str(TwinError(self.what, expected=self.expected, got=self.got, fix=self.fix))


def _rebuild(what: str, where: str, expected: str, got: str, fix: str) -> TwinError:
    return TwinError(what, where=where, expected=expected, got=got, fix=fix)


class Problems:
    """Collects errors, so that a user sees all of them at once."""

    def __init__(self) -> None:
        self.found: list[TwinError] = []

    def add(self, error: TwinError) -> None:
        """Keep an error."""
        self.found.append(error)

    @contextmanager
    def at(self, where: str = "") -> Iterator[None]:
        """Keep a TwinError raised inside the block, told to be at `where`, and go on after it."""
        try:
            yield
        except TwinError as error:
            self.add(error.at(where))

    def raise_first(self) -> None:
        """Raise what was found: the first error, and how many more there are."""
        if not self.found:
            return
        first = self.found[0]
        more = [f"{error.where}: {error.what}" for error in self.found[1:]]
        if not more:
            raise first
        fix = f"{first.fix.rstrip('.')}. " if first.fix else ""
        fix += f"{len(more)} more: {'; '.join(more)}"
        raise TwinError(
            first.what, where=first.where, expected=first.expected, got=first.got, fix=fix
        )

"""What a property claims of a run: found against expected, and by how much it misses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Claim:
    """One comparison.

    Attributes:
        what: what is compared, in words.
        found, expected: numbers or arrays of one shape.
        relation: "equal", "at most" or "at least".
        scale: errors are told relative to it.
        within: tolerance of this claim alone; None takes the property's.
    """

    what: str
    found: np.ndarray
    expected: np.ndarray
    relation: str
    scale: float
    within: float | None = None

    @property
    def errors(self) -> np.ndarray:
        """How far every value is from keeping the claim, relative to the scale; inf for NaN."""
        difference = self.found - self.expected
        if self.relation == "equal":
            difference = np.abs(difference)
        elif self.relation == "at least":
            difference = -difference
        finite = np.isfinite(self.found) & np.isfinite(self.expected)
        return np.where(finite, np.maximum(difference, 0.0) / self.scale, np.inf)

    @property
    def error(self) -> float:
        """The largest of `errors`."""
        return float(self.errors.max(initial=0.0))

    def holds(self, tolerance: float) -> bool:
        """Whether the error is within the claim's own tolerance or, without one, `tolerance`."""
        return self.error <= (tolerance if self.within is None else self.within)

    def told(self, tolerance: float) -> str:
        """One line: where it is worst, what was found there and what was expected."""
        limit = tolerance if self.within is None else self.within
        place, found, expected = "", self.found, self.expected
        if self.errors.ndim and self.errors.size:
            index = np.unravel_index(int(self.errors.argmax()), self.errors.shape)
            place = f" at [{', '.join(str(int(i)) for i in index)}]" if self.errors.size > 1 else ""
            found, expected = self.found[index], self.expected[index]
        sign = {"equal": "", "at most": "at most ", "at least": "at least "}[self.relation]
        verdict = "holds" if self.holds(tolerance) else "FAILS"
        return (
            f"{verdict}: {self.what}{place}: found {float(found):.10g},"
            f" expected {sign}{float(expected):.10g}"
            f" (error {self.error:.2g}, tolerance {limit:.2g})"
        )


def equal(
    what: str, found: Any, expected: Any, *, scale: float | None = None, within: float | None = None
) -> Claim:
    """`found` is `expected`; errors relative to `scale`, by default the largest value expected."""
    return _claim(what, found, expected, "equal", scale, within)


def at_most(
    what: str, found: Any, bound: Any, *, scale: float = 1.0, within: float | None = None
) -> Claim:
    """`found` does not exceed `bound`."""
    return _claim(what, found, bound, "at most", scale, within)


def at_least(
    what: str, found: Any, bound: Any, *, scale: float = 1.0, within: float | None = None
) -> Claim:
    """`found` is not below `bound`."""
    return _claim(what, found, bound, "at least", scale, within)


def true(what: str, holds: bool) -> Claim:
    """Something is so: 1 expected, 1 or 0 found."""
    return equal(what, float(holds), 1.0, within=0.0)


def refuses(what: str, run: Any, words: tuple[str, ...]) -> list[Claim]:
    """`run()` raises an exception that tells one of `words`.

    No claim is made where the simulator cannot express the case (NotApplicable).
    """
    from twin.testing.protocol import NotApplicable

    try:
        result = run()
    except NotApplicable:
        return []
    except Exception as error:
        told = f"{type(error).__name__}: {error}".lower()
        named = any(word.lower() in told for word in words)
        return [true(f"{what}: the error names {' or '.join(words)} ({told[:160]!r})", named)]
    finite = "" if np.isfinite(np.asarray(result, float)).all() else ", not all of them finite"
    return [true(f"{what}: an exception is raised (numbers came back{finite})", False)]


def _claim(
    what: str, found: Any, expected: Any, relation: str, scale: float | None, within: float | None
) -> Claim:
    one, two = np.broadcast_arrays(np.asarray(found, float), np.asarray(expected, float))
    if scale is None:
        finite = np.abs(two[np.isfinite(two)])
        scale = float(finite.max(initial=0.0)) or 1.0
    return Claim(what, one, two, relation, scale, within)

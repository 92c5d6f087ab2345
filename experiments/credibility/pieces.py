"""Small pieces of HTML that the sections of a credibility report share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from experiments.report.markup import Markup, cell, element, join, number, paragraph


def no_evidence(command: str = "") -> Markup:
    """The words "no evidence", with the command that would give some."""
    words = element("span", "no evidence", class_="none")
    return join([words, ": run ", element("code", command)]) if command else words


def missing(what: str, command: str) -> Markup:
    """A section without content."""
    return paragraph(f"{what}: ", no_evidence(command), ".")


def figure(value: float | None) -> Markup:
    """A number with its power of ten set high, or a dash."""
    text = number(value) if value is not None else "–"
    return Markup(_POWER.sub(r"<sup>\1</sup>", text))


def numeric(value: object) -> Markup:
    """A cell set flush right."""
    return cell(value, class_="number")


def maybe(value: float | None) -> Markup:
    """A cell with a number, or a dash."""
    return numeric(figure(value))


def lines(rows: Iterable[Sequence[object]]) -> list[Markup]:
    """Rows of a table whose values may be finished cells."""
    return [
        element("tr", *(v if isinstance(v, Markup) and v.startswith("<td") else cell(v) for v in r))
        for r in rows
    ]


_POWER = re.compile(r"\^(−?\d+)")


def verdict(good: bool, yes: str, no: str) -> Markup:
    """A green or a red tag."""
    return element("span", yes if good else no, class_="tag yes" if good else "tag no")


def small(text: str) -> Markup:
    """A remark on a line of its own."""
    return element("span", text, class_="small block")


def percent(share: float) -> str:
    """A share as a percentage with two significant digits."""
    return f"{number(100.0 * share, 2)} %"

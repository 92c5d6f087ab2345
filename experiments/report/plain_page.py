"""A page without scripts: header, notices, sections, footer, all in one file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.console import NOT_CLINICAL
from experiments.report.markup import Markup, element, paragraph

_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none';"
    " form-action 'none'"
)


@dataclass(frozen=True)
class Section:
    """A part of a page.

    Attributes:
        heading: above it.
        content: what stands in it.
        link: its name in the navigation; the heading where it is empty.
        id: what links lead to; made of the heading where it is empty.
    """

    heading: str
    content: object
    link: str = ""
    id: str = ""

    @property
    def anchor(self) -> str:
        """The id, or one made of the heading."""
        return self.id or self.heading.lower().replace(" ", "-")


def plain_page(
    title: str,
    subtitle: str,
    *,
    window_title: str,
    notices: Sequence[Markup],
    sections: Sequence[Section],
    style: str = "",
    footer: object = NOT_CLINICAL,
) -> str:
    """HTML of a page.

    Args:
        title, subtitle: at its top.
        window_title: of the browser's window.
        notices: paragraphs below the title.
        sections: in their order.
        style: CSS beside that of the report.
        footer: what the last line says.
    """
    shared = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
    shared = shared.replace("\r\n", "\n")
    body = [element("section", element("h2", s.heading), s.content, id=s.anchor) for s in sections]
    links = [element("a", s.link or s.heading, href=f"#{s.anchor}") for s in sections]
    head = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f'<link rel="icon" href="data:,">\n{element("title", window_title)}\n'
        f"<style>{shared}{style}</style>\n</head>\n<body>\n"
    )
    subtitle_line = paragraph(subtitle, class_="subtitle")
    header = element("div", element("h1", title), subtitle_line, *notices, class_="wrap")
    top = element("header", header, class_="top")
    nav = element("nav", element("div", *links, class_="wrap"), aria_label="Sections")
    main = element("main", *body, class_="wrap")
    foot = element("footer", paragraph(footer), class_="wrap")
    return head + "\n".join((top, nav, main, foot)) + "\n</body>\n</html>\n"

"""A page without scripts: header, notices, sections, footer, all in one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from experiments.console import NOT_CLINICAL
from experiments.report.markup import Markup, element, paragraph

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'"


def plain_page(
    title: str,
    subtitle: str,
    *,
    window_title: str,
    notices: Sequence[Markup],
    sections: Mapping[str, object],
    style: str = "",
) -> str:
    """HTML of a page.

    Args:
        title, subtitle: at its top.
        window_title: of the browser's window.
        notices: paragraphs below the title.
        sections: heading -> content.
        style: CSS beside that of the report.
    """
    shared = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
    ids = {name: name.lower().replace(" ", "-") for name in sections}
    body = [
        element("section", element("h2", name), content, id=ids[name])
        for name, content in sections.items()
    ]
    links = [element("a", name, href=f"#{ids[name]}") for name in sections]
    head = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<link rel="icon" href="data:,">\n{element("title", window_title)}\n'
        f"<style>{shared}{style}</style>\n</head>\n<body>\n"
    )
    subtitle_line = paragraph(subtitle, class_="subtitle")
    header = element("div", element("h1", title), subtitle_line, *notices, class_="wrap")
    top = element("header", header, class_="top")
    nav = element("nav", element("div", *links, class_="wrap"), aria_label="Sections")
    main = element("main", *body, class_="wrap")
    foot = element("footer", paragraph(NOT_CLINICAL), class_="wrap")
    return head + "\n".join((top, nav, main, foot)) + "\n</body>\n</html>\n"

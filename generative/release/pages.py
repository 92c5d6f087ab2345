"""Pages of a release that a person reads: the certificate (HTML) and the data sheet (Markdown).

The data sheet answers the questions of Gebru et al. 2021, https://doi.org/10.1145/3458723.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

from generative.release.certificate import USE, Certificate
from generative.release.statements import (
    asserted_lines,
    contents_lines,
    proved_lines,
    recomputable_lines,
)

_STYLE = (
    "body{font:16px/1.45 sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem}"
    "main{display:grid;grid-template-columns:repeat(auto-fit,minmax(18rem,1fr));gap:1.5rem}"
    "section{border-top:4px solid #456;padding-top:.5rem}"
    ".weak,.use{background:#fff3d6;padding:.6rem}"
)


def certificate_page(certificate: Certificate) -> str:
    """certificate.html: three columns, offline, without a script."""
    columns = (
        ("Proved", proved_lines(certificate)),
        ("You can compute it again", recomputable_lines(certificate)),
        ("The owner asserts", asserted_lines(certificate)),
    )
    sections = "\n".join(_section(name, lines) for name, lines in columns)
    title, owner = html.escape(certificate.title), html.escape(certificate.owner)
    weakness = html.escape(certificate.proved.weakness)
    weak = f'<p class="weak">Known weakness: {weakness}</p>\n' if weakness else ""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>Certificate: {title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{title}</h1>\n<p>Synthetic scans. {owner}, {certificate.published},"
        f" {html.escape(certificate.license)}, {html.escape(certificate.software)}</p>\n"
        f'<p class="use">{USE}</p>\n<p><strong>{html.escape(certificate.proved.claim)}'
        f"</strong></p>\n{weak}<main>\n{sections}\n</main>\n"
        "<p>Check it: <code>oncotwin synth verify RELEASE --key PUBLIC</code></p>\n"
        "</body>\n</html>\n"
    )


def datasheet(certificate: Certificate) -> str:
    """DATASHEET.md: what is in the release, how it came about and what it is for."""
    found = certificate.recomputable
    parts = [
        f"# {_plain(certificate.title)}",
        f"Synthetic scans by {_plain(certificate.owner)}. {USE}",
        _part("Motivation", ["Train and test methods where scans of patients cannot be shared."]),
        _part(
            "Composition",
            [
                f"{found.patients} simulated patients, {found.scans_per_patient} scans each; no"
                " row is a person.",
                f"Images: {found.modality} in {found.unit}; masks of the tumor; the label"
                " `response`.",
                "`scans.h5` holds everything; `sub-*` the same as NIfTI; `participants.tsv` and"
                " `sessions.tsv` labels, columns and days; `croissant.json` describes them.",
                *map(_plain, contents_lines(certificate)),
            ],
        ),
        _part("How they were made", map(_plain, proved_lines(certificate))),
        _part("What the owner asserts", map(_plain, asserted_lines(certificate))),
        _part(
            "Uses",
            [
                USE,
                "No score against real patients is in here: such scores are kept by the owner,"
                " since they would have to be paid for.",
                "Synthetic tumors need not have every relation that real ones have: test on real"
                " patients before you believe a result.",
            ],
        ),
        _part(
            "Distribution",
            [f"License {certificate.license}, published {certificate.published}."],
        ),
        _part("Maintenance", ["Ask the owner named above; a corrected release is a new one."]),
    ]
    return "\n\n".join(parts) + "\n"


def _section(name: str, lines: Sequence[str]) -> str:
    items = "".join(f"\n<li>{html.escape(line)}</li>" for line in lines)
    return f"<section>\n<h2>{name}</h2>\n<ul>{items}\n</ul>\n</section>"


def _part(name: str, lines: Iterable[str]) -> str:
    return f"## {name}\n" + "\n".join(f"- {line}" for line in lines)


def _plain(text: str) -> str:
    """Without the meaning that Markdown and HTML give to some characters."""
    return re.sub(r"([\\`*_\[\]<>|#&])", r"\\\1", text)

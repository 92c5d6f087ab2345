"""HTML by construction: every text is escaped unless it already is `Markup`."""

import html
import json
import math
from collections.abc import Container, Iterable, Sequence
from typing import Any


class Markup(str):
    """Text that already is HTML."""

    __slots__ = ()


def escape(value: object) -> Markup:
    """HTML of any value: markup stays as it is, everything else is escaped."""
    return value if isinstance(value, Markup) else Markup(html.escape(str(value), quote=True))


def join(parts: Iterable[object], separator: str = "") -> Markup:
    """HTML of several values one after the other."""
    return Markup(separator.join(escape(part) for part in parts))


def element(tag: str, *children: object, **attributes: object) -> Markup:
    """One HTML element; `class_` and `data_x` become `class` and `data-x`, None leaves one out."""
    opening = tag
    for name, value in attributes.items():
        if value is None or value is False:
            continue
        key = name.rstrip("_").replace("_", "-")
        opening += f" {key}" if value is True else f' {key}="{escape(str(value))}"'
    if tag in {"br", "input", "hr"}:
        return Markup(f"<{opening}>")
    return Markup(f"<{opening}>{join(children)}</{tag}>")


def paragraph(*children: object, class_: str | None = None) -> Markup:
    """A paragraph."""
    return element("p", *children, class_=class_)


def bullets(items: Iterable[object], class_: str | None = None) -> Markup:
    """An unordered list."""
    return element("ul", *(element("li", item) for item in items), class_=class_)


def table(
    head: Sequence[object],
    rows: Iterable[Sequence[object] | Markup],
    *,
    caption: object = "",
    class_: str = "",
    right: Container[int] = (),
) -> Markup:
    """A table that scrolls sideways on narrow windows.

    Args:
        head: column titles.
        rows: cells of each row, or the finished HTML of a row.
        caption: what is shown, with units.
        class_: extra CSS classes.
        right: columns of numbers, whose titles are set flush right.
    """
    body = [
        row if isinstance(row, Markup) else element("tr", *(cell(value) for value in row))
        for row in rows
    ]
    titles = element(
        "tr",
        *(
            element("th", title, scope="col", class_="number" if index in right else None)
            for index, title in enumerate(head)
        ),
    )
    content = element("table", element("thead", titles), element("tbody", *body), class_=class_)
    box = element("div", content, class_="scroll", tabindex="0")
    return element("figure", box, element("figcaption", caption) if caption else "")


def cell(value: object, **attributes: object) -> Markup:
    """A table cell; numbers are set flush right."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return element("td", number(float(value)), class_="number", **attributes)
    return element("td", value, **attributes)


def number(value: float, digits: int = 3) -> str:
    """A number with so many significant digits, "–" where there is none."""
    if not math.isfinite(value):
        return "–" if math.isnan(value) else ("∞" if value > 0 else "−∞")
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1e6 or size < 1e-3:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        return f"{mantissa}×10^{int(exponent)}".replace("-", "−")
    decimals = max(0, digits - 1 - math.floor(math.log10(size)))
    written = f"{value:.{decimals}f}"
    written = written.rstrip("0").rstrip(".") if "." in written else written
    return written.replace("-", "−")


def span_text(low: float, high: float, digits: int = 3) -> str:
    """An interval "low to high"."""
    return f"{number(low, digits)} to {number(high, digits)}"


def json_text(data: Any) -> str:
    """JSON that cannot end a script element: no "<", ">" or "&" stands in it; NaN becomes null."""
    text = json.dumps(_finite(data), separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _finite(data: Any) -> Any:
    if isinstance(data, dict):
        return {str(key): _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    if hasattr(data, "tolist"):
        return _finite(data.tolist())
    if isinstance(data, float):
        return float(f"{data:.5g}") if math.isfinite(data) else None
    return data

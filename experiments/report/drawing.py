"""Pieces of charts without scripts: SVG by construction."""

from __future__ import annotations

from experiments.report.markup import Markup, element

BLUE, RED, GREEN, ORANGE, LINE = "#0072B2", "#D55E00", "#00704f", "#a5588f", "#c5cacd"


def svg(
    width: float, height: float, parts: list[Markup], label: str, class_: str = "chart"
) -> Markup:
    """A chart of parts; `label` is what screen readers say."""
    box = f"0 0 {width:.0f} {height:.0f}"
    return element("svg", *parts, viewBox=box, class_=class_, role="img", aria_label=label)


def line(x1: str, y1: str, x2: str, y2: str, **more: object) -> Markup:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, **({"stroke": LINE} | more))


def text(x: str, y: str, words: str, anchor: str) -> Markup:
    """Words at a point."""
    return element("text", words, x=x, y=y, text_anchor=anchor)

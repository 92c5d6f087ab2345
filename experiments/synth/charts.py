"""Two charts without scripts: effects of features, and attacks on membership."""

from __future__ import annotations

import numpy as np

from experiments.report.markup import Markup, element, number
from generative.attacks.outcome import Membership
from generative.metrics.preservation import Effects

_BLUE, _RED, _LINE = "#0072B2", "#D55E00", "#c5cacd"
_LIMIT = 0.55


def effect_chart(effects: Effects) -> Markup:
    """Effects in synthetic against those in real patients; on the diagonal they agree."""
    side, margin = 360.0, 56.0
    reach = 1.1 * float(max(np.abs(effects.real).max(), np.abs(effects.synthetic).max(), 0.1))

    def place(value: float) -> float:
        return margin + side * (value + reach) / (2.0 * reach)

    def x(value: float) -> str:
        return f"{place(value):.1f}"

    def y(value: float) -> str:
        return f"{2.0 * margin + side - place(value):.1f}"

    parts = [
        _line(x(-reach), y(-reach), x(reach), y(reach)),
        _line(x(-reach), y(0.0), x(reach), y(0.0)),
        _line(x(0.0), y(-reach), x(0.0), y(reach)),
    ]
    tick = float(f"{0.7 * reach:.1g}")
    for value in (-tick, 0.0, tick):
        parts.append(_text(x(value), y(-reach * 1.1), number(value), "middle"))
        parts.append(_text(f"{margin - 6:.1f}", y(value), number(value), "end"))
    for name, real, made in zip(effects.names, effects.real, effects.synthetic, strict=True):
        dot = element("title", f"{name}: real {real:.2f}, synthetic {made:.2f}")
        parts.append(element("circle", dot, cx=x(real), cy=y(made), r=4, fill=_BLUE, opacity=0.75))
    parts.append(
        _text(x(0.0), f"{side + 2 * margin - 12:.0f}", "effect in real patients", "middle")
    )
    parts.append(
        _text(f"{margin:.0f}", f"{margin - 14:.0f}", "effect in synthetic patients", "start")
    )
    size = side + 2.0 * margin
    return _svg(size, size, parts, "Effects of features, synthetic against real", "chart square")


def attack_chart(membership: Membership) -> Markup:
    """AUC of each attack with its interval; the line is a coin, the dashed one the limit."""
    left, width, step = 220.0, 380.0, 28.0
    height = step * len(membership.attacks) + 40.0
    lowest = min(0.4, *(attack.auc.low for attack in membership.attacks))

    def x(value: float) -> str:
        return f"{left + width * (value - lowest) / (1.0 - lowest):.1f}"

    bottom = f"{height - 26:.0f}"
    parts = [
        _line(x(0.5), "6", x(0.5), bottom),
        _line(x(_LIMIT), "6", x(_LIMIT), bottom, stroke_dasharray="4 4", stroke=_RED),
    ]
    for value in (0.5, 0.75, 1.0):
        parts.append(_text(x(value), f"{height - 8:.0f}", number(value), "middle"))
    for row, attack in enumerate(membership.attacks):
        middle = f"{step * row + 20:.0f}"
        parts.append(_text(f"{left - 10:.0f}", f"{step * row + 24:.0f}", attack.name, "end"))
        parts.append(
            _line(
                x(attack.auc.low), middle, x(attack.auc.high), middle, stroke=_BLUE, stroke_width=3
            )
        )
        parts.append(element("circle", cx=x(attack.auc.value), cy=middle, r=5, fill=_BLUE))
    return _svg(left + width + 20.0, height, parts, "Attacks on membership")


def _svg(
    width: float, height: float, parts: list[Markup], label: str, class_: str = "chart"
) -> Markup:
    box = f"0 0 {width:.0f} {height:.0f}"
    return element("svg", *parts, viewBox=box, class_=class_, role="img", aria_label=label)


def _line(x1: str, y1: str, x2: str, y2: str, **more: object) -> Markup:
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, **({"stroke": _LINE} | more))


def _text(x: str, y: str, text: str, anchor: str) -> Markup:
    return element("text", text, x=x, y=y, text_anchor=anchor)

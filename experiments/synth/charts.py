"""Two charts without scripts: effects of features, and attacks on membership."""

from __future__ import annotations

import numpy as np

from experiments.report.drawing import BLUE, RED, line, svg, text
from experiments.report.markup import Markup, element, number
from generative.attacks.outcome import Membership
from generative.metrics.preservation import Effects

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
        line(x(-reach), y(-reach), x(reach), y(reach)),
        line(x(-reach), y(0.0), x(reach), y(0.0)),
        line(x(0.0), y(-reach), x(0.0), y(reach)),
    ]
    tick = float(f"{0.7 * reach:.1g}")
    for value in (-tick, 0.0, tick):
        parts.append(text(x(value), y(-reach * 1.1), number(value), "middle"))
        parts.append(text(f"{margin - 6:.1f}", y(value), number(value), "end"))
    for name, real, made in zip(effects.names, effects.real, effects.synthetic, strict=True):
        dot = element("title", f"{name}: real {real:.2f}, synthetic {made:.2f}")
        parts.append(element("circle", dot, cx=x(real), cy=y(made), r=4, fill=BLUE, opacity=0.75))
    parts.append(text(x(0.0), f"{side + 2 * margin - 12:.0f}", "effect in real patients", "middle"))
    parts.append(
        text(f"{margin:.0f}", f"{margin - 14:.0f}", "effect in synthetic patients", "start")
    )
    size = side + 2.0 * margin
    return svg(size, size, parts, "Effects of features, synthetic against real", "chart square")


def attack_chart(membership: Membership) -> Markup:
    """AUC of each attack with its interval; the line is a coin, the dashed one the limit."""
    left, width, step = 220.0, 380.0, 28.0
    height = step * len(membership.attacks) + 40.0
    lowest = min(0.4, *(attack.auc.low for attack in membership.attacks))

    def x(value: float) -> str:
        return f"{left + width * (value - lowest) / (1.0 - lowest):.1f}"

    bottom = f"{height - 26:.0f}"
    parts = [
        line(x(0.5), "6", x(0.5), bottom),
        line(x(_LIMIT), "6", x(_LIMIT), bottom, stroke_dasharray="4 4", stroke=RED),
    ]
    for value in (0.5, 0.75, 1.0):
        parts.append(text(x(value), f"{height - 8:.0f}", number(value), "middle"))
    for row, attack in enumerate(membership.attacks):
        middle = f"{step * row + 20:.0f}"
        parts.append(text(f"{left - 10:.0f}", f"{step * row + 24:.0f}", attack.name, "end"))
        parts.append(
            line(x(attack.auc.low), middle, x(attack.auc.high), middle, stroke=BLUE, stroke_width=3)
        )
        parts.append(element("circle", cx=x(attack.auc.value), cy=middle, r=5, fill=BLUE))
    return svg(left + width + 20.0, height, parts, "Attacks on membership")

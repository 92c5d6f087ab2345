"""The page of a virtual trial: curves with intervals, table and findings, without scripts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from experiments.report.drawing import BLUE, GREEN, ORANGE, RED, line, svg, text
from experiments.report.markup import Markup, bullets, element, number, paragraph, table
from experiments.report.plain_page import Section, plain_page
from experiments.trial.words import days, gained, in_words
from twin.scenarios.trial_result import Arm, TrialResult
from twin.scenarios.trial_strategies import DESCRIPTIONS
from twin.scenarios.trial_worlds import WORLDS

NOTICE = (
    "All patients are simulated. A gain here is a gain in these simulators, under this protocol; it"
    " says nothing of any real patient."
)
_COLORS = ("#3c444c", ORANGE, BLUE, RED, GREEN)
_LEFT, _TOP, _WIDTH, _HEIGHT = 54.0, 16.0, 560.0, 260.0
_STYLE = """
svg.chart { display: block; width: 100%; max-width: 820px; height: auto; }
svg.chart text { font: 12px system-ui, sans-serif; fill: #3c444c; }
figure + figure { margin-top: 18px; }
table.wide td { white-space: nowrap; }
"""


def trial_page(results: Sequence[TrialResult]) -> str:
    """HTML of a trial."""
    strategies = bullets(f"{arm.name}: {DESCRIPTIONS.get(arm.name, '')}" for arm in results[0].arms)
    patients = results[0].patients
    return plain_page(
        "Virtual trial",
        f"{patients} simulated patients of each world, every one treated by every strategy",
        window_title="oncotwin: virtual trial",
        notices=[paragraph(NOTICE, class_="notice simulated")],
        sections=[
            Section("Findings", bullets(in_words(results))),
            *(Section(f"World {result.world}", _world(result)) for result in results),
            Section("Strategies", strategies),
        ],
        style=_STYLE,
    )


def _world(result: TrialResult) -> Markup:
    broken = WORLDS[result.world].description if result.world in WORLDS else ""
    caption = (
        "Share of simulated patients without progression (Kaplan-Meier, shaded: 95 % limits), days"
        f" after the decision. Assumptions of the twin that this world breaks: {broken}."
    )
    chart = element("figure", survival_chart(result), element("figcaption", caption))
    return Markup(chart + _table(result))


def survival_chart(result: TrialResult) -> Markup:
    """Curves of all strategies with their limits."""
    horizon = result.horizon_days

    def x(day: float) -> float:
        return _LEFT + _WIDTH * day / horizon

    def y(share: float) -> float:
        return _TOP + _HEIGHT * (1.0 - share)

    bottom = y(0.0)
    parts = [line(f"{x(0):.1f}", f"{bottom:.1f}", f"{x(horizon):.1f}", f"{bottom:.1f}")]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(line(f"{x(0) - 4:.1f}", f"{y(share):.1f}", f"{x(0):.1f}", f"{y(share):.1f}"))
        parts.append(text(f"{x(0) - 8:.1f}", f"{y(share) + 4:.1f}", number(share), "end"))
    for day in np.linspace(0.0, horizon, 7):
        parts.append(line(f"{x(day):.1f}", f"{bottom:.1f}", f"{x(day):.1f}", f"{bottom + 4:.1f}"))
        parts.append(text(f"{x(day):.1f}", f"{bottom + 18:.1f}", f"{day:.0f}", "middle"))
    parts.append(text(f"{x(horizon / 2):.1f}", f"{bottom + 36:.1f}", "days", "middle"))
    for index, (arm, color) in enumerate(zip(result.arms, _COLORS, strict=False)):
        parts += _curve(arm, color, x, y)
        middle = _TOP + 12.0 + 20.0 * index
        start = _LEFT + _WIDTH + 16.0
        parts.append(
            line(
                f"{start:.1f}",
                f"{middle:.1f}",
                f"{start + 22:.1f}",
                f"{middle:.1f}",
                stroke=color,
                stroke_width=3,
            )
        )
        parts.append(text(f"{start + 28:.1f}", f"{middle + 4:.1f}", arm.name, "start"))
    label = f"Share without progression by strategy, world {result.world}"
    return svg(_LEFT + _WIDTH + 150.0, bottom + 44.0, parts, label)


def _curve(arm: Arm, color: str, x, y) -> list[Markup]:
    curve = arm.curve
    places = [
        (x(float(day)), *(y(float(v)) for v in values))
        for day, *values in zip(curve.days, curve.share, curve.low, curve.high, strict=True)
    ]
    upper = _steps([(place[0], place[3]) for place in places])
    lower = _steps([(place[0], place[2]) for place in places])
    band = "M" + "L".join((*upper, *reversed(lower))) + "Z"
    path = "M" + "L".join(_steps([(place[0], place[1]) for place in places]))
    name = element("title", arm.name)
    return [
        element("path", d=band, fill=color, opacity=0.12, stroke="none"),
        element("path", name, d=path, fill="none", stroke=color, stroke_width=2),
    ]


def _steps(points: Sequence[tuple[float, float]]) -> list[str]:
    """Corners of a step function that keeps its value until the next point."""
    corners = [points[0]]
    for (_, before), (place, value) in zip(points, points[1:], strict=False):
        corners += [(place, before), (place, value)]
    return [f"{a:.1f} {b:.1f}" for a, b in corners]


def _table(result: TrialResult) -> Markup:
    organs = list(result.arms[0].organ_eqd2_gy)
    drugs = sorted({drug for arm in result.arms for drug in arm.drug_mg_m2})
    head = ["Strategy", "Days without progression", "Gain", "", "Promised", "Gain of worst fifth"]
    head += ["Gain in control"]
    head += ["Progressed", "Changes", *(f"EQD2 {organ} (Gy)" for organ in organs)]
    head += [*(f"{drug} (mg/m²)" for drug in drugs), "Nadir (10⁹/L)", "Clinic days"]
    rows = []
    for arm in result.arms:
        first = arm is result.arms[0]
        nadir = arm.nadir_1e9_per_l
        rows.append(
            [
                arm.name,
                days(arm.progression_days),
                "" if first else gained(arm.gain_days),
                "" if first else arm.gain_days.verdict,
                "" if first else gained(arm.promised_days),
                "" if first else gained(arm.worst_gain_days),
                "" if first else gained(arm.control_gain_days),
                f"{arm.progressed} of {result.patients}",
                arm.changes,
                *(arm.organ_eqd2_gy[organ] for organ in organs),
                *(arm.drug_mg_m2.get(drug, 0.0) for drug in drugs),
                "–" if nadir is None else nadir,
                arm.clinic_days,
            ]
        )
    caption = (
        f"Means over simulated patients within {result.horizon_days:g} days, 95 % bootstrap"
        " intervals; gains are paired differences to the standard of care. Promised: what the twin"
        " expected of the first plan. Worst fifth: mean of the patients who progressed first."
        " Control is lost when the volume has outgrown that at the decision by"
        " 40 %. Nadir: mean over patients with a drug that acts on the marrow."
    )
    return table(head, rows, caption=caption, class_="wide", right=range(8, len(head)))

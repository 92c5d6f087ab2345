"""Timeline of a patient: visits, fractions, drug doses and surgery by day, as an SVG."""

from collections.abc import Iterable

from experiments.report.markup import Markup, element, escape
from experiments.report.material import Material
from twin.treatments.schedule import Schedule

WIDTH, LEFT, RIGHT, LANE = 1120, 190, 24, 40


def timeline(material: Material) -> Markup:
    """The figure "what happened when", with its caption.

    The lanes of the standard of care and of the best-ranked plan show what they would give after
    the decision day.
    """
    lanes = _lanes(material)
    last = _last_day(material)
    step = next(s for s in (1, 2, 5, 7, 14, 28, 50, 100, 200, 500, 1000, 10**9) if last / s <= 14)
    height = LANE * len(lanes) + 56
    parts: list[Markup] = []

    def x(day: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * day / last

    bottom = LANE * len(lanes) + 20
    for tick in range(0, int(last) + 1, step):
        parts.append(_line(x(tick), 20, bottom, "grid"))
        parts.append(_text(x(tick), bottom + 18, str(tick), "tick", "middle"))
    parts.append(_text(WIDTH - RIGHT, bottom + 34, "days since the first visit", "tick", "end"))
    decision = material.posterior.decision_day
    parts.append(_line(x(decision), 12, bottom, "decision"))
    parts.append(_text(x(decision) + 5, 14, "decision day (last fitted visit)", "decision-text"))
    for index, (title, marks) in enumerate(lanes):
        middle = 20 + LANE * (index + 0.5)
        parts.append(_text(LEFT - 14, middle + 4, title, "lane", "end"))
        parts.append(
            element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=middle, y2=middle, class_="lane-line")
        )
        parts.extend(_mark(kind, x(day), middle, title_text) for kind, day, title_text in marks)
    drawing = element(
        "svg",
        *parts,
        viewBox=f"0 0 {WIDTH} {height}",
        role="img",
        aria_label="Timeline of visits and treatments",
        class_="timeline",
    )
    return element("div", drawing, class_="scroll", tabindex="0")


def _lanes(material: Material) -> list[tuple[str, list[tuple[str, float, str]]]]:
    names = material.names
    visits = []
    for visit in material.patient.visits:
        kind = "fitted" if material.role(visit) == "fitted" else "held-out"
        note = f"{names.visit(visit.name)}, day {visit.time_days:.4g}, {material.role(visit)}"
        if visit.simulated:
            kind, note = f"{kind} simulated", f"{note}, simulated"
        visits.append((kind, visit.time_days, note))
    given = material.patient.treatments
    lanes = [("Visits", visits)]
    if given.fractions:
        lanes.append(("Radiotherapy given", _fractions(given)))
    for drug in sorted({dose.drug for dose in given.drug_doses}):
        doses = [dose for dose in given.drug_doses if dose.drug == drug]
        marks = [("drug", d.time_days, f"{d.dose_mg:.4g} mg, day {d.time_days:.4g}") for d in doses]
        lanes.append((f"{names.drug(drug)} given", marks))
    if given.surgeries:
        lanes.append(("Surgery given", _surgeries(given)))
    rows = [("Plan: standard of care", material.standard), ("Plan: best-ranked", material.best)]
    for title, row in rows:
        if row is not None:
            lanes.append((title, _plan(row.plan.schedule, names.drug)))
    return lanes


def _fractions(schedule: Schedule) -> list[tuple[str, float, str]]:
    return [
        ("fraction", item.time_days, f"{item.dose_gy:.3g} Gy, day {item.time_days:.4g}")
        for item in schedule.fractions
    ]


def _surgeries(schedule: Schedule) -> list[tuple[str, float, str]]:
    return [
        (
            "surgery",
            item.time_days,
            f"surgery, margin {item.margin_mm:.3g} mm, day {item.time_days:.4g}",
        )
        for item in schedule.surgeries
    ]


def _plan(schedule: Schedule, drug_name) -> list[tuple[str, float, str]]:
    doses: Iterable = schedule.drug_doses
    drugs = [
        ("drug", d.time_days, f"{drug_name(d.drug)} {d.dose_mg:.4g} mg, day {d.time_days:.4g}")
        for d in doses
    ]
    return _fractions(schedule) + drugs + _surgeries(schedule)


def _last_day(material: Material) -> float:
    patient = material.patient
    days = [1.0, material.posterior.decision_day, *(v.time_days for v in patient.visits)]
    schedules = [patient.treatments]
    schedules += [row.plan.schedule for row in (material.best, material.standard) if row]
    for schedule in schedules:
        events = (*schedule.fractions, *schedule.drug_doses, *schedule.surgeries)
        days += [event.time_days for event in events]
    return max(days) * 1.03


def _mark(kind: str, x: float, y: float, note: str) -> Markup:
    title = element("title", note)
    if kind.startswith(("fitted", "held-out")):
        if "fitted" in kind:
            return element("circle", title, cx=f"{x:.1f}", cy=y, r=8, class_=f"visit {kind}")
        corners = f"{x:.1f},{y - 10} {x + 10:.1f},{y} {x:.1f},{y + 10} {x - 10:.1f},{y}"
        return element("polygon", title, points=corners, class_=f"visit {kind}")
    if kind == "fraction":
        return element(
            "line", title, x1=f"{x:.1f}", x2=f"{x:.1f}", y1=y - 10, y2=y + 10, class_=kind
        )
    if kind == "drug":
        corners = f"{x - 7:.1f},{y - 8} {x + 7:.1f},{y - 8} {x:.1f},{y + 7}"
        return element("polygon", title, points=corners, class_=kind)
    return element("rect", title, x=f"{x - 7:.1f}", y=y - 7, width=14, height=14, class_=kind)


def _line(x: float, top: float, bottom: float, class_: str) -> Markup:
    return element("line", x1=f"{x:.1f}", x2=f"{x:.1f}", y1=top, y2=bottom, class_=class_)


def _text(x: float, y: float, text: str, class_: str, anchor: str = "start") -> Markup:
    return element(
        "text", escape(text), x=f"{x:.1f}", y=f"{y:.1f}", class_=class_, text_anchor=anchor
    )

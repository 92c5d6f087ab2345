"""Interactive figures as plain plotly descriptions: burden over time, plans, Pareto front."""

from typing import Any

import numpy as np

from experiments.report.material import Material, describe_plan

BLUE, VERMILION, GREEN, ORANGE, GRAY, BLACK = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#E69F00",
    "#7A8288",
    "#1B1F23",
)
Figure = dict[str, Any]


def burden_figure(material: Material, quantity: str) -> Figure:
    """Forecast of the burden with bands, and what was seen at the visits.

    Args:
        material: results of the run, with a forecast.
        quantity: "burden_ml" (cell burden that an ADC map shows) or "visible_ml".
    """
    forecast = material.forecast
    assert forecast is not None
    title = {
        "burden_ml": "Cell burden seen (mL at capacity)",
        "visible_ml": "Visible tumor volume (mL)",
    }[quantity]
    traces = band(forecast.times_days, getattr(forecast, quantity), BLUE, "forecast")
    traces += _predictive(material, quantity) + _observations(material, quantity)
    layout = _layout("days since the first visit", title)
    layout["shapes"] = [_vertical(material.posterior.decision_day)]
    layout["yaxis"] |= {"rangemode": "tozero"}
    layout["shapes"] += [_rug(item.time_days) for item in material.patient.treatments.fractions]
    layout["annotations"] = [_note(material.posterior.decision_day, "decision day")]
    return {"data": traces, "layout": layout}


def plan_figure(material: Material) -> Figure:
    """Viable burden under the best-ranked plan and the standard of care."""
    outcomes, best, standard = material.outcomes, material.best, material.standard
    assert outcomes is not None and best is not None
    traces = []
    rows = [(best, BLUE, "best-ranked plan")]
    if standard is not None and standard is not best:
        rows.append((standard, VERMILION, "standard of care"))
    for row, color, label in rows:
        draws = np.asarray(outcomes.viable_ml[row.index])
        draws = draws[np.asarray(outcomes.status[row.index]) == 0]
        traces += band(outcomes.times_days, np.maximum(draws, 1e-6), color, label, inner=False)
    layout = _layout("days since the first visit", "Viable burden (mL at capacity)")
    layout["yaxis"] |= {"type": "log", "exponentformat": "power"}
    layout["shapes"] = [_vertical(material.posterior.decision_day)]
    layout["annotations"] = [_note(material.posterior.decision_day, "decision day")]
    return {"data": traces, "layout": layout}


def pareto_figure(material: Material) -> Figure:
    """Expected loss against toxicity of every plan, with the front and the standard of care."""
    ranking = material.ranking
    assert ranking is not None
    rows = ranking.rows
    front = sorted((row for row in rows if row.on_pareto), key=lambda row: row.toxicity)
    standard = [row for row in rows if row.plan.standard_of_care]
    plain = [row for row in rows if row.feasible and not row.finalist]
    finalists = [row for row in rows if row.feasible and row.finalist]
    outside = [row for row in rows if not row.feasible]
    line = {"color": GREEN, "width": 2, "shape": "hv"}
    traces = [
        _points(material, outside, "over a limit", {"color": "#A9B0B5", "symbol": "x-thin-open"}),
        _points(material, plain, "within all limits", {"color": "#56B4E9", "opacity": 0.75}),
        _points(
            material,
            front,
            "Pareto front",
            {"color": GREEN, "size": 6, "symbol": "square"},
            mode="lines+markers",
            line=line,
        ),
        _points(material, finalists, "finalists", _ringed(BLUE, 11, "circle-open")),
        _points(material, standard, "standard of care", _ringed(VERMILION, 15, "diamond")),
    ]
    if material.best is not None:
        traces.append(_points(material, [material.best], "best-ranked", _ringed(BLUE, 17, "star")))
    days = ranking.objective == "progression_days"
    loss = "Days to progression, negative" if days else "Expected burden, log₁₀(mL)"
    layout = _layout("Worst toxicity (1 = at a limit)", loss)
    layout["xaxis"] |= {"rangemode": "tozero"}
    layout["hovermode"] = "closest"
    layout["shapes"] = [_vertical(1.0)]
    layout["annotations"] = [_note(1.0, "limit")]
    return {"data": [trace for trace in traces if trace["x"]], "layout": layout}


def band(
    times_days: Any, draws: Any, color: str, name: str, *, inner: bool = True
) -> list[dict[str, Any]]:
    """Median, 50 % band and 90 % band of draws over time.

    Args:
        times_days: (T,) days since the first visit.
        draws: (S, T) values.
        color: hex color.
        name: name of the median in the legend.
        inner: whether the 50 % band is shown.
    """
    days = np.asarray(times_days, dtype=float).tolist()
    levels = np.quantile(np.asarray(draws, dtype=float), [0.05, 0.25, 0.5, 0.75, 0.95], axis=0)
    low, quarter, median, three, high = levels.tolist()

    def edge(values: list[float], alpha: float | None, label: str) -> dict[str, Any]:
        trace: dict[str, Any] = {"x": days, "y": values, "mode": "lines", "hoverinfo": "skip"}
        trace |= {"line": {"width": 0, "color": color}, "showlegend": alpha is not None}
        trace |= {"legendgroup": f"{name} {label}", "name": f"{name}, {label}"}
        if alpha is not None:
            trace |= {"fill": "tonexty", "fillcolor": _transparent(color, alpha)}
        return trace

    traces = [edge(low, None, "90 %"), edge(high, 0.16, "90 %")]
    if inner:
        traces += [edge(quarter, None, "50 %"), edge(three, 0.28, "50 %")]
    spans = [f"{a:.3g} to {b:.3g}" for a, b in zip(low, high, strict=True)]
    hover = "day %{x:.1f}: %{y:.3g} mL<br>90 %: %{customdata}"
    traces.append(
        {
            "x": days,
            "y": median,
            "customdata": spans,
            "mode": "lines",
            "name": f"{name}, median",
            "line": {"color": color, "width": 2.2},
            "hovertemplate": f"{hover}<extra></extra>",
        }
    )
    return traces


def _predictive(material: Material, quantity: str) -> list[dict[str, Any]]:
    """Bars of the 90 % predictive interval at each visit, measurement noise included."""
    field = {"burden_ml": "predicted_burden_ml", "visible_ml": "predicted_visible_ml"}[quantity]
    assert material.forecast is not None
    days, middles, above, below = [], [], [], []
    for item in material.forecast.visits:
        draws = np.asarray(getattr(item, field), dtype=float)
        draws = draws[np.isfinite(draws)]
        if draws.size:
            low, middle, high = np.quantile(draws, [0.05, 0.5, 0.95]).tolist()
            days.append(item.time_days)
            middles.append(middle)
            above.append(high - middle)
            below.append(middle - low)
    bars = {"type": "data", "symmetric": False, "array": above, "arrayminus": below}
    return [
        {
            "x": days,
            "y": middles,
            "error_y": bars | {"color": BLUE, "thickness": 1.4, "width": 5},
            "mode": "markers",
            "marker": {"color": BLUE, "size": 11, "symbol": "line-ew-open"},
            "name": "predicted at visit, 90 %",
            "hovertemplate": "predicted at day %{x:.1f}: %{y:.3g} mL<extra></extra>",
        }
    ]


def _observations(material: Material, quantity: str) -> list[dict[str, Any]]:
    field = {"burden_ml": "observed_viable_ml", "visible_ml": "observed_visible_ml"}[quantity]
    assert material.forecast is not None
    traces = []
    looks = [
        (False, False, "fitted", _ringed(BLACK, 10, "circle")),
        (False, True, "fitted", {"color": GRAY, "size": 10, "line": {"color": BLACK, "width": 2}}),
        (True, False, "held out", _ringed(VERMILION, 12, "diamond-open", width=2.5)),
        (True, True, "held out", _ringed(VERMILION, 12, "diamond-open-dot", width=2.5)),
    ]
    for held_out, simulated, label, marker in looks:
        seen = [
            item
            for item in material.forecast.visits
            if item.held_out == held_out
            and material.simulated(item.name) == simulated
            and getattr(item, field) is not None
        ]
        name = f"{label}, simulated visit" if simulated else label
        if seen:
            traces.append(
                {
                    "x": [item.time_days for item in seen],
                    "y": [getattr(item, field) for item in seen],
                    "text": [plain(material.names.visit(item.name)) for item in seen],
                    "mode": "markers",
                    "name": name,
                    "marker": marker,
                    "hovertemplate": "%{text}, day %{x:.1f}: %{y:.3g} mL"
                    f"<extra>{name}</extra>",
                }
            )
    return traces


def plain(text: str) -> str:
    """Text for plotly, which reads a few tags: they are taken apart."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _points(material: Material, rows, name: str, marker: dict, **extra: Any) -> dict[str, Any]:
    names = material.names
    notes = [
        f"<b>{plain(material.plan_name(row))}</b><br>{plain(describe_plan(row.plan, names))}"
        f"<br>90 %: {row.interval[0]:.2f} to {row.interval[1]:.2f}; CVaR {row.cvar:.2f}"
        for row in rows
    ]
    return {
        "x": [row.toxicity for row in rows],
        "y": [row.expected for row in rows],
        "text": notes,
        "mode": "markers",
        "name": name,
        "marker": {"size": 7} | marker,
        "hovertemplate": "%{text}<br>expected %{y:.2f}, toxicity %{x:.2f}<extra></extra>",
    } | extra


def _ringed(color: str, size: int, symbol: str, width: float = 1.5) -> dict[str, Any]:
    edge = color if "open" in symbol else "#FFFFFF"
    return {"color": color, "size": size, "symbol": symbol, "line": {"color": edge, "width": width}}


def _transparent(color: str, alpha: float) -> str:
    red, green, blue = (int(color[index : index + 2], 16) for index in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"


def _vertical(position: float) -> dict[str, Any]:
    line = {"color": BLACK, "width": 1.2, "dash": "dash"}
    return {"type": "line", "x0": position, "x1": position, "yref": "paper", "y0": 0, "y1": 1} | {
        "line": line
    }


def _rug(position: float) -> dict[str, Any]:
    line = {"color": ORANGE, "width": 1.5}
    return {
        "type": "line",
        "x0": position,
        "x1": position,
        "yref": "paper",
        "y0": 0,
        "y1": 0.035,
    } | {"line": line}


def _note(position: float, text: str) -> dict[str, Any]:
    place = {"x": position, "y": 1, "yref": "paper", "xanchor": "left", "yanchor": "top"}
    return place | {"text": text, "showarrow": False, "font": {"size": 12}, "xshift": 3}


def _layout(x_title: str, y_title: str) -> dict[str, Any]:
    axis = {"gridcolor": "#E6E8EA", "linecolor": "#9AA1A6", "zerolinecolor": "#C5CACD"}
    axis |= {"automargin": True, "ticks": "outside", "tickcolor": "#9AA1A6"}
    return {
        "xaxis": axis | {"title": {"text": x_title, "font": {"size": 13}}},
        "yaxis": axis | {"title": {"text": y_title, "font": {"size": 13}}},
        "margin": {"l": 62, "r": 14, "t": 12, "b": 50},
        "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0},
        "hovermode": "closest",
        "paper_bgcolor": "#FFFFFF",
        "plot_bgcolor": "#FFFFFF",
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": BLACK},
    }

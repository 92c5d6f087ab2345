"""`oncotwin sensitivity`: Sobol and Morris tables of a run's quantities of interest."""

from __future__ import annotations

from typing import Any

import numpy as np
from rich.table import Table

from experiments import console
from experiments.engines.local import every_core
from experiments.runs import Run
from experiments.workflow import Progress, posterior_identity
from twin.calibration.posterior import Posterior
from twin.scenarios.indices import MorrisEffects, SobolIndices
from twin.scenarios.sensitivity import INFORMED, Sensitivity, sensitivity

FILE = "sensitivity.json"
_SOBOL = ("first", "first_half_width", "total", "total_half_width")
_MORRIS = ("mean_absolute", "mean_absolute_half_width", "spread")


def sensitivity_run(
    run: Run,
    posterior: Posterior,
    *,
    samples: int = 128,
    trajectories: int = 16,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Analyze a run's quantities of interest and keep the tables as sensitivity.json."""
    found = sensitivity(
        posterior,
        samples=samples,
        trajectories=trajectories,
        seed=run.seed,
        engine=every_core,
        progress=progress,
    )
    tables = as_tables(found) | {"posterior_identity": posterior_identity(posterior)}
    run.save_json(FILE, tables)
    run.record("sensitivity", {"samples": samples, "trajectories": trajectories})
    return tables


def load_sensitivity(run: Run, posterior: Posterior) -> dict[str, Any] | None:
    """The tables kept in a run; None without, or where they are of another posterior."""
    if not run.has(FILE):
        return None
    tables = run.load_json(FILE)
    return tables if tables["posterior_identity"] == posterior_identity(posterior) else None


def as_tables(found: Sensitivity) -> dict[str, Any]:
    """The result as plain data; an index of a quantity that does not vary is null."""
    over = {"prior": found.prior.responses}
    if found.posterior is not None:
        over["posterior"] = found.posterior.responses
    quantities = [
        {
            "name": quantity.name,
            "unit": quantity.unit,
            "plan": quantity.plan,
            "day": quantity.day,
            **{name: _spread(values[:, index]) for name, values in over.items()},
        }
        for index, quantity in enumerate(found.quantities)
    ]
    return {
        "note": f"simulated; {console.NOT_CLINICAL}",
        "seed": found.seed,
        "samples": found.samples,
        "trajectories": found.trajectories,
        "scenarios": found.scenarios,
        "informed": list(found.informed),
        "quantities": quantities,
        "sobol_prior": _plain(found.prior, _SOBOL),
        "sobol_posterior": None if found.posterior is None else _plain(found.posterior, _SOBOL),
        "morris_prior": _plain(found.effects, _MORRIS),
    }


def _spread(values: np.ndarray) -> dict[str, float]:
    low, high = np.quantile(values, [0.05, 0.95])
    return {"mean": float(values.mean()), "low": float(low), "high": float(high)}


def _plain(found: SobolIndices | MorrisEffects, names: tuple[str, ...]) -> dict[str, Any]:
    arrays = {name: np.asarray(getattr(found, name)).tolist() for name in names}
    return {"factors": list(found.factors)} | {
        name: [[v if np.isfinite(v) else None for v in row] for row in rows]
        for name, rows in arrays.items()
    }


def print_sensitivity(tables: dict[str, Any]) -> None:
    """One table a course and kind of index."""
    plans = list(dict.fromkeys(quantity["plan"] for quantity in tables["quantities"]))
    for plan in plans:
        chosen = [i for i, q in enumerate(tables["quantities"]) if q["plan"] == plan]
        for key, title in TITLES.items():
            if tables[key] is not None:
                console.show(_table(tables, key, chosen, f"{title}; {plan} (simulated)"))
    if tables["informed"]:
        console.say(f"{INFORMED}: {', '.join(tables['informed'])}")
    console.say(
        "± is half the 95 % bootstrap interval. Total minus first: in concert with other"
        " parameters; below 0: noise of the estimate. –: the quantity does not vary."
    )
    console.say(console.NOT_CLINICAL)


TITLES = {
    "sobol_prior": "Share of the variance over the prior, first order | total",
    "sobol_posterior": "Share of the variance over the posterior, first order | total",
    "morris_prior": "Change across the prior's central 90 % (Morris), mean absolute | spread",
}
"""What each kind of table shows."""


def _table(tables: dict[str, Any], key: str, chosen: list[int], title: str) -> Table:
    found, quantities = tables[key], tables["quantities"]
    table = Table(title=title)
    table.add_column("parameter")
    for index in chosen:
        unit = f", {quantities[index]['unit']}" if key.startswith("morris") else ""
        table.add_column(
            f"{quantities[index]['name']}{unit} (day {quantities[index]['day']:g})", justify="right"
        )
    for row, factor in enumerate(found["factors"]):
        table.add_row(factor, *(index_text(found, row, index) for index in chosen))
    return table


def index_text(found: dict[str, Any], factor: int, quantity: int) -> str:
    """Two figures of one factor and quantity, as the titles name them."""
    if "spread" in found:
        mean, spread = found["mean_absolute"][factor][quantity], found["spread"][factor][quantity]
        return f"{mean:.3g} | {spread:.3g}"
    first, total = found["first"][factor][quantity], found["total"][factor][quantity]
    if first is None:
        return "–"
    halves = (found[f"{name}_half_width"][factor][quantity] for name in ("first", "total"))
    return " | ".join(f"{v:.2f}±{half:.2f}" for v, half in zip((first, total), halves, strict=True))

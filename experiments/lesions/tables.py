"""Forecasts of lesions as tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from experiments.atomic_files import write_bytes
from experiments.lesions.held_out import HeldOut
from twin.lesions import LesionSeries
from twin.lesions.population import PopulationForecast


def write_forecast(path: Path, series: LesionSeries, forecast: PopulationForecast) -> None:
    """One row for each lesion and day: median and 90 % interval in mm, chance of being the last."""
    low, high = forecast.interval_mm()
    rows = (
        (
            name,
            f"{forecast.days[i, t]:g}",
            f"{forecast.median_mm[i, t]:.1f}",
            f"{low[i, t]:.1f}",
            f"{high[i, t]:.1f}",
            f"{forecast.ends[i, t]:.3f}",
            f"{forecast.effective[i]:.0f}",
            "yes" if forecast.converged else "no",
        )
        for i, name in enumerate(series.ids)
        for t in range(forecast.days.shape[1])
    )
    head = "lesion,day,median_mm,low_90_mm,high_90_mm,chance_last_reading,effective_draws,converged"
    _write(path, head, rows)


def write_scores(path: Path, found: HeldOut) -> None:
    """One row for each lesion: what was read, and what was forecast."""
    rows = (
        (
            name,
            found.trials[i],
            f"{found.observed_mm[i]:.2f}",
            *(
                f"{part[i]:.2f}"
                for way in (found.ended, found.plain, found.carried)
                for part in (way.median_mm, way.low_mm, way.high_mm, way.crps_mm)
            ),
        )
        for i, name in enumerate(found.ids)
    )
    columns = [
        f"{way}_{part}_mm"
        for way in ("told", "not_told", "carried")
        for part in ("median", "low_90", "high_90", "crps")
    ]
    _write(path, ",".join(["lesion", "trial", "observed_mm", *columns]), rows)


def _write(path: Path, head: str, rows: Iterable[tuple[str, ...]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head.split(","))
    writer.writerows(rows)
    write_bytes(path, text.getvalue().encode())

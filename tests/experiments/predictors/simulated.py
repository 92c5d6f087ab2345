"""Simulated cohorts and tasks, as files that a user would have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

LABEL_TASK: dict[str, Any] = {
    "schema": "oncotwin-task/1",
    "name": "simulated",
    "question": "Does the tumor respond?",
    "source": "simulated",
    "use": "Tests.",
    "tables": [{"file": "table.csv", "patient": "id"}],
    "outcome": {"label": "response"},
    "inputs": [
        {"column": "age", "kind": "number"},
        {"column": "volume", "kind": "log"},
        {"column": "marker", "kind": "number"},
        {"column": "site", "kind": "category"},
    ],
    "model": {"kind": "logistic"},
    "baseline": {"inputs": ["age"], "model": "logistic"},
    "evaluation": {"outer_folds": 3, "outer_repeats": 2, "inner_folds": 2, "permutations": 99},
}
SURVIVAL = {"event": "event", "time_days": "days", "horizon_days": 365.0}


def table(patients: int = 120, *, effect: float = 2.0, seed: int = 0, prefix: str = "P"):
    """Patients whose marker says what will happen, with strength `effect`; age says nothing."""
    random = np.random.default_rng(seed)
    marker = random.normal(size=patients)
    chance = 1.0 / (1.0 + np.exp(-effect * marker))
    days = random.exponential(400.0 * np.exp(-effect * marker))
    follow_up = random.uniform(200.0, 900.0, patients)
    return pd.DataFrame(
        {
            "id": [f"{prefix}{i:03d}" for i in range(patients)],
            "age": random.normal(60.0, 10.0, patients).round(2),
            "volume": np.exp(random.normal(3.0, 1.0, patients)).round(4),
            "marker": marker.round(5),
            "site": random.choice(["leg", "arm", "trunk"], patients),
            "hospital": random.choice(["A", "B", "C"], patients),
            "response": (random.uniform(size=patients) < chance).astype(int),
            "event": (days <= follow_up).astype(int),
            "days": np.minimum(days, follow_up).round(1),
        }
    )


def task_file(folder: Path, data: pd.DataFrame | None = None, **changes: Any) -> Path:
    """Write table.csv and task.yaml; a change of None takes the key out."""
    folder.mkdir(parents=True, exist_ok=True)
    (table() if data is None else data).to_csv(folder / "table.csv", index=False)
    content = {k: v for k, v in (LABEL_TASK | changes).items() if v is not None}
    path = folder / "task.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path

"""Simulated cohorts with a task file, small enough to train within seconds."""

from pathlib import Path

import numpy as np
import pandas as pd
import yaml

LABEL = {
    "schema": "oncotwin-task/1",
    "name": "simulated",
    "question": "Will it respond?",
    "source": "simulated",
    "use": "tests",
    "tables": [{"file": "table.csv", "patient": "patient"}],
    "outcome": {"label": "response"},
    "inputs": [
        {"column": "age", "kind": "number"},
        {"column": "marker", "kind": "number"},
        {"column": "site", "kind": "category"},
    ],
    "model": {"kind": "logistic"},
    "baseline": {"inputs": ["age"], "model": "logistic"},
    "evaluation": {"outer_repeats": 2, "permutations": 3, "bootstraps": 200},
}
SURVIVAL = LABEL | {
    "outcome": {"event": "event", "time_days": "days", "horizon_days": 365.0},
    "model": {"kind": "cox"},
    "baseline": {"inputs": ["age"], "model": "cox"},
}


def table(patients: int = 120, *, seed: int = 0, effect: float = 1.5) -> pd.DataFrame:
    """Patients whose response and survival depend on a marker."""
    random = np.random.default_rng(seed)
    marker = random.normal(size=patients)
    chance = 1 / (1 + np.exp(-effect * marker))
    days = random.exponential(600 * np.exp(-0.7 * effect * marker))
    censored = random.uniform(100, 2000, patients)
    return pd.DataFrame(
        {
            "patient": [f"P{seed}-{i:03d}" for i in range(patients)],
            "age": random.normal(60, 10, patients).round(1),
            "marker": marker.round(4),
            "site": random.choice(["arm", "leg"], patients),
            "hospital": random.choice(["A", "B", "C"], patients),
            "response": (random.random(patients) < chance).astype(int),
            "event": (days < censored).astype(int),
            "days": np.minimum(days, censored).round(1),
        }
    )


def write(folder: Path, task: dict, data: pd.DataFrame, **changes) -> Path:
    """A task file beside its table; the file's path."""
    folder.mkdir(parents=True, exist_ok=True)
    data.to_csv(folder / "table.csv", index=False)
    path = folder / "task.yaml"
    path.write_text(yaml.safe_dump(task | changes, allow_unicode=True), encoding="utf-8")
    return path

"""Outcomes as arrays: a label (0 and 1), or an event with its time as scikit-survival holds it."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool
from sksurv.nonparametric import kaplan_meier_estimator
from sksurv.util import Surv

from twin.errors import TwinError


def labels(positive: np.ndarray) -> np.ndarray:
    """(n,) 1 where the outcome is positive, else 0."""
    return positive.astype(np.int64)


def survival(event: np.ndarray, time_days: np.ndarray) -> np.ndarray:
    """(n,) events with times, days: fields `event` and `time`."""
    return Surv.from_arrays(event.astype(bool), time_days.astype(float))


def is_survival(outcome: np.ndarray) -> bool:
    """Whether times belong to the outcome."""
    return outcome.dtype.names is not None


def events(outcome: np.ndarray) -> Bool[np.ndarray, " n"]:
    """(n,) who had the outcome."""
    return outcome["event"] if is_survival(outcome) else outcome == 1


def comparable(outcome: np.ndarray) -> Bool[np.ndarray, "n n"]:
    """(n, n) whether patient i should score higher than patient j.

    Labels: i is positive and j negative. Survival: i had the event while j was still observed
    (Harrell's pairs, as `sksurv.metrics.concordance_index_censored` compares them).
    """
    event = events(outcome)
    if not is_survival(outcome):
        return event[:, None] & ~event[None, :]
    time = outcome["time"]
    later = time[:, None] < time[None, :]
    censored_then = (time[:, None] == time[None, :]) & ~event[None, :]
    return event[:, None] & (later | censored_then)


def share_positive(outcome: np.ndarray, horizon_days: float | None) -> float:
    """Share of patients with the label; for survival one minus Kaplan-Meier at the horizon."""
    if not is_survival(outcome):
        return float(outcome.mean())
    assert horizon_days is not None
    curve: Any = kaplan_meier_estimator(outcome["event"], outcome["time"])
    days, alive = curve
    before = days <= horizon_days
    return 1.0 - float(alive[before][-1]) if before.any() else 0.0


def check_horizon(outcome: np.ndarray, horizon_days: float | None, *, where: str) -> None:
    """Refuse survival whose follow-up says nothing of the horizon; labels have none.

    Raises:
        TwinError: the horizon lies before the first or not before the last time.
    """
    if horizon_days is None:
        return
    first, last = float(outcome["time"].min()), float(outcome["time"].max())
    if not first <= horizon_days < last:
        raise TwinError(
            "the horizon is outside the follow-up",
            where=where,
            expected=f"outcome.horizon_days from {first:g} to less than {last:g}",
            got=f"{horizon_days:g} days",
            fix="Choose another horizon, or patients who were followed for longer",
        )


def check_outcome(outcome: np.ndarray, *, folds: int, where: str) -> None:
    """Refuse an outcome that cannot be evaluated.

    Raises:
        TwinError: one class only, or fewer patients with (or without) the outcome than folds.
    """
    event = events(outcome)
    with_outcome, without = int(event.sum()), int((~event).sum())
    kind = "event" if is_survival(outcome) else "label"
    if with_outcome == 0 or (without == 0 and not is_survival(outcome)):
        raise TwinError(
            f"one class only: every {kind} is {'positive' if without == 0 else 'negative'}",
            where=where,
            expected="patients with and without the outcome",
            got=f"{with_outcome} with, {without} without",
        )
    fewest = with_outcome if is_survival(outcome) else min(with_outcome, without)
    if fewest < folds:
        raise TwinError(
            "fewer events than folds",
            where=where,
            expected=f"at least {folds} patients with and without the outcome",
            got=f"{with_outcome} with, {without} without",
            fix="Use fewer folds (evaluation.outer_folds), or more patients",
        )

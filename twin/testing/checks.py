"""Refuses a case that makes no sense, field by field: for simulators that check nothing else."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from twin.testing.case import Case

MAX_FRACTION_GY = 100.0
"""Above this a single fraction is taken for cGy."""


def check_case(case: Case) -> None:
    """Raise a ValueError that names the first unusable field of a case.

    Raises:
        ValueError: an array of another shape, a value that is not finite or out of range, times
            that do not increase.
    """
    shape = np.shape(case.mask)
    _need(len(shape) == 3 and bool(np.any(case.mask)), "mask", "3-D, at least one voxel", shape)
    _need(
        len(case.spacing_mm) == 3 and all(_above_zero(s) for s in case.spacing_mm),
        "spacing_mm",
        "three lengths above 0",
        case.spacing_mm,
    )
    _need(np.shape(case.initial) == shape, "initial", f"shape {shape}", np.shape(case.initial))
    _need(_above_zero(case.carrying_capacity), "carrying_capacity", "> 0", case.carrying_capacity)
    u, most = np.asarray(case.initial), (1.0 + 1e-6) * case.carrying_capacity
    bounded = np.isfinite(u).all() and u.min() >= 0.0 and u.max() <= most
    _need(bool(bounded), "initial", "0 to the carrying capacity", f"{u.min():g} to {u.max():g}")
    _check_diffusivity(case, shape)
    for name in ("proliferation_rate", "alpha"):
        _need(_from_zero(getattr(case, name)), name, ">= 0", getattr(case, name))
    _need(_above_zero(case.alpha_beta_ratio), "alpha_beta_ratio", "> 0", case.alpha_beta_ratio)
    times = np.array([case.start_days, *case.times_days], float)
    ordered = np.isfinite(times).all() and times[1] >= times[0] and np.all(np.diff(times[1:]) > 0)
    _need(bool(ordered), "times_days", "increasing from the start on", case.times_days)
    _need(case.dt_days is None or _above_zero(case.dt_days), "dt_days", "> 0", case.dt_days)
    for when, dose in case.fractions:
        _need(math.isfinite(when), "fractions", "a finite time", when)
        _need(_from_zero(dose) and dose <= MAX_FRACTION_GY, "fractions", "a dose in Gy", dose)
    for drug in case.drugs:
        _need(_from_zero(drug.sensitivity_per_day), "drugs", "sensitivity >= 0", drug)
        _need(_above_zero(drug.elimination_rate_per_day), "drugs", "elimination > 0", drug)
        for when, amount in drug.doses:
            _need(math.isfinite(when) and _from_zero(amount), "drugs", "a dose >= 0", amount)


def _check_diffusivity(case: Case, shape: tuple[int, ...]) -> None:
    d = np.asarray(case.diffusivity)
    _need(d.shape in ((), shape, (3, 3, *shape)), "diffusivity", f"shape {shape}", d.shape)
    inside = d if d.ndim == 0 else d[..., case.mask]
    _need(bool(np.isfinite(inside).all()), "diffusivity", "finite values", "NaN or Inf")
    if d.ndim < 5:
        _need(bool((inside >= 0.0).all()), "diffusivity", ">= 0", inside.min())
        return
    tensors = np.moveaxis(inside, -1, 0)
    symmetric = np.allclose(tensors, np.swapaxes(tensors, 1, 2))
    _need(
        symmetric and bool((np.linalg.eigvalsh(tensors) >= -1e-12).all()),
        "diffusivity",
        "symmetric tensors without negative eigenvalues",
        "others",
    )


def _above_zero(value: Any) -> bool:
    return bool(np.isfinite(value)) and value > 0.0


def _from_zero(value: Any) -> bool:
    return bool(np.isfinite(value)) and value >= 0.0


def _need(holds: bool, field: str, expected: str, got: Any) -> None:
    if not holds:
        raise ValueError(f"{field}: expected {expected}, got {got}")

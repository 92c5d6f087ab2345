"""TumorGrowthToolkit under the kit: https://github.com/m1balcerak/TumorGrowthToolkit.

Its Fisher-Kolmogorov solvers in NumPy: `FK` with white and grey matter, `FK_DTI` with tensors,
`FK_2c` with necrotic cells. They start from a Gaussian of their own and know no treatment. To give
them the case's initial state, the method that makes the Gaussian is overridden; a diffusivity field
becomes a mixture of white and grey matter; each output is a run of its own up to that time. Nothing
else is touched.
"""

from __future__ import annotations

import contextlib
import importlib
import io
from typing import Any

import numpy as np

from twin.testing.case import Case
from twin.testing.protocol import NotApplicable

NUTRIENT = {"lambda_np": 0.35, "sigma_np": 0.5, "D_s": 1.3, "lambda_s": 1.0}
"""Necrosis and nutrient as in its example, consumed faster, so that cells die within days."""


class TumorGrowthToolkit:
    """Its `FK` solver, and its `FK_DTI` solver where the diffusivity is a tensor."""

    name = "TumorGrowthToolkit"
    version = ""

    def __call__(self, case: Case) -> np.ndarray:
        """(T, x, y, z) densities at the case's times."""
        if case.treated:
            raise NotApplicable("treatments")
        shares = np.asarray(case.initial, float) / case.carrying_capacity
        found = [self._at(case, shares, t - case.start_days) for t in case.times_days]
        return case.carrying_capacity * np.array(found)

    def compartments(self, case: Case) -> dict[str, np.ndarray]:
        """Proliferating and necrotic cells of its `FK_2c` solver under a nutrient."""
        if case.treated or case.dimensions == 5:
            raise NotApplicable("treatments")
        shares = np.asarray(case.initial, float) / case.carrying_capacity
        own = {**_tissue(case), **NUTRIENT}
        found = [_solved("FK_2c", "Solver", case, shares, t, own) for t in case.times_days]
        return {
            name: case.carrying_capacity * np.array([state[key] for state in found])
            for name, key in (("proliferating", "P"), ("necrotic", "N"))
        }

    def _at(self, case: Case, shares: np.ndarray, days: float) -> np.ndarray:
        if case.dimensions == 5:
            return _solved("FK_DTI", "FK_DTI_Solver", case, shares, days, _tensors(case))
        return _solved("FK", "Solver", case, shares, days, _tissue(case))


def _solved(
    module: str, name: str, case: Case, shares: np.ndarray, days: float, own: dict[str, Any]
) -> Any:
    """Final state of one of its solvers, started from the case's initial state."""
    seed = (np.argwhere(case.mask)[0] + 0.5) / np.array(case.shape)
    parameters: dict[str, Any] = {
        "rho": case.proliferation_rate,
        "NxT1_pct": seed[0],
        "NyT1_pct": seed[1],
        "NzT1_pct": seed[2],
        "dx_mm": case.spacing_mm[0],
        "dy_mm": case.spacing_mm[1],
        "dz_mm": case.spacing_mm[2],
        "resolution_factor": 1,
        "stopping_time": days,
        **own,
    }
    base = getattr(importlib.import_module(f"TumorGrowthToolkit.{module}.{module}"), name)
    solver = type("Started", (base,), {"gauss_sol3d": lambda self, *_: shares.copy()})
    with contextlib.redirect_stdout(io.StringIO()):
        result = solver(parameters).solve()
    if not result["success"]:
        raise RuntimeError(f"solve() ended with {result.get('error')}")
    found = result["final_state"]
    return found if isinstance(found, dict) else np.asarray(found)


def _tissue(case: Case) -> dict[str, Any]:
    """White matter where cells are fastest, grey where they are slowest, mixtures in between."""
    mask = np.asarray(case.mask, float)
    if case.dimensions == 0:
        return {"wm": mask, "gm": np.zeros_like(mask), "Dw": float(case.diffusivity)}
    field = np.asarray(case.diffusivity, float)
    slow, fast = field[case.mask].min(), field[case.mask].max()
    if slow == fast:
        return {"wm": mask, "gm": np.zeros_like(mask), "Dw": fast}
    share = np.where(case.mask, (field - slow) / (fast - slow), 0.0)
    return {"wm": share, "gm": mask - share, "Dw": fast, "RatioDw_Dg": fast / slow}


def _tensors(case: Case) -> dict[str, Any]:
    """Tensors as it wants them, (x, y, z, 3, 3); it scales their mean diagonal entry to 1."""
    inside = np.where(case.mask, case.diffusivity, 0.0)
    diagonal = np.einsum("iixyz->ixyz", inside)
    return {
        "diffusionTensors": np.moveaxis(inside, (0, 1), (-2, -1)),
        "diffusionEllipsoidScaling": 1,
        "Dw": float(diagonal[:, case.mask].mean()),
    }


tumor_growth_toolkit = TumorGrowthToolkit()

"""TumorTwin under the kit: https://github.com/OncologyModelingGroup/TumorTwin, not shipped here.

It solves du/dt = d lap u + k u (1 - u/theta) - drugs by a Runge-Kutta method of torchdiffeq and
multiplies by the survival of a fraction between steps. Inputs are translated and nothing else: a
mask becomes a NIfTI image, days become datetimes, relative drug doses are undone, since the
package divides them by the largest. Where a case asks for no step, the package's own default (2
days) is used.
"""

from __future__ import annotations

import importlib
import os
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np

from twin.testing.case import Case
from twin.testing.protocol import NotApplicable

_DAY_ZERO = datetime(2024, 1, 1)


class TumorTwin:
    """Its `ReactionDiffusion3D` with its `TorchDiffEqSolver`."""

    name = "TumorTwin"
    version = ""
    # Times and stencils of the package are float32 whatever the state is.
    precision = "single"
    water_adc = 3.0

    def __call__(self, case: Case) -> np.ndarray:
        """(T, x, y, z) cellularity at the case's times."""
        model = self._model(case)
        # Its solver returns the initial state first.
        return self._solve(case, model, case.start_days, case.times_days, case.initial)[1:]

    def split(self, case: Case, at_days: float) -> np.ndarray:
        """Two calls of `solve` on one model, the second from the last state of the first."""
        early = tuple(t for t in case.times_days if t <= at_days)
        late = tuple(t for t in case.times_days if t > at_days)
        model = self._model(case)
        first = self._solve(case, model, case.start_days, early, case.initial)[1:]
        rest = self._solve(case, model, at_days, late, first[-1])[1:]
        return np.concatenate([first, rest])

    def vjp(self, case: Case, weights: np.ndarray) -> dict[str, Any]:
        """Adjoint derivative of sum(weights * densities) by diffusivity and growth."""
        torch = _torch()
        model = self._model(case, gradients=True)
        found = self._run(case, model, case.start_days, case.times_days, case.initial, True)[1:]
        (found * torch.from_numpy(np.asarray(weights, float))).sum().backward()
        return {
            "diffusivity": float(model.d.grad),
            "proliferation_rate": float(model.k.grad),
        }

    def adc_to_cells(self, adc: np.ndarray) -> np.ndarray:
        """Its `ADC_to_cellularity` on an image that is all enhancing."""
        cellularity = importlib.import_module("tumortwin.preprocessing.cellularity")
        values = np.asarray(adc, float).reshape(-1, 1, 1)
        image, roi = _image(values, (1.0, 1.0, 1.0)), _image(np.ones_like(values), (1.0, 1.0, 1.0))
        return np.asarray(cellularity.ADC_to_cellularity(image, roi).array).reshape(-1)

    def survival(self, dose_gy: float, alpha: float, alpha_beta_ratio: float) -> float:
        """Its survival of one fraction."""
        types = importlib.import_module("tumortwin.types")
        treatments = importlib.import_module("tumortwin.treatments")
        plan = types.RadiotherapySpecification(
            alpha=alpha, alpha_beta_ratio=alpha_beta_ratio, times=[], doses=[]
        )
        return float(treatments.compute_radiotherapy_cell_survival_fraction(plan, dose_gy))

    def concentration(
        self, doses: tuple[tuple[float, float], ...], rate: float, times: np.ndarray
    ) -> np.ndarray:
        """Sum of its concentrations per dose, in units of the largest dose times that dose."""
        treatments = importlib.import_module("tumortwin.treatments")
        plan, scale = _drug_plan(1.0, rate, doses)
        levels = [np.sum(treatments.compute_chemo_concentrations(_when(t), plan)) for t in times]
        return scale * np.array(levels, float)

    def _solve(
        self, case: Case, model: Any, start: float, times: tuple[float, ...], initial: np.ndarray
    ) -> np.ndarray:
        return self._run(case, model, start, times, initial, False).detach().numpy()

    def _run(
        self,
        case: Case,
        model: Any,
        start: float,
        times: tuple[float, ...],
        initial: np.ndarray,
        adjoint: bool,
    ) -> Any:
        torch, solvers = _torch(), importlib.import_module("tumortwin.solvers")
        options = solvers.TorchDiffEqSolverOptions(use_adjoint=adjoint)
        if case.dt_days is not None:
            options.step_size = timedelta(days=case.dt_days)
        points = [_when(start), *(_when(t) for t in times)]
        state = torch.from_numpy(np.asarray(initial, float))
        return solvers.TorchDiffEqSolver(model, options).solve(points, state)[1]

    def _model(self, case: Case, gradients: bool = False) -> Any:
        if case.dimensions:
            raise NotApplicable("a diffusivity that differs between voxels")
        torch = _torch()
        models = importlib.import_module("tumortwin.models")
        types = importlib.import_module("tumortwin.types")
        keywords: dict[str, Any] = {}
        if case.fractions:
            keywords["radiotherapy_specification"] = types.RadiotherapySpecification(
                alpha=case.alpha,
                alpha_beta_ratio=case.alpha_beta_ratio,
                times=[_when(t) for t, _ in case.fractions],
                doses=[dose for _, dose in case.fractions],
            )
        plans = [
            _drug_plan(d.sensitivity_per_day, d.elimination_rate_per_day, d.doses)[0]
            for d in case.drugs
            if d.doses
        ]
        if plans:
            keywords["chemotherapy_specifications"] = plans
        mask = _image(np.asarray(case.mask, float), case.spacing_mm)
        return models.ReactionDiffusion3D(
            torch.tensor(float(case.proliferation_rate), dtype=torch.float64),
            torch.tensor(float(case.diffusivity), dtype=torch.float64),
            torch.tensor(float(case.carrying_capacity), dtype=torch.float64),
            SimpleNamespace(brainmask_image=mask),
            _when(case.start_days),
            require_grad=gradients,
            **keywords,
        )


def _drug_plan(
    sensitivity: float, rate: float, doses: tuple[tuple[float, float], ...]
) -> tuple[Any, float]:
    """Its specification of a drug, and the largest amount, by which it divides the doses."""
    torch = _torch()
    types = importlib.import_module("tumortwin.types")
    largest = max(amount for _, amount in doses)
    plan = types.ChemotherapySpecification(
        sensitivity=torch.nn.Parameter(
            torch.tensor(sensitivity * largest, dtype=torch.float64), requires_grad=False
        ),
        decay_rate=rate,
        times=[_when(t) for t, _ in doses],
        doses=[amount for _, amount in doses],
    )
    return plan, largest


def _image(array: np.ndarray, spacing_mm: tuple[float, float, float]) -> Any:
    nibabel = importlib.import_module("nibabel")
    imaging = importlib.import_module("tumortwin.types.imaging")
    image = nibabel.Nifti1Image(array, np.diag([*spacing_mm, 1.0]))
    image.header.set_xyzt_units("mm", "sec")
    return imaging.NibabelNifti(image=image)


def _when(days: float) -> datetime:
    return _DAY_ZERO + timedelta(days=days)


def _torch() -> Any:
    os.environ.setdefault("TQDM_DISABLE", "1")
    return importlib.import_module("torch")


tumor_twin = TumorTwin()

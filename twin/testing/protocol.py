"""What the kit asks of a simulator: a callable from a case to densities, and optional extras.

    def simulator(case: Case) -> np.ndarray            # (T, x, y, z)

It returns the density at each of `case.times_days`, and raises `NotApplicable("tensors")` for what
it cannot express; any other exception on a good case is a failure, and on a bad case a duty. A
property that needs an extra which the simulator lacks is reported as not applicable. Extras are
attributes found by name; none has to exist:

| attribute | meaning |
|---|---|
| `name`, `version` | strings for reports |
| `precision` | "double" or "single"; without it the results' dtype decides which tolerance holds |
| `exempt` | property name -> reason why the model, by its biology, does not have the relation |
| `split(case, at_days)` | `case` run in two parts through a checkpoint at `at_days`; as a run |
| `batch(cases)` | several cases at once: list of what the single runs return |
| `derivative(case, parameter)` | (T, x, y, z) derivative by a field of the case, see `PARAMETERS` |
| `jvp(case, direction)` | (T, x, y, z) derivative along {field: change}, `initial` included |
| `vjp(case, weights)` | {field: derivative of sum(weights * densities)}; `initial` too, or not |
| `at_precision(case, name)` | a run in "single" or "double" |
| `variants()` | {name: simulator}: other ways to run it (no jit, chunks, another device) |
| `compartments(case)` | {name: (T, x, y, z)}: all cells, dead included and none cleared |
| `concentration(doses, rate, times)` | (T,) relative drug level of (time, amount) doses |
| `auc(dose, clearance)` | area under the curve of a single dose |
| `adc_to_cells(adc)` | cell fraction of ADC values, 1e-3 mm²/s; `water_adc` is its upper end |
| `survival(dose_gy, alpha, alpha_beta_ratio)` | surviving fraction of one fraction |
| `eqd2(dose_gy, fractions, alpha_beta_ratio)` | EQD2 of a course of equal fractions, Gy |
| `geud(doses_gy, n)` | generalized equivalent uniform dose of voxels of one size, Gy |
| `ntcp(doses_gy)`, `tcp(doses_gy)` | probabilities for such voxels |
| `cvar(losses, level)`, `pareto(first, second)` | tail mean; bool mask of undominated points |
| `best_plan(losses, level)` | index of the plan of least CVaR, losses (plans, draws) |
| `posterior_sd(values, noise_sd, prior_sd)` | sd of a level seen through independent noise |
| `draws(seed, count)` | posterior draws |
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np

from twin.testing.case import Case

PARAMETERS = (
    "diffusivity",
    "proliferation_rate",
    "carrying_capacity",
    "alpha",
    "alpha_beta_ratio",
    "sensitivity_per_day",
)
"""Fields by which a derivative is asked; `sensitivity_per_day` is that of the first drug."""


class NotApplicable(Exception):
    """Raised by a simulator for a case that it cannot express; the argument says which part."""


@runtime_checkable
class Simulator(Protocol):
    """A callable from a case to the densities (T, x, y, z) at its times."""

    def __call__(self, case: Case, /) -> np.ndarray: ...


class BadResult(Exception):
    """A simulator returned something that is not an array of densities."""


class Subject:
    """A simulator under test: gives it copies, checks the shape of what comes, notes precision.

    Args:
        simulator: what is tested. Extras are passed through.
    """

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.single = getattr(simulator, "precision", None) == "single"

    def __call__(self, case: Case) -> np.ndarray:
        """(T, x, y, z) float64 densities.

        Raises:
            NotApplicable: the simulator cannot express the case.
            BadResult: not an array of numbers of the right shape.
        """
        found = np.asarray(self.simulator(case.copy()))
        wanted = (len(case.times_days), *case.shape)
        if found.shape != wanted or found.dtype.kind not in "fiu":
            raise BadResult(
                f"expected an array of numbers of shape {wanted}, got shape {found.shape},"
                f" {found.dtype}"
            )
        self._note(found)
        return found.astype(float)

    def offers(self, extra: str) -> bool:
        """Whether the simulator has an extra of the protocol."""
        return getattr(self.simulator, extra, None) is not None

    def __getattr__(self, name: str) -> Any:
        extra = getattr(self.simulator, name)
        if not callable(extra):
            return extra

        def noted(*arguments: Any, **keywords: Any) -> Any:
            result = extra(*arguments, **keywords)
            self._note(result)
            return result

        return noted

    def _note(self, result: Any) -> None:
        """Count as single precision from the first float32 result on."""
        if hasattr(self.simulator, "precision"):
            return
        parts = list(result.values()) if isinstance(result, dict) else result
        for part in parts if isinstance(parts, (list, tuple)) else [parts]:
            kind = getattr(part, "dtype", None)
            if kind is not None and kind.kind == "f" and kind.itemsize < 8:
                self.single = True


def name_of(simulator: Any) -> str:
    """What reports call a simulator: its name and version, or the name of its definition."""
    name = getattr(simulator, "name", None) or getattr(simulator, "__name__", None)
    version = getattr(simulator, "version", "")
    return f"{name or type(simulator).__name__} {version}".strip()

"""One simulation as plain NumPy data: the question that the kit puts to every simulator.

du/dt = div(D grad u) + rho u (1 - u/theta) - sum_j s_j c_j(t) u      no flux through the mask
c_j(t) = sum_i a_i exp(-k_j (t - t_i)) over the doses with t_i <= t
u(t+) = u(t-) exp(-alpha d - beta d²),  beta = alpha / (alpha/beta)   at every fraction
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Drug:
    """A drug with one compartment: c(t) = sum_i a_i exp(-k (t - t_i)).

    Attributes:
        sensitivity_per_day: kill rate s at concentration 1, 1/day.
        elimination_rate_per_day: k, 1/day.
        doses: (time in days, relative amount) of each administration; an amount of 1 raises the
            concentration by 1 at once. Doses at one time add up.
    """

    sensitivity_per_day: float
    elimination_rate_per_day: float
    doses: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, eq=False)
class Case:
    """What to simulate. A case does not check itself: refusing a bad one is a simulator's duty.

    Attributes:
        mask: (x, y, z) bool, where cells can be. It may touch the border of the array; nothing
            flows through the border or out of the mask.
        spacing_mm: voxel size along x, y and z.
        initial: (x, y, z) cell density at `start_days`, 0 to `carrying_capacity`, 0 outside the
            mask.
        diffusivity: mm²/day: a number, an (x, y, z) field of voxel values, or a (3, 3, x, y, z)
            field of symmetric tensors along the axes of the array.
        proliferation_rate: rho, 1/day.
        carrying_capacity: theta, in the unit of the density.
        start_days: time of the initial state.
        times_days: increasing times from the start on at which the density is wanted.
        fractions: (time in days, dose in Gy) of each fraction, in any order. Those at one time
            are given one after another, each with its own survival. Fractions before the start
            have acted; those at or after the last time are not seen.
        alpha: linear radiosensitivity, 1/Gy.
        alpha_beta_ratio: alpha/beta, Gy.
        drugs: drugs given. Of doses before the start, what is left in the body still acts.
        dt_days: longest step wanted; None leaves the step to the simulator. Simulators without
            steps ignore it.

    A density wanted at the very time of a treatment is the one just before it.
    """

    mask: np.ndarray
    spacing_mm: tuple[float, float, float]
    initial: np.ndarray
    diffusivity: float | np.ndarray = 0.0
    proliferation_rate: float = 0.0
    carrying_capacity: float = 1.0
    start_days: float = 0.0
    times_days: tuple[float, ...] = (10.0,)
    fractions: tuple[tuple[float, float], ...] = ()
    alpha: float = 0.0
    alpha_beta_ratio: float = 10.0
    drugs: tuple[Drug, ...] = ()
    dt_days: float | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the grid."""
        return tuple(np.shape(self.mask))

    @property
    def dimensions(self) -> int:
        """Dimensions of the diffusivity: 0 a number, 3 a field, 5 a field of tensors."""
        return int(np.ndim(self.diffusivity))

    @property
    def treated(self) -> bool:
        """Whether any treatment is given."""
        return bool(self.fractions or any(drug.doses for drug in self.drugs))

    def but(self, **changes: Any) -> Case:
        """The same case with some fields changed."""
        return replace(self, **changes)

    def untreated(self) -> Case:
        """The same case without fractions and drugs."""
        return replace(self, fractions=(), drugs=())

    def copy(self) -> Case:
        """A case with arrays of its own, which a simulator may write on without harm to us."""
        own = {
            f.name: np.array(value)
            for f in fields(self)
            if isinstance(value := getattr(self, f.name), np.ndarray)
        }
        return replace(self, **own)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Case):
            return NotImplemented
        pairs = ((getattr(self, f.name), getattr(other, f.name)) for f in fields(self))
        return all(_same(one, two) for one, two in pairs)

    def __hash__(self) -> int:
        return hash(tuple(np.asarray(getattr(self, f.name)).tobytes() for f in fields(self)[:4]))


def _same(one: Any, two: Any) -> bool:
    if isinstance(one, np.ndarray) or isinstance(two, np.ndarray):
        return np.array_equal(np.asarray(one), np.asarray(two), equal_nan=True)
    return one == two

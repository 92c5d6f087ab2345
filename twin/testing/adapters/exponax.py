"""exponax under the kit: exact spectral steppers of Felix Köhler in JAX, on a periodic cube.

Its `FisherKPP` stepper (exponential time differencing; Cox and Matthews 2002, doi
10.1006/jcph.2002.6995) knows neither masks nor treatments. A tissue without flux through its walls
is the even extension of a box, so that a mask that is a box is translated exactly: the density is
mirrored along each axis. Axes along which nothing varies are left out, as a periodic box allows.
"""

from __future__ import annotations

import importlib
import math
from typing import Any

import numpy as np

from twin.testing.case import Case
from twin.testing.protocol import NotApplicable

DEFAULT_STEP_DAYS = 0.1


class Exponax:
    """Its `FisherKPP` stepper, order 2, in float32."""

    name = "exponax"

    @property
    def version(self) -> str:
        """Version of the installed package."""
        return importlib.import_module("importlib.metadata").version("exponax")

    def __call__(self, case: Case) -> np.ndarray:
        """(T, x, y, z) densities at the case's times."""
        if case.treated:
            raise NotApplicable("treatments")
        if case.dimensions:
            raise NotApplicable("a diffusivity that differs between voxels")
        box = _box(case.mask)
        shares = np.asarray(case.initial, float)[box] / case.carrying_capacity
        axes = [a for a in range(3) if np.ptp(shares, axis=a).max() > 0.0] or [0]
        lengths = {(shares.shape[a], case.spacing_mm[a]) for a in axes}
        if len(lengths) > 1:
            raise NotApplicable("a box that is no cube")
        ((count, spacing),) = lengths
        line = tuple(slice(None) if a in axes else slice(0, 1) for a in range(3))
        state = shares[line]
        found, now = [], case.start_days
        for time in case.times_days:
            state = self._advanced(case, state, axes, 2 * count, 2 * count * spacing, time - now)
            now = time
            full = np.zeros(case.shape, state.dtype)
            full[box] = np.broadcast_to(state, shares.shape) * case.carrying_capacity
            found.append(full)
        return np.array(found)

    def _advanced(
        self,
        case: Case,
        state: np.ndarray,
        axes: list[int],
        points: int,
        extent: float,
        days: float,
    ) -> np.ndarray:
        if days == 0.0:
            return state
        steps = max(1, math.ceil(days / (case.dt_days or DEFAULT_STEP_DAYS) - 1e-9))
        pads = [(0, state.shape[a]) if a in axes else (0, 0) for a in range(3)]
        mirrored = np.pad(state, pads, mode="symmetric")
        stepper = _stepper(
            len(axes),
            extent,
            points,
            days / steps,
            diffusivity=float(case.diffusivity),
            reactivity=float(case.proliferation_rate),
        )
        folded = mirrored.reshape(1, *(points,) * len(axes)).astype(np.float32)
        end = np.asarray(stepper(folded, steps)).reshape(mirrored.shape)
        return end[tuple(slice(0, n) for n in state.shape)]


def _stepper(*arguments: Any, **keywords: Any) -> Any:
    jax = importlib.import_module("jax")
    exponax = importlib.import_module("exponax")
    stepper = exponax.stepper.reaction.FisherKPP(*arguments, **keywords)
    return lambda state, steps: jax.jit(exponax.repeat(stepper, steps))(state)


def _box(mask: np.ndarray) -> tuple[slice, slice, slice]:
    """The box that a mask is."""
    if not mask.any():
        raise NotApplicable("an empty mask")
    where = np.argwhere(mask)
    low, high = where.min(axis=0), where.max(axis=0) + 1
    box = (slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2]))
    if not mask[box].all():
        raise NotApplicable("a mask that is no box")
    return box


exponax = Exponax()

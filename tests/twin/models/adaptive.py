"""Models integrated once more by an adaptive solver that shares no code with the fast one."""

from collections.abc import Callable, Sequence

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from tests.twin.tumors import SURFACE_M2
from twin.treatments.chemotherapy import get_drug
from twin.treatments.schedule import DrugDose


def laplacian(tissue: np.ndarray, spacing_mm: Sequence[float]) -> np.ndarray:
    """(N, N) matrix of div grad between voxels of the tissue, face by face."""
    matrix = np.zeros((tissue.size, tissue.size))
    index, flat = np.arange(tissue.size).reshape(tissue.shape), tissue.ravel()
    for axis, spacing in enumerate(spacing_mm):
        lines = np.moveaxis(index, axis, 0)
        for i, j in zip(lines[:-1].ravel(), lines[1:].ravel(), strict=True):
            if flat[i] and flat[j]:
                for a, b in ((i, j), (j, i)):
                    matrix[a, b] += spacing**-2
                    matrix[a, a] -= spacing**-2
    return matrix


def concentration(doses: Sequence[DrugDose]) -> Callable:
    """Relative concentration of one injected drug at a time, from its exponentials."""

    def at(time):
        total = 0.0
        for dose in doses:
            drug = get_drug(dose.drug)
            level = dose.dose_mg / SURFACE_M2 / drug.reference_dose_mg_m2
            age = time - dose.time_days
            for weight, rate in drug.kinetics.phases:
                decayed = jnp.exp(-rate * jnp.maximum(age, 0.0))
                total = total + jnp.where(age >= 0.0, level * weight * decayed, 0.0)
        return total

    return at


def integrate(rate: Callable, state: np.ndarray, days: Sequence[float], events=()) -> np.ndarray:
    """States at `days`, before what happens on them.

    Args:
        rate: (time, state) to its derivative.
        state: at day 0.
        days: increasing times.
        events: (day, function of the state) pairs; None restarts the steps only.
    """
    happenings = dict(events)
    with jax.enable_x64(True):

        @eqx.filter_jit
        def segment(start, stop, y):
            return diffrax.diffeqsolve(
                diffrax.ODETerm(lambda t, y, _: rate(t, y)),
                diffrax.Dopri8(),
                start,
                stop,
                None,
                y,
                stepsize_controller=diffrax.PIDController(rtol=1e-10, atol=1e-12),
                max_steps=100_000,
            ).ys[-1]

        now, y, found = 0.0, jnp.asarray(state, jnp.float64), []
        for mark in sorted({*days, *(d for d in happenings if d < days[-1])}):
            if mark > now:
                # A drug given at the end of a segment must not be seen by its last stage.
                y = segment(jnp.asarray(now), jnp.asarray(mark - 1e-9), y)
            if mark in days:
                found.append(np.asarray(y))
            y, now = (happenings.get(mark) or (lambda s: s))(y), mark
        return np.stack(found)

"""Why a reading is the last one: the chance that a series ends, by what was read.

Readings stop when a lesion has grown, when the patient dies or leaves, or when the study closes;
a table does not tell which. The log-odds that a reading is the last are linear in what is known by
then, and in the growth of the patient, which links the two halves of the model: long series tell
that a lesion grows slowly (joint models: Rizopoulos 2012, doi 10.1201/b12208).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from twin.lesions.population.steps import OFFSET_MM, Numbers, Steps, log_size

FIRST_LAST = 2
"""Steps after which a series may end: such tables hold patients with three readings or more."""
PROGRESSION = 0.18
"""Rise of log(d + 4 mm) that 20 % of growth over the smallest size means (RECIST 1.1)."""
COVARIATES = (
    "intercept",
    "above the smallest size before",
    "beyond progression",
    "rise since the reading before",
    "large rise",
    "fall since the reading before",
    "first weeks",
    "size",
    "not seen",
)


def covariates(
    smallest: Numbers, from_mm: Numbers, to_mm: Numbers, after: Numbers
) -> Float[Array, "... 9"]:
    """What the log-odds that a reading is the last depend on.

    Args:
        smallest: of log(d + 4 mm) before this reading.
        from_mm, to_mm: diameter before and now.
        after: days since treatment began, in units of 100.
    """
    size = log_size(to_mm)
    above, change = size - smallest, size - log_size(from_mm)
    columns = jnp.broadcast_arrays(
        jnp.ones_like(size),
        jnp.clip(above, -0.5, 1.0),
        jnp.clip(above - PROGRESSION, 0.0, 1.0),
        jnp.clip(change, 0.0, 1.0),
        jnp.clip(change - PROGRESSION, 0.0, 1.0),
        jnp.clip(-change, 0.0, 1.0),
        1.0 * (after < 0.6),
        size - 3.5,
        1.0 * (to_mm <= 0.0),
    )
    return jnp.stack(columns, axis=-1)


def training_covariates(steps: Steps) -> tuple[np.ndarray, Bool[np.ndarray, " m"], np.ndarray]:
    """Covariates of every step, whether its reading is the last, and whether it may be."""
    lesion, sizes = steps.lesion, np.log(steps.from_mm + OFFSET_MM)
    begins = np.diff(lesion, prepend=-1) != 0
    smallest = np.empty_like(sizes)
    number = np.empty(len(lesion), int)
    for i, new in enumerate(begins):
        smallest[i] = sizes[i] if new else min(smallest[i - 1], sizes[i])
        number[i] = 1 if new else number[i - 1] + 1
    table = covariates(smallest, steps.from_mm, steps.to_mm, steps.after)
    last = np.append(begins[1:], True)
    return np.asarray(table), last, number >= FIRST_LAST


def log_chance(odds: Array, last: Numbers | bool) -> Array:
    """Log probability that a reading of these log-odds is the last, or is not."""
    return jax.nn.log_sigmoid(jnp.where(last, odds, -odds))

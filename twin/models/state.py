"""State of a simulated tumor: viable compartments, dead cells, and what else a model carries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float

Loop = Callable[[Any, Any, Callable[[Any, Any], Any], Any], Any]
"""`loop(lower, upper, body, init)`, as `jax.lax.fori_loop`; a solver passes one that can be
differentiated the way that is asked for."""


class State(eqx.Module):
    """Flat fields of one instant; leading axes (time, draws) are allowed.

    Attributes:
        cells: (..., C, N) viable cells of each compartment of the model (clones, proliferating
            and hypoxic ones), as fractions of the carrying capacity.
        dead: (..., N) killed cells not yet cleared, same unit.
        fields: name -> (..., N) or (..., c, N), whatever else the model carries from step to step.
    """

    cells: Float[Array | np.ndarray, "*t c n"]
    dead: Float[Array | np.ndarray, "*t n"]
    fields: Mapping[str, Array | np.ndarray] = eqx.field(default_factory=dict)

    @property
    def viable(self) -> Float[Array | np.ndarray, "*t n"]:
        """(..., N) viable cells of all compartments."""
        if self.cells.shape[-2] == 1:
            return self.cells[..., 0, :]
        return self.cells.sum(-2)

    @property
    def seen(self) -> Float[Array | np.ndarray, "*t n"]:
        """(..., N) what an image shows: viable cells and killed ones not yet cleared."""
        return self.viable + self.dead

    def at(self, index: int | slice | Array) -> State:
        """The state at an index of the leading axis."""
        return jax.tree.map(lambda leaf: leaf[index], self)

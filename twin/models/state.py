"""State of a simulated tumor: viable compartments, dead cells, and what else a model carries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float

if TYPE_CHECKING:
    Field = Array
else:
    Field = Array | np.ndarray  # states that have left the solver are NumPy's


class State(eqx.Module):
    """Flat fields of one instant; leading axes (time, draws) are allowed.

    Attributes:
        cells: one (..., N) for each compartment of the model (clones, proliferating and hypoxic
            cells), as fractions of the carrying capacity. Apart, since XLA then computes all of
            them in one pass: one array of two clones is twice as slow.
        dead: (..., N) killed cells not yet cleared, same unit.
        fields: name -> (..., N), whatever else the model carries from step to step.
        memory: name -> array of any other shape that a restart needs, such as the last solution of
            an iteration.
    """

    cells: tuple[Float[Field, "*t n"], ...]
    dead: Float[Field, "*t n"]
    fields: Mapping[str, Field] = eqx.field(default_factory=dict)
    memory: Mapping[str, Field] = eqx.field(default_factory=dict)

    @property
    def viable(self) -> Float[Field, "*t n"]:
        """(..., N) viable cells of all compartments."""
        return sum(self.cells[1:], start=self.cells[0])

    @property
    def seen(self) -> Float[Field, "*t n"]:
        """(..., N) what an image shows: viable cells and killed ones not yet cleared."""
        return self.viable + self.dead

    def at(self, index: int | slice | Array) -> State:
        """The state at an index of the leading axis."""
        return jax.tree.map(lambda leaf: leaf[index], self)

"""Diffusion of all compartments of a model over a step of the solver."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
from jaxtyping import Array, Float

from twin.operators import diffusion
from twin.operators.diffusion import DiffusionOperator
from twin.operators.explicit import Loop, substeps
from twin.operators.stiff import diffuse_adaptively

LONG_STEP = 30.0
"""Step times the rate at which a lone voxel empties, from which on the choice among kinds of steps
is worth compiling them all (docs/explanation/diffusion-steps.md)."""


@dataclass(frozen=True)
class LongSteps:
    """A loop whose user expects long steps: diffusion then picks the cheapest kind of step."""

    loop: Loop

    def __call__(self, lower: Any, upper: Any, body: Any, init: Any) -> Any:
        """As the loop."""
        return self.loop(lower, upper, body, init)


def diffuse(
    cells: tuple[Float[Array, " n"], ...],
    operator: DiffusionOperator,
    dt_days: Array,
    loop: Loop = jax.lax.fori_loop,
) -> tuple[Float[Array, " n"], ...]:
    """Diffuse every compartment by the same operator over `dt_days`.

    Explicit sub-steps, all compartments in one loop; under `LongSteps` the cheapest of the kinds of
    `twin.operators.stiff` for each of them.
    """
    if isinstance(loop, LongSteps):
        return tuple(diffuse_adaptively(u, operator, dt_days, loop=loop.loop) for u in cells)
    count = substeps(dt_days * jax.lax.stop_gradient(operator.rate))

    def substep(_: Any, fields: tuple[Array, ...]) -> tuple[Array, ...]:
        return tuple(diffusion.diffuse(u, operator, dt_days / count) for u in fields)

    return loop(0, count, substep, cells)

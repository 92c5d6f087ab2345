"""Diffusion of cells that step only into the room that an obstacle leaves.

    ∂u/∂t = ∇·(D ((1 − n) ∇u + u ∇n)),    n the fraction of a voxel that the obstacle takes

A cell steps from voxel j to voxel i at the rate g_ij (1 − n_i): volume filling (Painter & Hillen
2002, Can Appl Math Q 10:501) in which only what cannot move takes room. With L the plain operator,

    (L_n u)_i = Σ_j g_ij ((1 − n_i) u_j − (1 − n_j) u_i) = (1 − n_i) (L u)_i + u_i (L n)_i

Its columns sum to 0 and no weight is negative, so that steps conserve and stay positive as those of
L do; and cells that fit beside the obstacle, u <= 1 − n, keep doing so.
"""

from __future__ import annotations

import equinox as eqx
from jaxtyping import Array, Float

from twin.operators.diffusion import DiffusionOperator


class Obstructed(eqx.Module):
    """A diffusion operator beside an obstacle; an operator itself.

    Attributes:
        plain: the operator without the obstacle.
        free: 1 − n.
        slope: L n at a scale of 1.
    """

    plain: DiffusionOperator
    free: Float[Array, " n"]
    slope: Float[Array, " n"]

    @property
    def scale(self) -> Float[Array, ""]:
        """Number that multiplies the operator."""
        return self.plain.scale

    @property
    def rate(self) -> Float[Array, ""]:
        """Bound of the rate at which a voxel empties, 1/day: that without the obstacle."""
        return self.plain.rate

    def apply_unscaled(self, u: Float[Array, " n"]) -> Float[Array, " n"]:
        """L_n u at a scale of 1."""
        return self.free * self.plain.apply_unscaled(u) + u * self.slope


def obstructed(plain: DiffusionOperator, obstacle: Float[Array, " n"]) -> Obstructed:
    """The operator beside an obstacle.

    Args:
        plain: symmetric, without negative weights.
        obstacle: n, 0..1.
    """
    return Obstructed(plain, 1.0 - obstacle, plain.apply_unscaled(obstacle))

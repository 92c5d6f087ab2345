"""Isotropic and tensor diffusion in a calibrated proportion: L = (1 − a) L_isotropic + a L_tensor.

Both operators have non-negative weights on the same pairs or some of them, so every mixture with
0 <= a <= 1 has: for D(x) = d ((1 − a) s(x) I + a T(x)) weights are made once, on the union of the
offsets, and mixing them costs one fused multiply-add per simulation. The tensor is decomposed
before it is mixed; what its neighborhood clips does not depend on a.

A derivative with respect to a, s or u holds no field of weights per direction:

    d(L u) = L du + da (L_tensor u − L_isotropic u) + (1 − a) dL_isotropic u

so that the derivative to a costs one application for all directions together. The tensor field is
data: derivatives do not flow to it.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Float

from twin.errors import TwinError
from twin.operators.fluxes import Conductances, strides
from twin.operators.pairs import AXES, Offset, Pairs, sum_over_pairs, total_weights
from twin.operators.stencil import Stencil


class Mixture(eqx.Module):
    """An operator between isotropic and tensor diffusion.

    Attributes:
        isotropic: (3, N) weights across faces.
        tensor: (K, m) weights of the stencil.
        mixed: (K, m) their mixture, on the offsets of the stencil, which hold the axes.
        share: a, 0..1.
        scale: number that multiplies the mixture.
        rate: largest sum over the pairs of a voxel, 1/day.
        offsets, shape: of the stencil.
    """

    isotropic: Float[Array, "3 n"]
    tensor: Float[Array, "k m"]
    mixed: Float[Array, "k m"]
    share: Float[Array, ""]
    scale: Float[Array, ""]
    rate: Float[Array, ""]
    offsets: tuple[Offset, ...] = eqx.field(static=True)
    shape: tuple[int, int, int] = eqx.field(static=True)

    def apply_unscaled(self, u: Float[Array, " n"]) -> Float[Array, " n"]:
        """The divergence of a flat field at a scale of 1."""
        return _applied(
            self.offsets, self.shape, u, self.mixed, self.isotropic, self.tensor, self.share
        )

    @property
    def pairs(self) -> Pairs:
        """Weights by offset, at a scale of 1; derivatives flow to the parts."""
        weights = _mixed(self.isotropic, self.tensor, self.offsets, self.share)
        return Pairs(weights, self.offsets, self.shape)


def mix(isotropic: Conductances, tensor: Stencil, share: Float[Array, ""] | float) -> Mixture:
    """(1 − share) of the isotropic operator and share of the tensor's.

    Args:
        isotropic: conductances on the same grid; their scale multiplies the mixture.
        tensor: the stencil of a tensor field without unit whose trace is 3 (or what it is relative
            to the isotropic part); its own scale must be 1 and is ignored.
        share: 0 is isotropic, 1 the tensor alone; may be traced.

    Raises:
        TwinError: grids that differ.
    """
    if isotropic.shape != tensor.shape:
        raise TwinError(
            "isotropic and tensor operator are on different grids",
            where="mix",
            expected=f"shape {isotropic.shape}",
            got=f"shape {tensor.shape}",
        )
    shape, guard = tensor.shape, strides(tensor.shape)[0]
    count = isotropic.faces.shape[1] - 2 * guard
    faces = jax.lax.slice_in_dim(isotropic.faces, guard, guard + count, axis=1)
    share = jnp.asarray(share, faces.dtype)
    mixed = jax.lax.stop_gradient(_mixed(faces, tensor.weights, tensor.offsets, share))
    total = total_weights(mixed, tensor.offsets, shape).max()
    return Mixture(
        faces,
        tensor.weights,
        mixed,
        share,
        isotropic.scale,
        isotropic.scale * total,
        tensor.offsets,
        shape,
    )


def _mixed(
    faces: Float[Array, "3 n"],
    tensor: Float[Array, "k m"],
    offsets: tuple[Offset, ...],
    share: Float[Array, ""],
) -> Float[Array, "k m"]:
    guard = (tensor.shape[1] - faces.shape[1]) // 2
    rows = {axis: jnp.pad(face, guard) for axis, face in zip(AXES, faces, strict=True)}
    return jnp.stack(
        [
            share * row + (1.0 - share) * rows[offset] if offset in rows else share * row
            for offset, row in zip(offsets, tensor, strict=True)
        ]
    )


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _applied(
    offsets: tuple[Offset, ...],
    shape: tuple[int, int, int],
    u: Float[Array, " n"],
    mixed: Float[Array, "k m"],
    isotropic: Float[Array, "3 n"],
    tensor: Float[Array, "k m"],
    share: Float[Array, ""],
) -> Float[Array, " n"]:
    """The mixed operator; its parts are arguments so that derivatives can reach them."""
    del isotropic, tensor, share
    return sum_over_pairs(u, mixed, offsets, shape)


def _applied_jvp(
    offsets: tuple[Offset, ...], shape: tuple[int, int, int], primals: Any, tangents: Any
) -> tuple[Array, Array]:
    u, mixed, isotropic, tensor, share = primals
    du, _, d_isotropic, _, d_share = tangents
    value = sum_over_pairs(u, mixed, offsets, shape)
    derivative = jnp.zeros_like(value)
    if not isinstance(du, SymbolicZero):
        spread = partial(sum_over_pairs, weights=mixed, offsets=offsets, shape=shape)
        derivative = derivative + jax.jvp(spread, (u,), (du,))[1]
    if not isinstance(d_isotropic, SymbolicZero):
        derivative = derivative + (1.0 - share) * sum_over_pairs(u, d_isotropic, AXES, shape)
    if not isinstance(d_share, SymbolicZero):
        of_tensor = sum_over_pairs(u, tensor, offsets, shape)
        of_isotropic = sum_over_pairs(u, isotropic, AXES, shape)
        derivative = derivative + d_share * jax.lax.optimization_barrier(of_tensor - of_isotropic)
    return value, derivative


_applied.defjvp(_applied_jvp, symbolic_zeros=True)

"""Linear elasticity on masked voxels: ∇·σ(w) = ∇p, displacement w zero outside the mask.

    σ = λ (∇·w) I + μ (∇w + ∇wᵀ),   λ = E ν / ((1 + ν)(1 − 2ν)),   μ = G = E / (2 (1 + ν))

A staggered grid: displacements stand on the faces of voxels, normal stresses at their centers,
shear stresses on their edges (Harlow & Welch 1965, doi 10.1063/1.1761178, for fluids; Virieux 1986,
doi 10.1190/1.1442147). The operator is the derivative of the elastic energy, hence symmetric and
positive definite; it has neither modes without energy nor locking where tissue is nearly
incompressible. Tissue outside the mask is rigid. What cells push aside is an isotropic pressure:
Clatz et al. 2005 (doi 10.1109/TMI.2005.857217), Hogea et al. 2008 (doi 10.1007/s00285-007-0139-x).

Flat fields and shifts as in twin/operators/fluxes: wx[i] is on the face between voxel i and the
next one along x.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from twin.operators.fluxes import strides

DERIVATIVE_TOLERANCE = 1e-9
"""Residual left of the derivatives of a displacement, relative to their force; in float32 1e-6."""
MAX_ITERATIONS = 500
"""Most steps of the conjugate gradients; more would mean moduli that are not usable."""

NOTHING = 1e-30
"""Squared residual, kPa² mm⁻² over that of the operator, of forces that are round-off: below it
the products of an iteration underflow in float32."""


class Elasticity(eqx.Module):
    """The elastic operator of one field of stiffness; moduli are 0 outside the mask.

    Attributes:
        lame: (N + 2 guard) λ at the centers, kPa, with a guard of zeros at both ends.
        shear: (N + 2 guard) μ at the centers, kPa.
        edges: (3, N + 2 guard) μ on the edges in the planes yz, xz and xy.
        faces: (3, N) 1 where displacement is free.
        shape, spacing_mm: the grid.
    """

    lame: Float[Array, " m"]
    shear: Float[Array, " m"]
    edges: Float[Array, "3 m"]
    faces: Float[Array, "3 n"]
    shape: tuple[int, int, int] = eqx.field(static=True)
    spacing_mm: tuple[float, float, float] = eqx.field(static=True)

    def __call__(self, w: Float[Array, "3 n"]) -> Float[Array, "3 n"]:
        """−∇·σ(w) on the free faces, kPa/mm, for displacements in mm."""
        # The barrier keeps XLA from computing each stress again for both faces that it pulls on.
        normal, shear = jax.lax.optimization_barrier(self._stress(w * self.faces))
        steps = strides(self.shape)
        forces = []
        for axis in range(3):
            force = self._slope(normal[axis], steps[axis], 0, axis)
            for other in _others(axis):
                force = force + self._slope(shear[3 - axis - other], 0, -steps[other], other)
            forces.append(-force)
        return jnp.stack(forces) * self.faces

    def von_mises(self, w: Float[Array, "3 n"]) -> Float[Array, " n"]:
        """Von Mises stress at the centers, kPa; shear stresses are the mean of four edges."""
        normal, shear = self._stress(w * self.faces)
        steps = strides(self.shape)
        xx, yy, zz = (self._inner(part, 0) for part in normal)
        squares = jnp.zeros_like(xx)
        for plane in range(3):
            first, second = (steps[axis] for axis in _others(plane))
            pair = self._inner(shear[plane], 0)
            pair = pair + jnp.pad(pair[:-first], (first, 0))
            squares = squares + (0.25 * (pair + jnp.pad(pair[:-second], (second, 0)))) ** 2
        deviator = 0.5 * ((xx - yy) ** 2 + (yy - zz) ** 2 + (zz - xx) ** 2) + 3.0 * squares
        present = deviator > 0.0
        return jnp.where(present, jnp.sqrt(jnp.where(present, deviator, 1.0)), 0.0)

    def diagonal(self) -> Float[Array, "3 n"]:
        """Diagonal of the operator; 1 where displacement is not free."""
        layer, steps = strides(self.shape)[0], strides(self.shape)
        stiff = (self.lame + 2.0 * self.shear)[layer:-layer]
        edges = self.edges[:, layer:-layer]
        rows = []
        for axis in range(3):
            total = self._inner(stiff, 0) + self._inner(stiff, steps[axis])
            total = total / self.spacing_mm[axis] ** 2
            for other in _others(axis):
                edge = edges[3 - axis - other]
                pair = self._inner(edge, 0) + self._inner(edge, -steps[other])
                total = total + pair / self.spacing_mm[other] ** 2
            rows.append(total)
        return jnp.where(self.faces > 0.0, jnp.stack(rows), 1.0)

    def _stress(self, w: Float[Array, "3 n"]) -> tuple[list[Array], list[Array]]:
        """Normal stresses xx, yy, zz at the centers and shear stresses yz, xz, xy on the edges,
        kPa, over the grid and one layer before and behind it."""
        steps, guard = strides(self.shape), 2 * strides(self.shape)[0]
        padded = [jnp.pad(row, guard) for row in w]
        start, stop = steps[0], padded[0].shape[0] - steps[0]

        def at(field: Array, shift: int) -> Array:
            return jax.lax.slice_in_dim(field, start + shift, stop + shift)

        def slope(row: int, step: int, shift: int, axis: int) -> Array:
            return (at(padded[row], step) - at(padded[row], shift)) / self.spacing_mm[axis]

        strains = [slope(axis, 0, -steps[axis], axis) for axis in range(3)]
        bulk = at(self.lame, 0) * (strains[0] + strains[1] + strains[2])
        normal = [bulk + 2.0 * at(self.shear, 0) * strain for strain in strains]
        shear = []
        for plane in range(3):
            first, second = _others(plane)
            angle = slope(first, steps[second], 0, second) + slope(second, steps[first], 0, first)
            shear.append(at(self.edges[plane], 0) * angle)
        return normal, shear

    def _inner(self, field: Array, shift: int) -> Array:
        """(N,) values of a field with one layer more at both ends, shifted."""
        layer = strides(self.shape)[0]
        return jax.lax.slice_in_dim(field, layer + shift, field.shape[0] - layer + shift)

    def _slope(self, field: Array, after: int, before: int, axis: int) -> Array:
        return (self._inner(field, after) - self._inner(field, before)) / self.spacing_mm[axis]


def _others(axis: int) -> tuple[int, int]:
    """The two other axes, in order."""
    return ((1, 2), (0, 2), (0, 1))[axis]


def elasticity(
    young_kpa: Float[Array, " n"],
    poisson_ratio: Array | float,
    mask: Float[Array, " n"],
    shape: tuple[int, int, int],
    spacing_mm: tuple[float, float, float],
) -> Elasticity:
    """The operator of a stiffness field.

    Args:
        young_kpa: Young's modulus per voxel, above 0 in the mask.
        poisson_ratio: 0 to below 1/2.
        mask: 1 in tissue, 0 elsewhere; the outermost layer must be 0.
        shape, spacing_mm: the grid of the flat arrays.
    """
    young = jnp.where(mask > 0.0, young_kpa, 0.0)
    shear = young / (2.0 * (1.0 + poisson_ratio))
    lame = young * poisson_ratio / ((1.0 + poisson_ratio) * (1.0 - 2.0 * poisson_ratio))
    steps, guard = strides(shape), 2 * strides(shape)[0]

    def after(field: Array, step: int) -> Array:
        return jnp.pad(field[step:], (0, step))

    edges = []
    for plane in range(3):
        first, second = (steps[axis] for axis in _others(plane))
        corners = (first, second, first + second)
        count = mask + sum(after(mask, step) for step in corners)
        total = shear + sum(after(shear, step) for step in corners)
        edges.append(total / jnp.maximum(count, 1.0))
    return Elasticity(
        jnp.pad(lame, guard),
        jnp.pad(shear, guard),
        jnp.pad(jnp.stack(edges), ((0, 0), (guard, guard))),
        jnp.stack([mask * after(mask, step) for step in steps]),
        shape,
        spacing_mm,
    )


def swelling(pressure_kpa: Float[Array, " n"], operator: Elasticity) -> Float[Array, "3 n"]:
    """Force −∇p of a pressure at the centers on the free faces, kPa/mm."""
    steps = zip(strides(operator.shape), operator.spacing_mm, strict=True)
    slopes = [
        (pressure_kpa - jnp.pad(pressure_kpa[step:], (0, step))) / spacing
        for step, spacing in steps
    ]
    return jnp.stack(slopes) * operator.faces


def displacement(
    operator: Elasticity,
    force: Float[Array, "3 n"],
    *,
    guess_mm: Float[Array, "3 n"] | None = None,
    tolerance: float = 1e-5,
) -> Float[Array, "3 n"]:
    """Displacement under a force, mm: conjugate gradients, diagonal preconditioner.

    Derivatives are those of the solution, not of the iterations: the linear system is solved again
    for each, forward or reverse, to `DERIVATIVE_TOLERANCE`.

    Args:
        operator: stiffness.
        force: kPa/mm on the faces.
        guess_mm: a displacement close to the solution; only its correction is iterated.
        tolerance: residual left, relative to the force, in the norm of the preconditioner.
    """
    guess = jnp.zeros_like(force) if guess_mm is None else guess_mm
    return _displacement(tolerance, operator, force * operator.faces, guess * operator.faces)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _displacement(tolerance: float, operator: Elasticity, force: Array, guess: Array) -> Array:
    inverse = 1.0 / operator.diagonal()
    enough = tolerance**2 * jnp.vdot(force, inverse * force)
    return guess + _conjugate_gradients(operator, force - operator(guess), inverse, enough)


@_displacement.defjvp
def _displacement_jvp(tolerance: float, primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    """A dw = df − dA w: the same system for each direction; the guess has no part in it."""
    operator, force, guess = primals
    d_operator, d_force, _ = tangents
    w = _displacement(tolerance, operator, force, guess)
    rest = d_force - jax.jvp(lambda a: a(w), (operator,), (d_operator,))[1]

    def solve(matvec: Callable[[Array], Array], b: Array) -> Array:
        inverse = 1.0 / operator.diagonal()
        tolerance = max(DERIVATIVE_TOLERANCE, 8.0 * float(jnp.finfo(b.dtype).eps))
        enough = tolerance**2 * jnp.vdot(b, inverse * b)
        return _conjugate_gradients(matvec, b, inverse, enough)

    return w, jax.lax.custom_linear_solve(operator, rest, solve, symmetric=True)


def _conjugate_gradients(
    matvec: Callable[[Array], Array], b: Array, inverse: Array, enough: Array
) -> Array:
    """Preconditioned conjugate gradients from zero, until the squared residual is `enough`."""
    first = inverse * b
    enough = jnp.maximum(enough, NOTHING)

    def going(carry: tuple) -> Array:
        _, _, _, rho, count = carry
        return (rho > enough) & (count < MAX_ITERATIONS)

    def step(carry: tuple) -> tuple:
        x, residual, direction, rho, count = carry
        image = matvec(direction)
        length = rho / jnp.vdot(direction, image)
        x = x + length * direction
        residual = residual - length * image
        scaled = inverse * residual
        renewed = jnp.vdot(residual, scaled)
        return x, residual, scaled + renewed / rho * direction, renewed, count + 1

    start = (jnp.zeros_like(b), b, first, jnp.vdot(b, first), 0)
    return jax.lax.while_loop(going, step, start)[0]

"""Where tumor cells can be: tissue mask and tissue fractions on a grid, as flat arrays."""

from __future__ import annotations

from collections.abc import Mapping

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from twin.errors import TwinError
from twin.operators.selling import Neighbors
from twin.operators.stencil import Stencil, tensor_stencil
from twin.patient import Patient


class Domain(eqx.Module):
    """Geometry shared by every simulation of a patient.

    Attributes:
        mask: (N,) 1 in tissue, 0 elsewhere, C order of (x, y, z); the outermost layer is 0.
        fractions: (K, N) fraction of each tissue; the rest of a voxel is the first tissue.
        dominant: (K, N) 1 where that tissue is the largest, for growth that differs by tissue.
        fibers: diffusion along fibers, from a tensor field without unit whose trace is 3; None
            where no tensor is known.
        tissues: K names; the first is the reference whose rates the parameters give.
        shape, spacing_mm: the grid.
        fibers_note: what the voxel neighborhood left of the tensors' anisotropy; "" without.
    """

    mask: Float[Array, " n"]
    fractions: Float[Array, "k n"]
    dominant: Float[Array, "k n"]
    fibers: Stencil | None
    tissues: tuple[str, ...] = eqx.field(static=True)
    shape: tuple[int, int, int] = eqx.field(static=True)
    spacing_mm: tuple[float, float, float] = eqx.field(static=True)
    fibers_note: str = eqx.field(static=True, default="")

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel, mL."""
        return float(np.prod(self.spacing_mm)) / 1000.0

    @property
    def tissue_voxels(self) -> int:
        """Number of voxels inside the mask."""
        return int(np.asarray(self.mask).sum())

    def flat(self, field: np.ndarray) -> Float[Array, " n"]:
        """A 3-D field as the flat array that the solvers use, zero outside the tissue."""
        if field.shape != self.shape:
            raise TwinError(
                "field is not on the grid of the domain",
                expected=f"shape {self.shape}",
                got=f"shape {field.shape}",
            )
        return jnp.asarray(field, self.mask.dtype).reshape(-1) * self.mask

    def volume(self, flat: Array | np.ndarray) -> np.ndarray:
        """A flat array (..., N) as (..., x, y, z)."""
        array = np.asarray(flat)
        return array.reshape(*array.shape[:-1], *self.shape)


def make_domain(
    tissue: np.ndarray,
    spacing_mm: tuple[float, float, float],
    tissues: Mapping[str, np.ndarray] | None = None,
    tensor: np.ndarray | None = None,
    *,
    neighbors: Neighbors = 18,
) -> Domain:
    """A domain from a tissue mask and, optionally, fractions of named tissues and a tensor field.

    Args:
        tissue: boolean (x, y, z). Its outermost layer must be False: pad the array by one voxel.
        spacing_mm: voxel size along each axis.
        tissues: name -> fraction 0..1 (x, y, z). What they leave of a voxel belongs to the first.
        tensor: (6, x, y, z) diffusion tensor xx, yy, zz, xy, xz, yz along the axes of the grid, in
            any unit: only its shape is used, the trace is normalized voxel by voxel. Voxels whose
            trace is 0 count as isotropic.
        neighbors: voxels that a voxel can exchange with along fibers: 18, 26 or 124. More keep
            more of the anisotropy and take longer (twin/operators/tensors).

    Raises:
        TwinError: empty mask, tissue on the border of the array, fractions of another shape, a
            tensor that is not finite or not positive.
    """
    tissue = np.asarray(tissue, bool)
    if not tissue.any():
        raise TwinError("tissue mask is empty", where="tissue", expected="at least one voxel")
    if not all(np.isfinite(h) and h > 0.0 for h in spacing_mm):
        raise TwinError(
            "voxel size is not positive",
            where="spacing_mm",
            expected="three edges above 0 mm",
            got=str(tuple(spacing_mm)),
        )
    border = tissue.copy()
    border[1:-1, 1:-1, 1:-1] = False
    if border.any():
        raise TwinError(
            "tissue touches the border of its array",
            where="tissue",
            expected="an outermost layer of voxels outside the tissue",
            got=f"{int(border.sum())} tissue voxels on the border",
            fix="Pad the arrays by one voxel, for instance with twin.patient.crop_to_tumor.",
        )
    names = tuple(tissues) if tissues else ("tissue",)
    fractions = np.zeros((len(names), *tissue.shape))
    for index, name in enumerate(names[1:], start=1):
        fractions[index] = _checked_fraction((tissues or {})[name], tissue.shape, name)
    fractions[0] = _checked_fraction(1.0 - fractions[1:].sum(axis=0), tissue.shape, names[0])
    largest = fractions.argmax(axis=0)
    dominant = np.stack([largest == index for index in range(len(names))])
    flat = (-1, tissue.size)
    spacing = (float(spacing_mm[0]), float(spacing_mm[1]), float(spacing_mm[2]))
    fibers, note = None, ""
    if tensor is not None:
        fibers, clipping = tensor_stencil(
            _normalized(np.asarray(tensor), tissue),
            tissue.reshape(-1),
            tissue.shape,  # type: ignore[arg-type]
            spacing,
            neighbors=neighbors,
        )
        note = str(clipping)
    return Domain(
        mask=jnp.asarray(tissue.reshape(-1), jnp.float32),
        fractions=jnp.asarray((fractions * tissue).reshape(flat), jnp.float32),
        dominant=jnp.asarray((dominant * tissue).reshape(flat), jnp.float32),
        fibers=fibers,
        tissues=names,
        shape=tissue.shape,  # type: ignore[arg-type]
        spacing_mm=spacing,
        fibers_note=note,
    )


def _normalized(tensor: np.ndarray, tissue: np.ndarray) -> np.ndarray:
    """(N, 3, 3) tensors of trace 3, the identity outside the tissue and where there is none."""
    if tensor.shape != (6, *tissue.shape) or not np.isfinite(tensor[:, tissue]).all():
        raise TwinError(
            "diffusion tensor is not usable",
            where="tensor",
            expected=f"finite values of shape {(6, *tissue.shape)}: xx, yy, zz, xy, xz, yz",
            got=f"shape {tensor.shape}",
        )
    xx, yy, zz, xy, xz, yz = np.where(tissue, tensor, 0.0).reshape(6, -1).astype(float)
    full = np.stack([xx, xy, xz, xy, yy, yz, xz, yz, zz], axis=-1).reshape(-1, 3, 3)
    trace = xx + yy + zz
    if trace.min() < 0.0:
        raise TwinError(
            "diffusion tensor with a negative trace",
            where="tensor",
            expected="positive definite tensors",
            got=f"{int((trace < 0.0).sum())} voxels with a negative trace",
            fix="Fit the tensors anew with a constraint to positive eigenvalues.",
        )
    known = trace > 0.0
    scaled = full * (3.0 / np.where(known, trace, 1.0))[:, None, None]
    return np.where(known[:, None, None], scaled, np.eye(3))


def _checked_fraction(field: np.ndarray, shape: tuple[int, ...], name: str) -> np.ndarray:
    field = np.asarray(field, float)
    if field.shape != shape or not np.all((field >= -1e-3) & (field <= 1.0 + 1e-3)):
        raise TwinError(
            "fractions of a tissue are not usable",
            where=f"tissue {name}",
            expected=f"shape {shape}, every fraction and what the others leave within 0..1",
            got=f"shape {field.shape}, {np.nanmin(field):g} to {np.nanmax(field):g}",
        )
    return np.clip(field, 0.0, 1.0)


def domain_of(patient: Patient) -> Domain:
    """The domain of a patient as it is (crop and coarsen before, see twin.patient)."""
    return make_domain(
        patient.tissue, tuple(patient.grid.spacing_mm), patient.tissues or None, patient.tensor
    )

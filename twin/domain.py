"""Where tumor cells can be: tissue mask and tissue fractions on a grid, as flat arrays."""

from __future__ import annotations

from collections.abc import Mapping

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from twin.errors import TwinError
from twin.patient import Patient


class Domain(eqx.Module):
    """Geometry shared by every simulation of a patient.

    Attributes:
        mask: (N,) 1 in tissue, 0 elsewhere, C order of (x, y, z); the outermost layer is 0.
        fractions: (K, N) fraction of each tissue; the rest of a voxel is the first tissue.
        dominant: (K, N) 1 where that tissue is the largest, for growth that differs by tissue.
        tissues: K names; the first is the reference whose rates the parameters give.
        shape, spacing_mm: the grid.
    """

    mask: Float[Array, " n"]
    fractions: Float[Array, "k n"]
    dominant: Float[Array, "k n"]
    tissues: tuple[str, ...] = eqx.field(static=True)
    shape: tuple[int, int, int] = eqx.field(static=True)
    spacing_mm: tuple[float, float, float] = eqx.field(static=True)

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
) -> Domain:
    """A domain from a tissue mask and, optionally, fractions of named tissues.

    Args:
        tissue: boolean (x, y, z). Its outermost layer must be False: pad the array by one voxel.
        spacing_mm: voxel size along each axis.
        tissues: name -> fraction 0..1 (x, y, z). What they leave of a voxel belongs to the first.

    Raises:
        TwinError: empty mask, tissue on the border of the array, fractions of another shape.
    """
    tissue = np.asarray(tissue, bool)
    if not tissue.any():
        raise TwinError("tissue mask is empty", where="tissue", expected="at least one voxel")
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
    return Domain(
        mask=jnp.asarray(tissue.reshape(-1), jnp.float32),
        fractions=jnp.asarray((fractions * tissue).reshape(flat), jnp.float32),
        dominant=jnp.asarray((dominant * tissue).reshape(flat), jnp.float32),
        tissues=names,
        shape=tissue.shape,  # type: ignore[arg-type]
        spacing_mm=tuple(float(s) for s in spacing_mm),  # type: ignore[arg-type]
    )


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
    return make_domain(patient.tissue, tuple(patient.grid.spacing_mm), patient.tissues or None)

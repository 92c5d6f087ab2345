"""Diffusion tensors as weights over a neighborhood, and how much anisotropy it could hold.

The offsets of Selling's decomposition (`twin.operators.selling`) grow with the anisotropy. Where
one leaves the neighborhood, the tensor is blended with the isotropic one of the same trace,

    D → (1 − t) D + t (tr D / 3) I

by the smallest share t that brings all offsets back (to 1e-5; with 124 neighbors the tensors that
fit are not convex, and it may not be the least). The mean diffusivity stays, the anisotropy is
clipped, and `Clipping` says by how much. Fibers keep at least this ratio of eigenvalues:

    neighbors   1 x 1 x 1 mm   1.5 x 1.5 x 3 mm
       18           3.7              2.0
       26           5.8              2.6
      124           9.9              5.8
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from twin.errors import TwinError
from twin.operators.selling import NEIGHBORS, fits, split

_LARGEST_RATIO = 1e6  # of eigenvalues; beyond, the superbase may not be found in finite steps
_HALVINGS = 16
_BLOCK = 8192  # tensors at a time, so that they stay in the cache


@dataclass(frozen=True)
class Clipping:
    """What the neighborhood left of the anisotropy.

    Attributes:
        wanted: (n,) largest over smallest eigenvalue of each tensor that came in.
        kept: (n,) the same of the tensor that the stencil stands for.
        blended: (n,) share of the isotropic tensor in it; 0 where nothing was clipped.
    """

    wanted: np.ndarray
    kept: np.ndarray
    blended: np.ndarray

    @property
    def share_clipped(self) -> float:
        """Share of voxels whose anisotropy was clipped."""
        return float((self.blended > 0.0).mean()) if self.blended.size else 0.0

    def __str__(self) -> str:
        clipped = self.blended > 0.0
        if not clipped.any():
            return "anisotropy kept in every voxel"
        wanted, kept = np.median(self.wanted[clipped]), np.median(self.kept[clipped])
        return (
            f"anisotropy clipped in {100 * self.share_clipped:.1f} % of voxels:"
            f" median ratio of eigenvalues there {kept:.2f} of {wanted:.2f} wanted,"
            f" least {self.kept[clipped].min():.2f}"
        )


@dataclass(frozen=True)
class Decomposition:
    """Tensors as sums over offsets.

    Attributes:
        offsets: the (x, y, z) offsets that occur and the axes, one of each pair ±e, nearest first.
        weights: (offsets, n) non-negative, in units of the tensor per mm².
        clipping: what the neighborhood left of the anisotropy.
    """

    offsets: tuple[tuple[int, int, int], ...]
    weights: np.ndarray
    clipping: Clipping


def decompose(
    tensors: np.ndarray, spacing_mm: tuple[float, float, float], neighbors: int = 26
) -> Decomposition:
    """Decompose symmetric positive tensors over the offsets of a neighborhood.

    Args:
        tensors: (n, 3, 3) diffusion tensors, axes along those of the grid.
        spacing_mm: voxel size.
        neighbors: 18 (faces and edges), 26 (also corners) or 124 (two layers). More neighbors hold
            more anisotropy and cost more, see `twin.operators.stencil`.

    Returns:
        Weights over the offsets that occur. Where a tensor was clipped they make the blended one.

    Raises:
        TwinError: not (n, 3, 3), not finite, not symmetric, a negative eigenvalue, or a
            neighborhood that does not exist.
    """
    tensors = _checked(tensors, neighbors)
    lengths = np.outer(spacing_mm, spacing_mm)
    wanted = _ratio(tensors)
    blended, kept, weights, offsets = [], [], [], []
    for start in range(0, max(len(tensors), 1), _BLOCK):
        block = tensors[start : start + _BLOCK]
        share, inside = _brought_inside(block, wanted[start : start + _BLOCK], lengths, neighbors)
        part = split(inside, neighbors)
        blended.append(share)
        kept.append(_ratio(inside * lengths))
        weights.append(part.weights)
        offsets.append(part.offsets)
    found, by_offset = _gathered(np.concatenate(weights), np.concatenate(offsets), neighbors)
    clipping = Clipping(wanted, np.concatenate(kept), np.concatenate(blended))
    return Decomposition(found, by_offset, clipping)


def _brought_inside(
    tensors: np.ndarray, ratio: np.ndarray, lengths: np.ndarray, neighbors: int
) -> tuple[np.ndarray, np.ndarray]:
    """Share of the isotropic tensor, and the blended tensors in units of voxels."""
    isotropic = np.trace(tensors, axis1=1, axis2=2)[:, None, None] / 3.0 * np.eye(3)

    def at(share: np.ndarray, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        part = share[:, None, None]
        return ((1.0 - part) * tensors[rows] + part * isotropic[rows]) / lengths

    blended = np.where(ratio > _LARGEST_RATIO, 1.0 / _LARGEST_RATIO, 0.0)
    lattice = at(blended)
    parts = split(lattice, neighbors)
    outside = np.flatnonzero(~fits(lattice, parts, neighbors))
    low, high = blended[outside], np.ones(len(outside))
    bases = None if parts.bases is None else parts.bases[outside]
    for _ in range(_HALVINGS if len(outside) else 0):
        middle = 0.5 * (low + high)
        lattice = at(middle, outside)
        parts = split(lattice, neighbors, bases)
        bases = parts.bases
        inside = fits(lattice, parts, neighbors)
        low, high = np.where(inside, low, middle), np.where(inside, middle, high)
    blended[outside] = high
    return blended, at(blended)


def _gathered(
    weights: np.ndarray, offsets: np.ndarray, neighbors: int
) -> tuple[tuple[tuple[int, int, int], ...], np.ndarray]:
    """Weights by offset, for the offsets that occur in any voxel."""
    radius = 2 if neighbors == 124 else 1
    side = 2 * radius + 1
    signs = _signs(offsets)
    codes = ((signs[..., None] * offsets + radius) @ np.array([side * side, side, 1])).astype(int)
    weights = np.where(np.abs(offsets).max(axis=2) > radius, 0.0, np.maximum(weights, 0.0))
    everything = sorted(
        (e for e in product(range(-radius, radius + 1), repeat=3) if e > (0, 0, 0)),
        key=lambda e: (sum(c * c for c in e), tuple(-c for c in e)),
    )
    found, rows = [], []
    for offset in everything:
        code = (np.array(offset) + radius) @ np.array([side * side, side, 1])
        row = np.where(codes == code, weights, 0.0).sum(axis=1)
        if row.any() or sum(map(abs, offset)) == 1:
            found.append(offset)
            rows.append(row)
    return tuple(found), np.stack(rows)


def _signs(offsets: np.ndarray) -> np.ndarray:
    """The sign that makes the first component of each offset that is not zero positive."""
    x, y, z = np.moveaxis(np.sign(offsets), -1, 0)
    first = np.where(x != 0, x, np.where(y != 0, y, z))
    return np.where(first == 0, 1, first)


def _ratio(tensors: np.ndarray) -> np.ndarray:
    values = np.linalg.eigvalsh(tensors)
    least = np.maximum(values[:, 0], 1e-300)
    return np.where(values[:, 2] > 0.0, np.maximum(values[:, 2], 1e-300) / least, 1.0)


def _checked(tensors: np.ndarray, neighbors: int) -> np.ndarray:
    tensors = np.asarray(tensors, float)
    if neighbors not in NEIGHBORS:
        raise TwinError(
            "unknown neighborhood", where="neighbors", expected="18, 26 or 124", got=f"{neighbors}"
        )
    if tensors.ndim != 3 or tensors.shape[1:] != (3, 3):
        raise TwinError(
            "tensors have a wrong shape",
            where="tensors",
            expected="shape (n, 3, 3)",
            got=f"shape {tensors.shape}",
        )
    if not np.isfinite(tensors).all():
        raise TwinError(
            "tensors are not finite",
            where="tensors",
            got=f"{int((~np.isfinite(tensors)).any(axis=(1, 2)).sum())} voxels with NaN or Inf",
        )
    size = np.abs(tensors).max(axis=(1, 2), initial=0.0)
    skew = np.abs(tensors - tensors.transpose(0, 2, 1)).max(axis=(1, 2), initial=0.0)
    least = np.linalg.eigvalsh(tensors)[:, 0] if len(tensors) else np.zeros(0)
    for bad, what in (
        (skew > 1e-5 * size, "tensors are not symmetric"),
        (least < -1e-6 * size, "tensors have negative eigenvalues"),
    ):
        if bad.any():
            raise TwinError(
                what,
                where="tensors",
                expected="symmetric tensors without negative eigenvalues",
                got=f"{int(bad.sum())} of {len(tensors)} voxels that are not",
                fix="Symmetrize the tensors and clip their eigenvalues at a small positive value.",
            )
    return 0.5 * (tensors + tensors.transpose(0, 2, 1))

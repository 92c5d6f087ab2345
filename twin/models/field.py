"""Gaussian fields of few numbers: the leading Karhunen-Loève modes of a smooth field on a box.

    f(x) = sd Σ_m s_m √λ_m φ_m(x),   s_m ~ N(0, 1),   cov(f(x), f(y)) ≈ sd² exp(−|x − y|² / 2 l²)

The squared exponential kernel is a product over the axes, so its modes on a box are products of
those of three line segments. Each segment's come from Gauss-Legendre nodes t_i with weights w_i
by the Nyström method: √λ φ(x) = Σ_i k(x, t_i) √w_i v_i / √λ, with v the eigenvectors of
√w_i k(t_i, t_j) √w_j (Rasmussen & Williams 2006, doi 10.7551/mitpress/3206.001.0001, section 4.3).
They are functions of the place in mm, so that any grid of the same patient sees one field, and
fade outside the box. Leaving out the small modes takes variance from the field, as in a predictive
process (Banerjee 2008, doi 10.1111/j.1467-9868.2008.00663.x); `held_share` says how much is left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from twin.errors import TwinError

Corner = tuple[float, float, float]

MOST_NODES = 200


@dataclass(frozen=True)
class GaussianField:
    """A field around 0 with few coefficients.

    Attributes:
        length_mm: l, correlation length; at this distance the correlation is exp(−1/2) = 0.61.
        sd: standard deviation of a voxel, before modes are left out.
        modes: M, number of modes kept.
        low_mm, high_mm: corners of the box, mm from the corner of the grid.
    """

    length_mm: float
    sd: float
    modes: int
    low_mm: Corner
    high_mm: Corner

    def __post_init__(self) -> None:
        for name, value in (("length_mm", self.length_mm), ("sd", self.sd), ("modes", self.modes)):
            if not (math.isfinite(value) and value > 0):
                raise TwinError(
                    "not positive", where=name, expected="a number above 0", got=f"{value:g}"
                )
        sides = [high - low for low, high in zip(self.low_mm, self.high_mm, strict=True)]
        if min(sides) <= 0.0 or max(sides) > MOST_NODES / 4 * self.length_mm:
            raise TwinError(
                "a field cannot be laid over this box",
                where="low_mm, high_mm",
                expected=f"sides above 0 and below {MOST_NODES / 4 * self.length_mm:g} mm",
                got=", ".join(f"{side:g} mm" for side in sides),
            )

    @property
    def held_share(self) -> float:
        """Share of the field's variance, on average over the box, that the modes hold."""
        return float(self._chosen[1].sum())

    def __call__(
        self, scores: Float[Array, " m"], shape: tuple[int, int, int], spacing_mm: Corner
    ) -> Float[Array, " n"]:
        """(N,) the field at the middle of every voxel of a grid, C order of (x, y, z)."""
        chosen, _ = self._chosen
        sides = chosen.max(axis=0) + 1
        used = self.sd * scores[: len(chosen)]
        core = jnp.zeros(tuple(sides), scores.dtype).at[tuple(chosen.T)].set(used)
        axes = [
            jnp.asarray(modes[:, :side], scores.dtype)
            for modes, side in zip(self._on(shape, spacing_mm), sides, strict=True)
        ]
        # One axis after the other: rounded products of a graphics card would show in the map.
        return jnp.einsum("ijk,xi,yj,zk->xyz", core, *axes, precision="highest").reshape(-1)

    def basis(
        self, shape: tuple[int, int, int], spacing_mm: Corner
    ) -> Float[np.ndarray, "m x y z"]:
        """(M, x, y, z) the field of each score at 1."""
        (first, second, third), (x, y, z) = self._chosen[0].T, self._on(shape, spacing_mm)
        found = np.einsum("xm,ym,zm->mxyz", x[:, first], y[:, second], z[:, third])
        return self.sd * np.pad(found, ((0, self.modes - len(found)), *((0, 0),) * 3))

    @property
    def _chosen(self) -> tuple[np.ndarray, np.ndarray]:
        """(M, 3) mode of each axis, and the share of the variance, largest first; fewer than M in a
        box so small that further modes hold nothing."""
        shares = [_segment(self.length_mm, side)[2] for side in self._sides]
        product = np.einsum("i,j,k->ijk", *shares)
        order = np.argsort(-product, axis=None, kind="stable")[: self.modes]
        return np.stack(np.unravel_index(order, product.shape), axis=1), product.flat[order]

    @property
    def _sides(self) -> tuple[float, ...]:
        return tuple(high - low for low, high in zip(self.low_mm, self.high_mm, strict=True))

    def _on(self, shape: tuple[int, int, int], spacing_mm: Corner) -> list[np.ndarray]:
        """Per axis (voxels, modes) the modes at the middle of the voxels."""
        found = []
        for count, edge, low, side in zip(shape, spacing_mm, self.low_mm, self._sides, strict=True):
            nodes, weighted, _ = _segment(self.length_mm, side)
            place = (np.arange(count) + 0.5) * edge - low
            found.append(_kernel(place, nodes, self.length_mm) @ weighted)
        return found


@cache
def _segment(length_mm: float, side_mm: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes (n,), what turns kernels to the nodes into modes (n, M), and shares of variance (M,).

    Four nodes a correlation length leave errors far below float32; modes that hold less than a
    millionth of the variance are of no use and would lose their digits.
    """
    count = min(16 + math.ceil(4.0 * side_mm / length_mm), MOST_NODES + 16)
    points, weights = np.polynomial.legendre.leggauss(count)
    nodes, root = 0.5 * side_mm * (points + 1.0), np.sqrt(0.5 * weights)
    shares, vectors = np.linalg.eigh(root[:, None] * _kernel(nodes, nodes, length_mm) * root)
    kept = np.flatnonzero(shares > _LEAST_SHARE)[::-1]
    # The sign of an eigenvector is the library's whim: each mode shall rise towards its end.
    vectors = vectors[:, kept] * np.where(vectors[-1, kept] < 0.0, -1.0, 1.0)
    return nodes, root[:, None] * vectors / np.sqrt(shares[kept]), shares[kept]


_LEAST_SHARE = 1e-6


def _kernel(a: np.ndarray, b: np.ndarray, length_mm: float) -> np.ndarray:
    return np.exp(-0.5 * ((a[:, None] - b) / length_mm) ** 2)

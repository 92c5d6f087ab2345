"""Non-negative weights of a tensor: D = Σ_i w_i e_i e_iᵀ with w_i >= 0 and integer offsets e_i.

A superbase of ℤ³ is four integer vectors b_0..b_3 that sum to zero, any three of which span it.
Where all products <b_i, D b_j> are at most zero, Selling's formula

    D = −Σ_{i<j} <b_i, D b_j> v_ij v_ijᵀ,   v_ij = b_k × b_l   ({i, j, k, l} = {0, 1, 2, 3})

has six non-negative weights; Selling's algorithm finds such a superbase by turning over pairs with
a positive product. Fehrenbach & Mirebeau 2014 (doi 10.1007/s10851-013-0446-3). Weights depend
continuously on D. On a grid of spacing h the tensor is D_ij / (h_i h_j) in units of voxels.
"""

from __future__ import annotations

from itertools import combinations
from typing import Literal, NamedTuple, get_args

import numpy as np

from twin.errors import TwinError

Neighbors = Literal[18, 26, 124]
"""How many voxels one exchanges with: across faces and edges, also corners, also two layers."""
NEIGHBORS = get_args(Neighbors)

_PAIRS = tuple(combinations(range(4), 2))
_OTHERS = tuple(tuple(k for k in range(4) if k not in pair) for pair in _PAIRS)
_NEGLIGIBLE = 1e-9  # weight relative to the trace that counts as none
_MAX_FLIPS = 10_000


class Split(NamedTuple):
    """Six weights and offsets of each tensor, and the superbases they came from, if any."""

    weights: np.ndarray  # (n, 6)
    offsets: np.ndarray  # (n, 6, 3)
    bases: np.ndarray | None = None  # (n, 4, 3)


def split(lattice: np.ndarray, neighbors: int, bases: np.ndarray | None = None) -> Split:
    """Weights and offsets of tensors in units of voxels."""
    return _dominant(lattice) if neighbors == 18 else _selling(lattice, bases)


def _selling(lattice: np.ndarray, bases: np.ndarray | None) -> Split:
    """Selling's algorithm for all tensors at once, from given superbases; who is done leaves."""
    count = len(lattice)
    if bases is None:
        bases = np.tile(np.vstack([np.eye(3), -np.ones(3)]), (count, 1, 1))
    products = np.empty((count, 6))
    tolerance = 1e-13 * np.trace(lattice, axis1=1, axis2=2)
    active = np.arange(count)
    for _ in range(_MAX_FLIPS):
        base = bases[active]
        turned = base @ lattice[active]
        now = np.stack([(turned[:, i] * base[:, j]).sum(axis=1) for i, j in _PAIRS], axis=1)
        products[active] = now
        worst = now.argmax(axis=1)
        more = now[np.arange(len(active)), worst] > tolerance[active]
        active, worst = active[more], worst[more]
        if not len(active):
            break
        for pair, (i, _) in enumerate(_PAIRS):
            rows = active[worst == pair]
            vector = bases[rows, i]
            for other in _OTHERS[pair]:
                bases[rows, other] += vector
            bases[rows, i] = -vector
    else:
        raise TwinError(
            "no obtuse superbase was found for a tensor",
            where="tensors",
            expected=f"at most {_MAX_FLIPS} flips",
            got=f"{len(active)} tensors not done",
        )
    offsets = np.stack([np.cross(bases[:, k], bases[:, m]) for k, m in _OTHERS], axis=1)
    return Split(np.maximum(-products, 0.0), np.rint(offsets).astype(int), bases)


def _dominant(lattice: np.ndarray) -> Split:
    """Six weights over axes and face diagonals; what is beyond diagonal dominance is negative."""
    off = np.stack([lattice[:, i, j] for i, j in combinations(range(3), 2)], axis=1)
    rest = np.diagonal(lattice, axis1=1, axis2=2) - np.stack(
        [
            np.abs(off[:, [0, 1]]).sum(1),
            np.abs(off[:, [0, 2]]).sum(1),
            np.abs(off[:, [1, 2]]).sum(1),
        ],
        axis=1,
    )
    offsets = np.zeros((len(lattice), 6, 3), int)
    offsets[:, :3] = np.eye(3, dtype=int)
    for row, (i, j) in enumerate(combinations(range(3), 2)):
        offsets[:, 3 + row, i] = 1
        offsets[:, 3 + row, j] = np.where(off[:, row] < 0.0, -1, 1)
    return Split(np.concatenate([rest, np.abs(off)], axis=1), offsets)


def fits(lattice: np.ndarray, parts: Split, neighbors: int) -> np.ndarray:
    """Whether each tensor has non-negative weights on the neighborhood alone."""
    negligible = _NEGLIGIBLE * np.trace(lattice, axis1=1, axis2=2)[:, None]
    far = np.abs(parts.offsets).max(axis=2) > (2 if neighbors == 124 else 1)
    return ~((far & (parts.weights > negligible)) | (parts.weights < -negligible)).any(axis=1)

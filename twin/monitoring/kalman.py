"""Ensemble Kalman update: members are mixed so that their mean and spread follow a scan.

For J members with predictions g_j in standard deviations of the noise, with S = g - mean(g) and
d = y - mean(g):

    P = ((J - 1) I + S S')⁻¹,   w = P S d,   T = ((J - 1) P)^½
    x_i <- mean(x) + Σ_j (w_j + T_ij) (x_j - mean(x))

which is a product of a (J, J) matrix and the members, whatever they hold (Hunt et al. 2007, doi
10.1016/j.physd.2006.11.008). Fields are updated from what was seen near them alone: around anchors,
observations count less with distance (Gaspari & Cohn 1999, doi 10.1002/qj.49712555417), and a voxel
takes the mixture of the anchors around it. Spread that an update removes comes back in part
(relaxation to the prior spread, Whitaker & Hamill 2012, doi 10.1175/MWR-D-11-00276.1).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from twin.grid import Grid


def mixture(
    gram: Float[np.ndarray, "*a j j"], pull: Float[np.ndarray, "*a j"]
) -> Float[np.ndarray, "*a j j"]:
    """(..., J, J) matrix that makes updated members of forecast ones; its rows sum to 1.

    Args:
        gram: S S', products of the members' deviations in units of the noise.
        pull: S d, their products with what was observed less the mean.
    """
    size = gram.shape[-1]
    lengths, along = np.linalg.eigh(gram)
    lengths = np.maximum(lengths, 0.0)[..., None, :]
    back = np.swapaxes(along, -1, -2)
    mean = (along / (lengths + size - 1.0)) @ (back @ pull[..., None])
    spread = (along * np.sqrt((size - 1.0) / (lengths + size - 1.0))) @ back
    centered = spread + np.swapaxes(mean, -1, -2)
    return centered - centered.mean(axis=-1, keepdims=True) + 1.0 / size


def products(
    predicted: Float[np.ndarray, "j m"], observed: Float[np.ndarray, " m"]
) -> tuple[Float[np.ndarray, "j j"], Float[np.ndarray, " j"]]:
    """Gram matrix of the members' deviations and its products with the innovation."""
    mean = predicted.mean(axis=0)
    deviation = predicted - mean
    return deviation @ deviation.T, deviation @ (observed - mean)


def taper(distance: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """Correlation 1 at 0 that falls to 0 at 2, fifth order (Gaspari & Cohn 1999, eq. 4.10)."""
    r = np.abs(np.asarray(distance, float))
    near = 1.0 - r**2 * (5.0 / 3.0 - r * (0.625 + r * (0.5 - 0.25 * r)))
    safe = np.maximum(r, 1.0)
    far = 4.0 - safe * (5.0 - safe * (5.0 / 3.0 + safe * (0.625 - safe * (0.5 - safe / 12.0))))
    return np.where(r <= 1.0, near, np.where(r < 2.0, far - 2.0 / (3.0 * safe), 0.0)).clip(0.0)


def local_mixtures(
    predicted: Float[np.ndarray, "j m"],
    observed: Float[np.ndarray, " m"],
    place: np.ndarray,
    grid: Grid,
    tissue: np.ndarray,
    radius_mm: float,
) -> Iterator[tuple[Float[np.ndarray, "j j"], np.ndarray, np.ndarray]]:
    """Mixtures around anchors: matrix, flat voxels that it serves, and its share in each of them.

    Args:
        predicted, observed: in standard deviations of the noise.
        place: (M,) flat voxel of each observation, or -1 for one that concerns every voxel.
        grid: of the fields.
        tissue: (x, y, z) where fields can be other than 0; anchors that serve none are left out.
        radius_mm: scale of the taper; nothing beyond twice of it counts.
    """
    shape, spacing = grid.shape, grid.spacing_mm
    axes = [_anchors(n, h, radius_mm) for n, h in zip(shape, spacing, strict=True)]
    where = np.array(np.unravel_index(np.maximum(place, 0), grid.shape)).T * spacing
    everywhere = place < 0
    shares = [_hats(n, at) for n, at in zip(shape, axes, strict=True)]
    inside = np.asarray(tissue, bool).reshape(-1)
    index = np.arange(inside.size).reshape(grid.shape)
    for number in np.ndindex(*(len(at) for at in axes)):
        rows = [np.flatnonzero(s[k]) for s, k in zip(shares, number, strict=True)]
        voxels = index[np.ix_(*rows)].reshape(-1)
        if not inside[voxels].any():
            continue
        hats = [s[k][r] for s, k, r in zip(shares, number, rows, strict=True)]
        share = np.einsum("i,j,k->ijk", *hats).reshape(-1)
        anchor = np.array([at[k] for at, k in zip(axes, number, strict=True)]) * spacing
        distance = np.sqrt(((where - anchor) ** 2).sum(axis=1))
        weight = np.where(everywhere, 1.0, taper(distance / radius_mm))
        near = weight > 0.0
        if not near.any():
            yield np.eye(len(predicted)), voxels, share
            continue
        root = np.sqrt(weight[near])
        yield mixture(*products(predicted[:, near] * root, observed[near] * root)), voxels, share


def relaxed(
    before: Float[np.ndarray, "j *n"], after: Float[np.ndarray, "j *n"], share: float
) -> Float[np.ndarray, "j *n"]:
    """Members whose spread is the updated one and a share of what the update removed."""
    mean = after.mean(axis=0)
    old, new = before.std(axis=0), after.std(axis=0)
    factor = np.where(new > 0.0, 1.0 + share * (old - new) / np.where(new > 0.0, new, 1.0), 1.0)
    return mean + np.maximum(factor, 1.0) * (after - mean)


def _anchors(count: int, spacing_mm: float, radius_mm: float) -> np.ndarray:
    """Voxel coordinates of evenly spaced anchors, a radius apart at most."""
    pieces = max(1, int(np.ceil((count - 1) * spacing_mm / radius_mm)))
    return np.linspace(0.0, count - 1.0, pieces + 1 if count > 1 else 1)


def _hats(count: int, anchors: np.ndarray) -> np.ndarray:
    """(A, count) shares of the anchors in each voxel of an axis; they sum to 1."""
    if anchors.size == 1:
        return np.ones((1, count))
    at = np.arange(count)
    return np.stack([np.interp(at, anchors, row) for row in np.eye(anchors.size)])

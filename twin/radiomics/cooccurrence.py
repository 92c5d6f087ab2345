"""Gray level co-occurrence: how often two levels lie next to each other (GLCM).

    p_ij: share of neighboring pairs with levels i and j, symmetric

Haralick et al. 1973, doi 10.1109/TSMC.1973.4309314, as defined by Zwanenburg et al.,
Radiology 2020, doi 10.1148/radiol.2020191145, section 3.6 of the reference manual.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from twin.radiomics.counting import count
from twin.radiomics.finite import entropy, ratio


def cooccurrence_matrices(
    levels: Int[Array, "length"],
    neighbors: Int[Array, "length directions"],
    slices: Int[Array, "length"],
    *,
    level_count: int,
    slice_count: int,
) -> Float[Array, "slices directions levels levels"]:
    """Counts of neighboring levels, for each slice of the first voxel and each direction.

    Args:
        levels: gray level of each voxel from 1 on, 0 for none.
        neighbors: place of the neighbor in each direction, `length` for none.
        slices: slice of each voxel.
        level_count: highest level.
        slice_count: number of slices told apart; 1 counts all together.
    """
    other = jnp.append(levels, 0)[neighbors]
    directions = neighbors.shape[1]
    group = (slices[:, None] if slice_count > 1 else 0) * directions + jnp.arange(directions)
    valid = (levels[:, None] > 0) & (other > 0)
    cell = (group * level_count + levels[:, None] - 1) * level_count + other - 1
    shape = (slice_count, directions, level_count, level_count)
    counts = count(cell, valid, shape)
    return counts + counts.swapaxes(-1, -2)


def cooccurrence_features(
    matrix: Float[Array, "levels levels"], level_count: Float[Array, ""]
) -> dict[str, Float[Array, ""]]:
    """The 25 features of one symmetric matrix of counts.

    Args:
        matrix: counts by level.
        level_count: number of gray levels of the image, by which differences are scaled.
    """
    p = ratio(matrix, matrix.sum())
    size = matrix.shape[0]
    i = jnp.arange(1, size + 1, dtype=jnp.float32)[:, None]
    j = i.T
    marginal = p.sum(axis=1)
    level = i[:, 0]
    mean = (marginal * level).sum()
    variance = (marginal * (level - mean) ** 2).sum()
    distance = jnp.abs(i - j)
    row = jnp.arange(size)
    difference = _sum_by(p, jnp.abs(row[:, None] - row[None, :]), size)
    total = _sum_by(p, row[:, None] + row[None, :], 2 * size - 1)
    k = jnp.arange(size, dtype=jnp.float32)
    s = jnp.arange(2, 2 * size + 1, dtype=jnp.float32)
    difference_mean, sum_mean = (difference * k).sum(), (total * s).sum()
    joint_entropy, level_entropy = entropy(p), entropy(marginal)
    product = marginal[:, None] * marginal[None, :]
    cross = -(p * jnp.log2(jnp.where(product > 0, product, 1.0))).sum()
    independent = entropy(product)
    centered = i + j - 2 * mean
    return {
        "joint_max": p.max(),
        "joint_avg": (p * i).sum(),
        "joint_var": (p * (i - mean) ** 2).sum(),
        "joint_entr": joint_entropy,
        "diff_avg": difference_mean,
        "diff_var": (difference * (k - difference_mean) ** 2).sum(),
        "diff_entr": entropy(difference),
        "sum_avg": sum_mean,
        "sum_var": (total * (s - sum_mean) ** 2).sum(),
        "sum_entr": entropy(total),
        "energy": (p**2).sum(),
        "contrast": (p * distance**2).sum(),
        "dissimilarity": (p * distance).sum(),
        "inv_diff": (p / (1 + distance)).sum(),
        "inv_diff_norm": (p / (1 + distance / level_count)).sum(),
        "inv_diff_mom": (p / (1 + distance**2)).sum(),
        "inv_diff_mom_norm": (p / (1 + (distance / level_count) ** 2)).sum(),
        "inv_var": jnp.where(distance > 0, p / jnp.maximum(distance, 1) ** 2, 0.0).sum(),
        "corr": ratio((p * (i - mean) * (j - mean)).sum(), variance, otherwise=1.0),
        "auto_corr": (p * i * j).sum(),
        "clust_tend": (p * centered**2).sum(),
        "clust_shade": (p * centered**3).sum(),
        "clust_prom": (p * centered**4).sum(),
        "info_corr1": ratio(joint_entropy - cross, level_entropy),
        "info_corr2": jnp.sqrt(jnp.maximum(1 - jnp.exp(-2 * (independent - joint_entropy)), 0.0)),
    }


def _sum_by(p: Array, place: Array, length: int) -> Array:
    return jnp.zeros(length).at[place].add(p)

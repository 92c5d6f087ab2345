"""All texture of a region, by way of aggregation: per slice, over slices, or in space.

    2D_avg     a matrix for each slice and direction; features are averaged
    2D_comb    a matrix for each slice, directions added up; features are averaged over slices
    2_5D_avg   a matrix for each direction within slices, slices added up; features are averaged
    2_5D_comb  one matrix of all slices and directions within them
    3D_avg     a matrix for each of 13 directions in space; features are averaged
    3D_comb    one matrix of all 13 directions

Zones, distances, dependences and differences have no direction: for them both of a pair are the
same, and their names end in 2D, 2_5D or 3D. Zwanenburg et al., Radiology 2020,
doi 10.1148/radiol.2020191145, section 3.6 of the reference manual.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from twin.radiomics import emphasis
from twin.radiomics.cooccurrence import cooccurrence_features, cooccurrence_matrices
from twin.radiomics.dependence import dependence_matrices
from twin.radiomics.region import DIRECTIONS, FACES, IN_PLANE
from twin.radiomics.runs import run_matrices
from twin.radiomics.tone_difference import tone_difference_features, tone_differences
from twin.radiomics.zones import border_distance, distance_matrices, find_zones, size_matrices

AGGREGATIONS = ("2D_avg", "2D_comb", "2_5D_avg", "2_5D_comb", "3D_avg", "3D_comb")

Features = dict[str, Float[Array, ""]]


class Counts(NamedTuple):
    """What was counted along some directions, before it is aggregated.

    The number of columns does not depend on the region, so that features are compiled once.

    Args:
        pairs: neighboring levels (GLCM).
        runs: runs by level and length (GLRLM).
        zones: zones by level and size (GLSZM).
        sizes: the size of each column of `zones`.
        distances: zones by level and distance to the border (GLDZM).
        dependences: voxels by level and dependence (NGLDM).
        tones: numbers of voxels and sums of differences by level (NGTDM).
    """

    pairs: Float[Array, "slices directions levels levels"]
    runs: Float[Array, "slices directions levels runs"]
    zones: Float[Array, "slices levels sizes"]
    sizes: Float[Array, "sizes"]
    distances: Float[Array, "slices levels distances"]
    dependences: Float[Array, "slices levels dependences"]
    tones: Float[Array, "slices kinds levels"]


def texture_features(
    levels: Int[Array, "images length"],
    highest: Int[Array, "images"],
    inside: Bool[Array, "length"],
    neighbors: Int[Array, "length neighbors"],
    slices: Int[Array, "length"],
    *,
    level_count: int,
    slice_count: int,
    longest: int,
    aggregations: tuple[str, ...] = ("3D_comb",),
) -> dict[str, Float[Array, "images"]]:
    """Texture of several images of one region.

    Args:
        levels: gray level of each voxel from 1 on, 0 for voxels left out.
        highest: number of gray levels of each image.
        inside: voxels of the morphological mask, from whose border distances are counted.
        neighbors: places of neighbors, as in `Region`.
        slices: slice of each voxel.
        level_count: a number that no level exceeds.
        slice_count: a number of slices that the region does not exceed.
        longest: a number of voxels that no straight run exceeds.
        aggregations: which of `AGGREGATIONS`.
    """
    found: dict[str, Float[Array, "images"]] = {}
    for in_space in (False, True):
        kinds = tuple(a for a in aggregations if a.startswith("3D") == in_space)
        if not kinds:
            continue
        counts = count_texture(
            levels,
            inside,
            neighbors,
            slices,
            directions=tuple(range(DIRECTIONS)) if in_space else IN_PLANE,
            level_count=level_count,
            slice_count=slice_count if any(k.startswith("2D") for k in kinds) else 1,
            longest=longest,
        )
        found |= features_of_counts(counts, highest, kinds=kinds)
    return found


@partial(jax.jit, static_argnames=("directions", "level_count", "slice_count", "longest"))
def count_texture(
    levels: Int[Array, "images length"],
    inside: Bool[Array, "length"],
    neighbors: Int[Array, "length neighbors"],
    slices: Int[Array, "length"],
    *,
    directions: tuple[int, ...],
    level_count: int,
    slice_count: int,
    longest: int,
) -> Counts:
    """Count what texture is made of, for several images of a region along some directions."""
    opposite = tuple(d + DIRECTIONS for d in directions)
    faces = tuple(d for d in directions + opposite if d % DIRECTIONS in FACES)
    ahead, behind, across = (neighbors[:, jnp.array(d)] for d in (directions, opposite, faces))
    around = jnp.concatenate([ahead, behind], axis=1)
    distance = border_distance(inside, across, longest=longest)
    split = {"level_count": level_count, "slice_count": slice_count}

    def of_image(levels: Int[Array, "length"]) -> Counts:
        zones = find_zones(levels, around)
        sized, sizes = size_matrices(levels, zones, slices, **split)
        return Counts(
            pairs=cooccurrence_matrices(levels, ahead, slices, **split),
            runs=run_matrices(levels, ahead, behind, slices, longest=longest, **split),
            zones=sized,
            sizes=sizes,
            distances=distance_matrices(levels, zones, distance, slices, longest=longest, **split),
            dependences=dependence_matrices(levels, around, slices, **split),
            tones=tone_differences(levels, around, slices, **split),
        )

    return jax.vmap(of_image)(levels)


@partial(jax.jit, static_argnames="kinds")
def features_of_counts(
    counts: Counts, highest: Int[Array, "images"], *, kinds: tuple[str, ...]
) -> dict[str, Float[Array, "images"]]:
    """Features of what was counted, for several images, aggregated in each of some ways."""
    return jax.vmap(partial(_features, kinds=kinds))(counts, highest)


def _features(counts: Counts, highest: Int[Array, ""], *, kinds: tuple[str, ...]) -> Features:
    voxels = counts.dependences.sum(axis=(1, 2))
    lengths = jnp.arange(1, counts.runs.shape[-1] + 1, dtype=jnp.float32)
    dependences = jnp.arange(1, counts.dependences.shape[-1] + 1, dtype=jnp.float32)

    def listed(names: dict[str, str], columns: Array) -> Callable[[Array, Array], Features]:
        return lambda matrix, voxels: emphasis.emphasis_features(matrix, columns, voxels, names)

    def of_pairs(matrix: Array, _: Array) -> Features:
        return cooccurrence_features(matrix, highest.astype(jnp.float32))

    features: Features = {}
    for kind in kinds:
        for prefix, matrix, of_matrix in (
            ("cm", counts.pairs, of_pairs),
            ("rlm", counts.runs, listed(emphasis.RUNS, lengths)),
        ):
            features |= _named(prefix, kind, _directed(matrix, voxels, kind, of_matrix))
    for name in dict.fromkeys(kind.rsplit("_", 1)[0] for kind in kinds):
        for prefix, matrix, of_matrix in (
            ("szm", counts.zones, listed(emphasis.ZONES, counts.sizes)),
            ("dzm", counts.distances, listed(emphasis.DISTANCES, lengths)),
            ("ngl", counts.dependences, listed(emphasis.DEPENDENCES, dependences)),
            ("ngt", counts.tones, lambda sums, _: tone_difference_features(sums)),
        ):
            features |= _named(prefix, name, _undirected(matrix, voxels, name, of_matrix))
    return features


def _directed(
    matrix: Float[Array, "slices directions levels columns"],
    voxels: Float[Array, "slices"],
    kind: str,
    of_matrix: Callable[[Array, Array], Features],
) -> Features:
    """Features of matrices that have a direction, aggregated as `kind` says."""
    directions = matrix.shape[1]
    if not kind.startswith("2D"):
        matrix, voxels = matrix.sum(axis=0, keepdims=True), voxels.sum(keepdims=True)
    counted = jnp.broadcast_to(voxels[:, None], matrix.shape[:2])
    if kind.endswith("comb"):
        matrix, counted = matrix.sum(axis=1, keepdims=True), voxels[:, None] * directions
    flat = matrix.reshape(-1, *matrix.shape[2:])
    return _mean(jax.vmap(of_matrix)(flat, counted.ravel()), flat.sum(axis=(1, 2)) > 0)


def _undirected(
    matrix: Float[Array, "slices rows columns"],
    voxels: Float[Array, "slices"],
    name: str,
    of_matrix: Callable[[Array, Array], Features],
) -> Features:
    """Features of matrices without a direction."""
    if name != "2D":
        return of_matrix(matrix.sum(axis=0), voxels.sum())
    return _mean(jax.vmap(of_matrix)(matrix, voxels), voxels > 0)


def _mean(features: dict[str, Array], counted: Bool[Array, "matrices"]) -> Features:
    """Mean over the matrices that count anything."""
    n = jnp.maximum(counted.sum(), 1)
    return {k: jnp.where(counted, v, 0.0).sum() / n for k, v in features.items()}


def _named(prefix: str, suffix: str, features: Features) -> Features:
    return {f"{prefix}_{name}_{suffix}": value for name, value in features.items()}

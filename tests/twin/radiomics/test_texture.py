"""Texture is counted as the definitions say, whatever the region's shape."""

from collections import Counter

import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings

from tests.twin.radiomics import loops
from tests.twin.radiomics.images import regions
from twin.radiomics.region import DIRECTIONS, make_region
from twin.radiomics.texture import Counts, count_texture, features_of_counts, texture_features

LEVELS = 5


def counted(levels: np.ndarray, inside: np.ndarray, images: int = 1) -> Counts:
    region = make_region(inside)
    listed = np.stack([region.pad(levels[inside].astype(np.int32))] * images)
    return count_texture(
        jnp.asarray(listed),
        jnp.asarray(region.pad(np.ones(inside.sum(), bool))),
        jnp.asarray(region.neighbors),
        jnp.asarray(region.slices),
        directions=tuple(range(DIRECTIONS)),
        level_count=LEVELS,
        slice_count=1,
        longest=region.longest,
    )


def as_counter(matrix: np.ndarray, columns: np.ndarray) -> Counter:
    cells = np.argwhere(matrix)
    return Counter({(int(r) + 1, int(columns[c])): int(matrix[r, c]) for r, c in cells})


@settings(max_examples=25)
@given(regions())
def test_pairs_runs_and_dependences_are_those_of_plain_loops(region):
    levels, inside = region
    counts = counted(levels, inside)
    up_to = np.arange(1, 200)
    pairs = np.asarray(counts.pairs[0, 0]).sum(axis=0)
    assert as_counter(pairs, up_to) == loops.pairs(levels, inside)
    runs = np.asarray(counts.runs[0, 0]).sum(axis=0)
    assert as_counter(runs, up_to) == loops.runs(levels, inside)
    dependences = np.asarray(counts.dependences[0, 0])
    assert as_counter(dependences, up_to) == loops.dependences(levels, inside)


@settings(max_examples=25)
@given(regions())
def test_zones_have_the_sizes_and_distances_of_a_flood(region):
    levels, inside = region
    counts = counted(levels, inside)
    zones, distance = loops.zones(levels, inside), loops.distances(inside)
    sizes = Counter((level, len(voxels)) for level, voxels in zones)
    assert as_counter(np.asarray(counts.zones[0, 0]), np.asarray(counts.sizes[0])) == sizes
    nearest = Counter((level, int(distance[tuple(v.T)].min())) for level, v in zones)
    assert as_counter(np.asarray(counts.distances[0, 0]), np.arange(1, 200)) == nearest


@settings(max_examples=25)
@given(regions())
def test_tone_differences_are_those_of_plain_loops(region):
    levels, inside = region
    expected = loops.tones(levels, inside, LEVELS)
    np.testing.assert_allclose(counted(levels, inside).tones[0, 0], expected, rtol=1e-5, atol=1e-5)


def test_a_winding_zone_is_one_zone():
    inside = np.zeros((20, 20, 3), bool)
    for row in range(0, 20, 2):
        inside[row, :, 1] = True
        inside[row + 1, 0 if (row // 2) % 2 else -1, 1] = True
    counts = counted(np.full(inside.shape, 3), inside)
    found = as_counter(np.asarray(counts.zones[0, 0]), np.asarray(counts.sizes[0]))
    assert found == {(3, int(inside.sum())): 1}


def test_a_batch_of_images_has_the_features_of_each():
    generator = np.random.default_rng(3)
    inside = generator.random((7, 7, 5)) < 0.7
    region = make_region(inside)
    images = generator.integers(1, 6, (3, int(inside.sum()))).astype(np.int32)
    images[:, 0] = LEVELS

    def features(images: np.ndarray) -> dict:
        return texture_features(
            jnp.asarray(region.pad(images)),
            jnp.full(len(images), LEVELS),
            jnp.asarray(region.pad(np.ones(inside.sum(), bool))),
            jnp.asarray(region.neighbors),
            jnp.asarray(region.slices),
            level_count=LEVELS,
            slice_count=region.slice_count,
            longest=region.longest,
        )

    together = features(images)
    for i in range(3):
        for name, value in features(images[i : i + 1]).items():
            np.testing.assert_allclose(together[name][i], value[0], rtol=1e-6, err_msg=name)


def test_uniform_texture_has_no_contrast_and_finite_features():
    inside = np.ones((5, 5, 5), bool)
    counts = counted(np.full(inside.shape, LEVELS), inside)
    features = features_of_counts(counts, jnp.array([LEVELS]), kinds=("3D_comb",))
    assert all(np.isfinite(v).all() for v in features.values())
    assert float(features["cm_contrast_3D_comb"][0]) == 0
    assert float(features["cm_energy_3D_comb"][0]) == 1
    assert float(features["szm_z_perc_3D"][0]) == np.float32(1 / 125)

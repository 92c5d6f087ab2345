"""Shape, places and border against bodies whose answers are known."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from tests.twin.radiomics.images import ball, regions
from twin.radiomics.border import border_features
from twin.radiomics.metabolic import metabolic_features
from twin.radiomics.shape import shape_features
from twin.radiomics.spatial import peak_features, spatial_features

SPACING = np.array([1.0, 1.2, 1.5])


@settings(max_examples=10)
@given(radius_mm=st.floats(8.0, 14.0))
def test_a_ball_is_round_and_as_large_as_it_is(radius_mm):
    found = shape_features(ball(radius_mm, SPACING), SPACING)
    volume = 4 / 3 * np.pi * radius_mm**3
    assert abs(found["volume"] / volume - 1) < 0.03
    assert abs(found["vol_approx"] / volume - 1) < 0.03
    # The mesh has steps: its area exceeds that of the ball.
    assert 0.88 < found["sphericity"] < 1
    assert abs(found["diam"] / (2 * radius_mm) - 1) < 0.1
    # Variance along an axis of a ball is radius² / 5.
    assert abs(found["pca_maj_axis"] / (4 * radius_mm / np.sqrt(5)) - 1) < 0.04
    assert found["pca_flatness"] > 0.97
    assert abs(found["vol_dens_conv_hull"] - 1) < 0.08


def test_a_box_has_the_axes_of_its_edges():
    mask = np.zeros((40, 30, 20), bool)
    mask[5:35, 5:25, 5:15] = True
    found = shape_features(mask, np.ones(3))
    # Uniform along an edge of n voxels: variance (n² - 1) / 12, axis 4 standard deviations.
    for name, edge in (("maj", 30), ("min", 20), ("least", 10)):
        assert abs(found[f"pca_{name}_axis"] - 4 * np.sqrt((edge**2 - 1) / 12)) < 5e-3
    assert found["vol_approx"] == 30 * 20 * 10


@settings(max_examples=20)
@given(regions())
def test_autocorrelation_is_the_sum_over_all_pairs(region):
    levels, inside = region
    found = spatial_features(levels.astype(float), inside, SPACING, 1.0)
    place, value = np.argwhere(inside) * SPACING, levels[inside].astype(float)
    distance = cdist(place, place)
    weight = np.divide(1, distance, out=np.zeros_like(distance), where=distance > 0)
    centered = value - value.mean()
    spread = (centered**2).sum()
    n, total = len(value), weight.sum()
    moran = n / total * (weight * np.outer(centered, centered)).sum() / spread
    geary = (n - 1) / (2 * total) * (weight * (value[:, None] - value) ** 2).sum() / spread
    np.testing.assert_allclose(found["moran_i"], moran, atol=1e-4)
    np.testing.assert_allclose(found["geary_c"], geary, rtol=1e-3)


def test_the_center_of_mass_shifts_towards_the_bright_half():
    mask = np.ones((10, 4, 4), bool)
    data = np.ones(mask.shape)
    data[5:] = 3.0
    found = spatial_features(data, mask, np.array([2.0, 2.0, 2.0]), 100.0)
    # Halves at 4 and 14 mm, weights 1 and 3: at 11.5 mm in place of 9.
    np.testing.assert_allclose(found["com"], 2.5)
    assert found["integ_int"] == 200.0


def test_a_peak_is_the_mean_over_one_cubic_centimeter():
    spacing = np.array([2.0, 2.0, 2.0])
    data = np.random.default_rng(1).random((15, 14, 13))
    mask = np.zeros(data.shape, bool)
    mask[3:12, 2:12, 3:10] = True
    radius = (3 * 1000 / (4 * np.pi)) ** (1 / 3)
    every = np.stack(np.meshgrid(*map(np.arange, data.shape), indexing="ij"), -1) * spacing
    means = np.array(
        [data[((every - p * spacing) ** 2).sum(-1) <= radius**2].mean() for p in np.argwhere(mask)]
    )
    found = peak_features(data, mask, spacing)
    np.testing.assert_allclose(found["peak_loc"], means[data[mask].argmax()])
    np.testing.assert_allclose(found["peak_glob"], means.max())


def test_a_ragged_border_has_a_higher_dimension_than_a_smooth_one():
    smooth = ball(20.0)
    noise = np.random.default_rng(2).random(smooth.shape)
    ragged = smooth & (ball(16.0, margin_mm=8.0) | (noise < 0.5))
    plain, rough = border_features(smooth), border_features(ragged)
    assert 1.7 < plain["fractal_dimension"] < 2.3
    assert rough["fractal_dimension"] > plain["fractal_dimension"] + 0.15


def test_a_plane_has_the_dimension_2_and_no_lacunarity():
    plane = np.ones((32, 32, 1), bool)
    found = border_features(plane)
    np.testing.assert_allclose(found["fractal_dimension"], 2.0, atol=0.25)
    assert found["lacunarity"] < 1.3


def test_metabolic_volume_and_glycolysis_count_voxels_above_a_threshold():
    found = metabolic_features(np.array([1.0, 2.0, 3.0, 10.0]), 500.0)
    assert found["mtv_all_ml"] == 2.0
    assert found["tlg_all"] == 8.0
    assert found["mtv_41_ml"] == 0.5
    assert found["mtv_suv2.5_ml"] == 1.0
    assert found["tlg_suv2.5"] == 6.5
    assert found["tlg_suv4"] == 5.0

"""Distances between cohorts: analytic answers, and what chance gives."""

import numpy as np
import pytest
from scipy import stats
from sklearn.covariance import ledoit_wolf

from generative.metrics.density import (
    NEIGHBORS,
    clipped_coverage,
    clipped_density,
    expected_coverage,
)
from generative.metrics.distances import (
    frechet,
    frechet_against_floor,
    mmd,
    shrunk_covariance,
    standardized,
)
from generative.metrics.diversity import diversity, ms_ssim
from generative.metrics.features import features
from generative.metrics.spectrum import radial_spectra, spectrum_distance
from generative.metrics.two_sample import two_sample_auc
from tests.generative.cohorts import thirds


def normal(count: int, size: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, size))


def test_frechet_distance_of_normal_laws_is_the_known_one():
    one, other = normal(20_000), normal(20_000, seed=1)
    assert frechet(one, one) == pytest.approx(0.0, abs=1e-6)
    assert frechet(one, other + 2.0) == pytest.approx(5 * 4.0, rel=0.02)
    assert frechet(one, 3.0 * other) == pytest.approx(5 * (3.0 - 1.0) ** 2, rel=0.03)


def test_shrunk_covariances_are_those_of_another_implementation():
    rows = normal(30, size=12) @ normal(12, size=12, seed=1)
    np.testing.assert_allclose(shrunk_covariance(rows), ledoit_wolf(rows)[0], rtol=1e-9)


def test_two_draws_of_one_world_are_as_far_apart_as_halves_and_other_ones_are_not():
    _, test, drawn = thirds()
    real, made = standardized(features(test)[1], features(drawn)[1])
    same = frechet_against_floor(real, made)
    assert same.ratio.low < 1.2 and same.ratio.value < 1.5
    other = frechet_against_floor(real, 1.5 * made + 0.5)
    assert other.ratio.low > 1.5


def test_p_values_of_mmd_are_uniform_where_laws_are_the_same():
    found = [
        mmd(normal(30, seed=2 * s), normal(30, seed=2 * s + 1), permutations=99, seed=s).p_value
        for s in range(120)
    ]
    assert stats.kstest(found, "uniform").pvalue > 0.01
    assert mmd(normal(60), normal(60, seed=1) + 0.7, permutations=99).p_value == 0.01


def test_mmd_is_unbiased():
    found = [
        mmd(normal(20, seed=2 * s), normal(25, seed=2 * s + 1), permutations=1).value
        for s in range(200)
    ]
    assert abs(np.mean(found)) < 3.0 * np.std(found) / np.sqrt(len(found))


def test_expected_coverage_is_what_the_same_law_gives():
    random = np.random.default_rng(0)
    found = []
    for _ in range(300):
        real, other = random.random((40, 1)), random.random((25, 1))
        apart = np.abs(real - real.T)
        radius = np.sort(apart, axis=1)[:, NEIGHBORS]
        inside = (np.abs(real - other.T) < radius[:, None]).sum(axis=1)
        found.append(np.minimum(inside / NEIGHBORS, 1.0).mean())
    assert expected_coverage(40, 25)[25] == pytest.approx(np.mean(found), abs=0.01)


@pytest.mark.parametrize("bad", [0.0, 0.5, 1.0])
def test_density_is_the_share_of_good_patients(bad):
    real, made = normal(400), normal(400, seed=1)
    made[: int(bad * 400)] += 50.0
    assert clipped_density(real, made).value == pytest.approx(1.0 - bad, abs=0.08)
    assert clipped_coverage(real, made).value == pytest.approx(1.0 - bad, abs=0.12)


def test_a_generator_that_repeats_one_patient_is_dense_but_covers_nothing():
    real = normal(300)
    made = np.repeat(real[[np.argmin((real**2).sum(axis=1))]], 300, axis=0)
    assert clipped_density(real, made).value > 0.9
    assert clipped_coverage(real, made).value < 0.1


def test_classifiers_tell_only_different_laws_apart():
    same = two_sample_auc(normal(150), normal(150, seed=1))
    assert same.low < 0.5 < same.high + 0.05
    spread = two_sample_auc(normal(150), 2.0 * normal(150, seed=1))
    assert spread.low > 0.7  # means are equal: the trees see it, the linear model does not


def test_spectra_see_blur_and_noise():
    images = np.random.default_rng(0).standard_normal((40, 1, 12, 12, 12)).astype(np.float32)
    real, other = radial_spectra(images[:20]), radial_spectra(images[20:])
    np.testing.assert_allclose(real.mean(axis=0)[1:], 0.0, atol=0.1)  # white: power 1
    assert spectrum_distance(real, other).low < 0.1
    louder = spectrum_distance(real, radial_spectra(2.0 * images[20:]))
    assert louder.value == pytest.approx(2.0 * np.log(2.0), abs=0.1) and louder.low > 1.0


def test_similarity_of_a_volume_with_itself_is_one():
    volumes = np.random.default_rng(0).random((3, 16, 16, 16))
    np.testing.assert_allclose(ms_ssim(volumes, volumes), 1.0)
    assert (ms_ssim(volumes, volumes[::-1].copy())[[0, 2]] < 0.5).all()


def test_a_generator_that_repeats_itself_is_less_diverse():
    _, test, drawn = thirds()
    same = diversity(test.images[:, 0], drawn.images[:, 0])
    assert same.difference.low < 0.0 < same.difference.high
    repeated = np.repeat(drawn.images[:1, 0], 50, axis=0)
    assert diversity(test.images[:, 0], repeated).difference.low > 0.0

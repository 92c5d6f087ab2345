"""Filters agree with SciPy's and PyWavelets' own."""

import numpy as np
import pytest
import pywt
from scipy import ndimage

from twin.errors import TwinError
from twin.radiomics import LaplacianOfGaussian, Wavelet, filter_image

SHAPE, SPACING = (20, 17, 23), np.array([2.0, 2.5, 3.0])
DATA = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)


def test_laplacian_of_gaussian_is_scipys_scaled_by_its_width():
    sigma_mm = 6.0
    found = filter_image(DATA, [LaplacianOfGaussian(sigma_mm)], SPACING)["log_6mm"]
    expected = np.zeros(SHAPE)
    for axis in range(3):
        order = [2 if a == axis else 0 for a in range(3)]
        sigma = sigma_mm / SPACING
        derivative = ndimage.gaussian_filter(DATA.astype(float), sigma, order, mode="reflect")
        expected += derivative * sigma[axis] ** 2
    np.testing.assert_allclose(found, expected, atol=2e-3 * np.abs(expected).max())


def test_laplacian_of_gaussian_answers_a_blob_of_its_size_most():
    grid = np.stack(np.meshgrid(*[np.arange(41) - 20.0] * 3, indexing="ij"))
    blob = np.exp(-0.5 * (grid**2).sum(axis=0) / 3.0**2)
    sizes = [1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0]
    filters = [LaplacianOfGaussian(s * np.sqrt(2 / 3)) for s in sizes]
    answers = filter_image(blob, filters, np.ones(3)).values()
    at_center = [-float(answer[20, 20, 20]) for answer in answers]
    # s² ∇² G_s of a ball-like blob of width b peaks at s = b sqrt(2 / 3) in three dimensions.
    assert sizes[int(np.argmax(at_center))] == 3.0


def test_a_constant_image_has_no_answer():
    filters = [LaplacianOfGaussian(4.0), Wavelet("coif1")]
    for name, answer in filter_image(np.full(SHAPE, 7.0), filters, SPACING).items():
        expected = 7.0 * 2**1.5 if name.endswith("LLL") else 0.0
        np.testing.assert_allclose(answer, expected, atol=1e-4, err_msg=name)


@pytest.mark.parametrize("name", ["haar", "coif1", "db2"])
def test_wavelet_bands_are_undecimated_convolutions(name):
    found = filter_image(DATA, [Wavelet(name)], SPACING)
    wavelet = pywt.Wavelet(name)
    taps = {"L": wavelet.dec_lo, "H": wavelet.dec_hi}
    assert len(found) == 8
    for band, answer in found.items():
        expected = DATA.astype(float)
        for axis, kind in enumerate(band.rsplit("_", 1)[1]):
            weights = np.append(taps[kind][::-1], 0.0)
            expected = ndimage.correlate1d(expected, weights, axis, mode="reflect")
        np.testing.assert_allclose(answer, expected, atol=1e-4, err_msg=band)


def test_a_box_holds_the_part_of_the_whole_answer():
    filters = [LaplacianOfGaussian(5.0), Wavelet("coif1")]
    box = (slice(3, 11), slice(0, 17), slice(9, 23))
    whole, part = (filter_image(DATA, filters, SPACING, b) for b in (None, box))
    for name, answer in part.items():
        np.testing.assert_allclose(answer, whole[name][box], atol=1e-5, err_msg=name)


def test_filters_that_cannot_be_are_refused():
    with pytest.raises(TwinError, match="sigma_mm: width of a filter .*above 0, got -1"):
        LaplacianOfGaussian(-1.0)
    with pytest.raises(TwinError, match="unknown wavelet .*got sinc9"):
        Wavelet("sinc9")

"""Radiomics of a patient: what they do not change with, and what they agree with."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generative.metrics.features import (
    cooccurrence,
    features,
    first_scan_only,
    patient_features,
)
from tests.generative.cohorts import thirds, turned
from twin.grid import Grid
from twin.imaging.image import MASK, Image
from twin.radiomics import FixedBinCount, Settings, extract

SPACING = np.array([2.0, 2.0, 2.0])


def patient(seed: int = 0, side: int = 18) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    offsets = np.indices((side,) * 3) - side / 2
    distance = np.sqrt((offsets**2 * np.array([1.0, 1.4, 0.8])[:, None, None, None]).sum(axis=0))
    masks = np.stack([distance < radius for radius in (5.0, 4.0, 2.0)])
    images = 3.0 + 2.0 * masks + random.standard_normal(masks.shape)
    return images.astype(np.float32), masks


@given(st.integers(0, 10_000))
def test_turning_and_moving_a_patient_changes_nothing(seed):
    images, masks = patient()
    before = patient_features(images, masks, SPACING)
    after = patient_features(*turned(images, masks, np.random.default_rng(seed)), SPACING)
    assert list(before) == list(after)
    np.testing.assert_allclose(list(after.values()), list(before.values()), rtol=1e-5, atol=1e-6)


@given(st.floats(0.2, 5.0), st.floats(-50.0, 50.0))
def test_texture_and_shape_ignore_an_affine_change_of_intensity(scale, shift):
    images, masks = patient()
    before = patient_features(images.astype(np.float64), masks, SPACING)
    after = patient_features(images.astype(np.float64) * scale + shift, masks, SPACING)
    for name, value in before.items():
        if name.startswith(("texture", "shape")) or name == "intensity_skewness":
            assert after[name] == pytest.approx(value, rel=0.03, abs=0.03), name
    assert after["intensity_mean"] == pytest.approx(scale * before["intensity_mean"] + shift)
    assert after["border_contrast"] == pytest.approx(scale * before["border_contrast"])


def test_texture_is_that_of_the_reference_implementation():
    images, masks = patient(3)
    found = patient_features(images, masks, SPACING)
    grid = Grid.from_spacing(images.shape[1:], 2.0)
    mask = Image(masks[0].astype(np.float32), grid, MASK, "1")
    reference = extract(
        Image(images[0], grid, "PET", "SUV"), mask, Settings(bins=FixedBinCount(16))
    )
    for name, theirs in {
        "texture_contrast": "cm_contrast_3D_comb",
        "texture_dissimilarity": "cm_dissimilarity_3D_comb",
        "texture_inverse_difference": "cm_inv_diff_3D_comb",
        "texture_correlation": "cm_corr_3D_comb",
        "texture_joint_entropy": "cm_joint_entr_3D_comb",
        "texture_energy": "cm_energy_3D_comb",
        "intensity_skewness": "stat_skew",
        "intensity_p90": "stat_p90",
        "intensity_entropy": "ih_entropy",
        "shape_elongation": "morph_pca_elongation",
    }.items():
        assert found[name] == pytest.approx(reference[theirs], rel=2e-3), name
    assert found["texture_cluster_shade"] ** 3 == pytest.approx(
        reference["cm_clust_shade_3D_comb"], rel=1e-2
    )


def test_two_neighbors_are_counted_both_ways():
    levels = np.zeros((3, 3, 3), int)
    levels[1, 1, 1], levels[1, 1, 2] = 2, 5
    counts = cooccurrence(levels)
    assert counts[1, 4] == counts[4, 1] == 1 and counts.sum() == 2


def test_a_tumor_that_is_gone_and_an_image_without_contrast_have_finite_features():
    images, masks = patient()
    masks[2] = False
    found = patient_features(np.ones_like(images), masks, SPACING)
    assert np.isfinite(list(found.values())).all()
    assert found["change2_log_volume"] < -5.0 and found["change2_overlap"] == 0.0


@pytest.mark.parametrize("voxels", [1, 2, None])
def test_the_smallest_and_the_largest_mask_have_finite_features(voxels):
    images, masks = patient(side=10)
    masks[:] = False
    masks[:, 5, 5, 5 : None if voxels is None else 5 + voxels] = True
    masks |= voxels is None
    found = patient_features(images, masks, SPACING)
    assert np.isfinite(list(found.values())).all()


def test_later_scans_show_in_the_change_alone():
    images, masks = patient()
    before = patient_features(images, masks, SPACING)
    images[1:] += 1.0
    after = patient_features(images, masks, SPACING)
    names = tuple(before)
    for name, first in zip(names, first_scan_only(names), strict=True):
        if first:
            assert after[name] == before[name]
    assert after["change1_mean"] == pytest.approx(before["change1_mean"] + 1.0, rel=1e-5)


def test_a_cohort_gives_a_row_each_and_takes_milliseconds():
    cohort = thirds()[0].select(np.arange(30))
    start = time.process_time()
    names, values = features(cohort)
    assert (time.process_time() - start) / len(cohort) < 0.025
    assert values.shape == (30, len(names)) and 30 <= len(names) <= 40
    assert np.isfinite(values).all()

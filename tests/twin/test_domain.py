"""Domains: what is accepted as tissue, and how fields travel between 3-D and flat."""

import numpy as np
import pytest

from tests.twin.tumors import SHAPE, SPACING, box, notched
from twin.domain import make_domain
from twin.errors import TwinError


def test_fields_return_from_flat_unchanged_inside_the_tissue():
    tissue = notched(1)
    domain = make_domain(tissue, SPACING)
    field = np.random.default_rng(0).random(SHAPE).astype(np.float32)
    np.testing.assert_array_equal(domain.volume(domain.flat(field)), field * tissue)
    stacked = np.stack([np.asarray(domain.flat(field))] * 3)
    assert domain.volume(stacked).shape == (3, *SHAPE)


def test_it_counts_its_voxels_and_their_volume():
    domain = make_domain(notched(2), SPACING)
    assert domain.tissue_voxels == notched(2).sum()
    assert domain.voxel_ml == pytest.approx(1.0 * 1.5 * 2.0 / 1000)


def test_tissue_fractions_add_up_to_the_mask_and_the_largest_dominates():
    fat = np.random.default_rng(3).random(SHAPE)
    domain = make_domain(box(), SPACING, {"muscle": np.zeros(SHAPE), "fat": fat})
    fractions, dominant = domain.volume(domain.fractions), domain.volume(domain.dominant)
    assert domain.tissues == ("muscle", "fat")
    np.testing.assert_allclose(fractions.sum(axis=0), box(), atol=1e-6)
    np.testing.assert_allclose(fractions[1], fat * box(), atol=1e-6)
    np.testing.assert_array_equal(dominant[1], (fat > 0.5) & box())
    np.testing.assert_array_equal(dominant.sum(axis=0), box())


def touching():
    tissue = box()
    tissue[0, 3, 3] = True
    return tissue


@pytest.mark.parametrize(
    "tissue, message",
    [
        (np.zeros(SHAPE, bool), "tissue mask is empty"),
        (touching(), "touches the border.*1 tissue voxels on the border.*Pad the arrays"),
    ],
)
def test_unusable_tissue_is_refused(tissue, message):
    with pytest.raises(TwinError, match=message):
        make_domain(tissue, SPACING)


@pytest.mark.parametrize(
    "fractions",
    [np.ones((2, 2, 2)), np.full(SHAPE, 1.2), np.full(SHAPE, -0.1), np.full(SHAPE, np.nan)],
    ids=["shape", "above 1", "negative", "NaN"],
)
@pytest.mark.filterwarnings("ignore:All-NaN")
def test_unusable_fractions_are_refused(fractions):
    with pytest.raises(TwinError, match=r"tissue fat: fractions of a tissue are not usable"):
        make_domain(box(), SPACING, {"muscle": np.zeros(SHAPE), "fat": fractions})


def test_fractions_that_exceed_one_together_are_refused():
    with pytest.raises(TwinError, match="tissue muscle: fractions"):
        make_domain(
            box(),
            SPACING,
            {"muscle": np.zeros(SHAPE), "fat": np.full(SHAPE, 0.7), "bone": np.full(SHAPE, 0.7)},
        )


def test_a_field_on_another_grid_is_refused():
    with pytest.raises(TwinError, match=r"not on the grid.*\(9, 8, 7\).*\(7, 8, 9\)"):
        make_domain(box(), SPACING).flat(np.zeros((7, 8, 9)))


def test_a_voxel_size_that_is_not_positive_is_refused():
    with pytest.raises(TwinError, match="spacing_mm: voxel size is not positive.*-1"):
        make_domain(box(), (1.0, -1.0, 1.0))

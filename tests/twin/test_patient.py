"""Patients keep their parts on one grid; cropping and coarsening keep what matters."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.patients import GRID, small_patient
from twin.errors import TwinError
from twin.grid import Grid
from twin.imaging import Image
from twin.patient import Organ, Visit, coarsen_patient, crop_to_tumor


def border_is_closed(tissue: np.ndarray) -> bool:
    return np.count_nonzero(tissue[1:-1, 1:-1, 1:-1]) == np.count_nonzero(tissue)


def open_patient():
    """A patient whose tissue fills the grid and whose tumor touches two of its faces."""
    patient = small_patient()
    mask = np.zeros(GRID.shape, bool)
    mask[0:3, 2:5, 4:7] = True
    visit = replace(patient.visits[0], masks={"gtv": mask})
    everywhere = np.ones(GRID.shape, bool)
    return replace(patient, tissue=everywhere, visits=(visit, patient.visits[1]))


@given(margin=st.floats(0.0, 30.0))
def test_cropping_keeps_every_tumor_voxel_and_closes_the_border(margin):
    patient = open_patient()
    cropped = crop_to_tumor(patient, margin)
    assert border_is_closed(cropped.tissue)
    for before, after in zip(patient.visits, cropped.visits, strict=True):
        for label, mask in before.masks.items():
            assert np.count_nonzero(after.masks[label]) == np.count_nonzero(mask)
            assert (cropped.tissue | ~after.masks[label]).all()


def test_cropping_keeps_the_margin_where_the_grid_allows():
    cropped = crop_to_tumor(open_patient(), 3.0)
    # Tumor voxels 0-4, 2-4 and 2-6; 2 more of each along every axis, as far as the grid goes.
    assert cropped.grid.shape == (7 + 2, 7 + 2, 7 + 2)


def test_a_cropped_voxel_stays_at_its_place_in_the_patient():
    patient = open_patient()
    cropped = crop_to_tumor(patient, 2.0)
    index = np.argwhere(cropped.visits[0].masks["gtv"])[0]
    place = cropped.grid.affine @ [*index, 1]
    original = np.rint(np.linalg.inv(GRID.affine) @ place).astype(int)[:3]
    assert patient.visits[0].masks["gtv"][tuple(original)]
    before, after = patient.visits[0].images["CT"], cropped.visits[0].images["CT"]
    assert after.data[tuple(index)] == before.data[tuple(original)]


@given(margin=st.floats(0.0, 30.0))
def test_cropping_twice_changes_nothing(margin):
    once = crop_to_tumor(open_patient(), margin)
    twice = crop_to_tumor(once, margin)
    assert twice.grid.same_as(once.grid)
    np.testing.assert_array_equal(twice.tissue, once.tissue)


def test_without_a_mask_there_is_nothing_to_crop_to():
    patient = replace(small_patient(), visits=(Visit("only", 0.0),))
    with pytest.raises(TwinError, match="no visit has a mask.*Add the outline"):
        crop_to_tumor(patient, 5.0)
    with pytest.raises(TwinError, match="margin_mm is out of range.*at least 0 mm, got -1"):
        crop_to_tumor(small_patient(), -1.0)


@given(spacing=st.floats(1.0, 3.0))
def test_coarsening_conserves_amounts_and_closes_the_border(spacing):
    patient = small_patient()
    coarse = coarsen_patient(patient, spacing)
    assert coarse.grid.spacing_mm == pytest.approx([spacing] * 3)
    assert border_is_closed(coarse.tissue)
    before = patient.tissues["muscle"].sum() * patient.grid.voxel_volume_mm3
    after = coarse.tissues["muscle"].sum() * coarse.grid.voxel_volume_mm3
    # Only what the closed border takes away may be missing.
    assert after <= before * (1 + 1e-5)
    assert after >= 0.5 * before


def test_refining_keeps_mask_volumes_and_image_means():
    patient = small_patient()
    fine = coarsen_patient(patient, 0.5)
    for before, after in zip(patient.visits, fine.visits, strict=True):
        volume = patient.volume_ml(before.masks["gtv"])
        assert fine.volume_ml(after.masks["gtv"]) == pytest.approx(volume, rel=1e-6)
    adc = fine.visits[0].images["ADC"].data
    assert adc.mean() == pytest.approx(patient.visits[0].images["ADC"].data.mean(), rel=1e-5)


def test_a_mask_that_vanishes_at_the_spacing_is_refused():
    with pytest.raises(TwinError, match=r"vanishes at a spacing of 40 mm.*finer spacing"):
        coarsen_patient(small_patient(), 40.0)


def test_visits_are_sorted_by_time():
    patient = small_patient()
    turned = replace(patient, visits=patient.visits[::-1])
    assert [visit.name for visit in turned.visits] == ["diagnosis", "restaging"]


def test_an_image_on_another_grid_is_refused_naming_both():
    patient = small_patient()
    moved = Grid(GRID.shape, GRID.affine + np.diag([0.2, 0, 0, 0]))
    image = Image(np.ones(GRID.shape), moved, "CT", "HU")
    visit = replace(patient.visits[0], images={"CT": image})
    with pytest.raises(TwinError, match=r"visit diagnosis, CT.*of 1.5 x 2.*of 1.7 x 2.*Register"):
        replace(patient, visits=(visit,))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"site": "liver"}, "site is out of range.*one of glioma.*got liver"),
        ({"body_surface_m2": 19.0}, "body_surface_m2 is out of range.*0.3 to 3.5.*got 19"),
        ({"visits": ()}, "the patient has no visits"),
        ({"tissue": np.ones((2, 2, 2), bool)}, r"tissue.*shape \(9, 8, 7\), got \(2, 2, 2\)"),
    ],
)
def test_an_impossible_patient_is_refused(change, message):
    with pytest.raises(TwinError, match=message):
        replace(small_patient(), **change)


@pytest.mark.parametrize(
    ("organ", "message"),
    [
        ({"alpha_beta_gy": 0.0}, "organ cord: alpha_beta_gy.*positive.*got 0"),
        ({"sparing": 1.2}, "organ cord: sparing.*0 to 1, got 1.2"),
        ({"eqd2_limit_gy": -5.0}, "organ cord: eqd2_limit_gy.*got -5"),
    ],
)
def test_an_impossible_organ_is_refused(organ, message):
    with pytest.raises(TwinError, match=message):
        Organ(**({"name": "cord", "alpha_beta_gy": 2.0, "sparing": 0.5} | organ))


def test_a_patient_prints_what_it_holds():
    text = repr(small_patient())
    assert "Patient(small, soft_tissue_sarcoma, Grid(9x8x7 voxels" in text
    assert "Visit(restaging, day 41.25 (simulated): ADC, mask gtv)" in text

"""Virtual patients: what they hold, how exact they are, and what the embedded one must be."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from twin.errors import TwinError
from twin.grid import Grid
from twin.patient_folder import load_patient
from twin.treatments.schedule import DrugDose, Fraction, Schedule
from twin.virtual_images import (
    block_mean,
    drawn_outline,
    smooth_noise,
)
from twin.virtual_patient import procedural_patient, with_noise

SHAPE, SPACING_MM = (16, 18, 14), 2.0
PARAMS = {
    "diffusivity": 0.4,
    "proliferation_rate": 0.03,
    "radiosensitivity_alpha": 0.06,
    "alpha_beta_ratio": 8.0,
    "sensitivity_doxorubicin": 17.5,
    "clearance_half_life": 20.0,
}
SCHEDULE = Schedule(
    fractions=tuple(Fraction(float(day), 2.0) for day in (30, 31, 32)),
    drug_doses=(DrugDose(15.0, "doxorubicin", 135.0),),
)
DAYS = (0, 20, 45)
TUMOR_SD_MM = 10.0
DEMO = Path(__file__).parents[2] / "patients" / "demo"


def make(**keywords):
    return procedural_patient(
        SHAPE, SPACING_MM, PARAMS, SCHEDULE, DAYS, tumor_sd_mm=TUMOR_SD_MM, **keywords
    )


@pytest.fixture(scope="module")
def procedural():
    return make()


@pytest.fixture(scope="module")
def demo():
    return load_patient(DEMO)


def test_images_show_the_cells_and_masks_what_is_visible(procedural):
    patient, truth = procedural
    assert [visit.time_days for visit in patient.visits] == list(DAYS)
    for visit, seen, viable in zip(patient.visits, truth.seen, truth.viable, strict=True):
        np.testing.assert_allclose(visit.images["CELL_FRACTION"].data, seen, atol=1e-6)
        np.testing.assert_array_equal(visit.masks["gtv"], (seen > 0.35) & patient.tissue)
        assert visit.simulated
        assert (seen >= viable - 1e-12).all()
    assert truth.seen_ml[2] > 1.05 * truth.viable_ml[2]
    assert truth.viable_ml == pytest.approx(truth.viable.sum(axis=(1, 2, 3)) * 8.0 / 1000.0)


def test_the_outermost_layer_is_never_tissue_and_holds_no_cells(procedural):
    patient, truth = procedural
    assert not patient.tissue[[0, -1]].any()
    assert not patient.tissue[:, [0, -1]].any()
    assert not patient.tissue[:, :, [0, -1]].any()
    assert not truth.seen[:, ~patient.tissue].any()


def test_refinement_two_is_exact_far_below_one_percent(procedural):
    finer = make(refinement=4, relative_tolerance=1e-7)[1]
    np.testing.assert_allclose(procedural[1].viable_ml, finer.viable_ml, rtol=1e-4)
    difference = (procedural[1].seen - finer.seen)[:, procedural[0].tissue]
    assert np.sqrt((difference**2).mean()) < 3e-4
    assert np.abs(difference).max() < 2e-3


def test_treatment_of_the_truth_follows_its_parameters(procedural):
    untreated = procedural_patient(
        SHAPE, SPACING_MM, PARAMS, Schedule(), DAYS, tumor_sd_mm=TUMOR_SD_MM
    )[1]
    kill = procedural[1].viable_ml / untreated.viable_ml
    radiation = np.exp(-3 * 0.06 * (2 + 4 / 8))
    assert kill[0] == 1.0
    assert 0.70 < kill[1] < 0.95
    assert radiation * kill[1] < kill[2] < 1.3 * radiation * kill[1]


def test_noise_has_the_spread_asked_for_and_depends_on_the_seed_alone(procedural):
    patient, truth = procedural
    noisy = [with_noise(patient, noise_sd=0.05, seed=seed) for seed in (1, 1, 2)]
    first, again, other = (p.visits[1].images["CELL_FRACTION"].data for p in noisy)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.05
    difference = (first - truth.seen[1])[patient.tissue]
    assert difference.std() == pytest.approx(0.05, rel=0.06)
    assert not first[~patient.tissue].any()
    np.testing.assert_array_equal(
        make(noise_sd=0.05, seed=1)[0].visits[1].images["CELL_FRACTION"].data, first
    )


def test_smooth_noise_has_unit_variance_and_the_width_asked_for():
    grid = Grid.from_spacing((48, 40, 44), (1.0, 1.5, 2.0))
    field = smooth_noise(grid, 6.0, np.random.default_rng(0))
    assert field.std() == pytest.approx(1.0, rel=0.1)
    # Smoothed white noise correlates as the kernel with itself: half at sqrt(2) * FWHM / 2.
    correlation = (field[3:] * field[:-3]).mean() / field.var()
    sigma = 6.0 / np.sqrt(8 * np.log(2))
    assert correlation == pytest.approx(np.exp(-(3.0**2) / (4 * sigma**2)), abs=0.06)


def test_block_mean_conserves_the_mean_and_refuses_a_remainder():
    field = np.random.default_rng(0).random((6, 4, 8))
    coarse = block_mean(field, 2)
    assert coarse.shape == (3, 2, 4)
    assert coarse[1, 0, 3] == pytest.approx(field[2:4, 0:2, 6:8].mean())
    with pytest.raises(TwinError, match="blocks do not fill"):
        block_mean(field, 4)


def test_an_outline_is_one_piece_without_holes():
    grid = Grid.from_spacing((20, 20, 20), 2.0)
    radius = np.sqrt(((np.indices(grid.shape) - 9.5) ** 2).sum(axis=0))
    seen = np.where((radius < 6) & (radius > 2), 0.8, 0.1)
    seen[1, 1, 1] = 0.9
    outline = drawn_outline(
        seen,
        grid,
        tissue=np.ones(grid.shape, bool),
        threshold=0.35,
        wobble=0.05,
        fwhm_mm=8.0,
        random=np.random.default_rng(0),
    )
    np.testing.assert_array_equal(outline, radius < 6)


@pytest.mark.parametrize(
    "params, days, message",
    [
        ({"diffusivity": 0.3}, (0, 5), "missing .*proliferation_rate"),
        ({**PARAMS, "alpha": 0.1}, (0, 5), "unknown .*alpha"),
        (PARAMS, (3, 5), "the first visit of a virtual patient is its day 0"),
        (PARAMS, (), "the first visit of a virtual patient is its day 0"),
    ],
)
def test_a_wrong_request_is_refused(params, days, message):
    with pytest.raises(TwinError, match=message):
        procedural_patient(SHAPE, SPACING_MM, params, Schedule(), days)


def test_the_embedded_patient_says_what_is_simulated(demo):
    assert not demo.visits[0].simulated
    assert all(visit.simulated for visit in demo.visits[1:])
    assert "every ADC map, that of day 0 included" in demo.simulated_note
    assert set(demo.visits[0].images) == {"T1", "PET", "CT", "ADC"}
    assert all(set(visit.images) == {"ADC"} for visit in demo.visits[1:])
    assert "CC BY 3.0" in (DEMO / "README.md").read_text(encoding="utf-8")


def test_the_embedded_patient_is_small_and_its_border_is_closed(demo):
    assert sum(file.stat().st_size for file in DEMO.rglob("*") if file.is_file()) < 3e6
    assert np.prod(demo.grid.shape) <= 25_000
    inner = np.zeros(demo.grid.shape, bool)
    inner[1:-1, 1:-1, 1:-1] = True
    assert not demo.tissue[~inner].any()
    fractions = sum(demo.tissues.values())
    assert fractions.max() <= 1.0 + 1e-6
    assert not fractions[~demo.tissue].any()


def test_the_embedded_anatomy_overlays_across_modalities(demo):
    """The real tumor: soft tissue on CT, no fat on T1, hot on PET, all under one outline."""
    gtv, images = demo.visits[0].masks["gtv"], demo.visits[0].images
    shell = ndimage.binary_dilation(gtv, iterations=3) & ~gtv & demo.tissue
    assert 20 < np.median(images["CT"].data[gtv]) < 90
    assert np.median(images["CT"].data[shell]) < np.median(images["CT"].data[gtv]) - 50
    assert np.median(images["T1"].data[gtv]) < 0.6 * np.median(images["T1"].data[shell])
    assert np.mean(images["PET"].data[gtv]) > 2 * np.mean(images["PET"].data[shell])


def test_the_embedded_adc_crosses_the_visibility_threshold_at_each_outline(demo):
    for visit in demo.visits:
        gtv = visit.masks["gtv"]
        cells = (3.0 - visit.images["ADC"].data) / 2.5
        inner = gtv & ~ndimage.binary_erosion(gtv)
        outer = ndimage.binary_dilation(gtv) & ~gtv & demo.tissue
        assert cells[outer].mean() < 0.35 < cells[inner].mean()
        assert 0.8 < np.median(visit.images["ADC"].data[gtv]) < 2.2


def test_the_embedded_course_is_the_one_its_truth_was_simulated_with(demo):
    truth = json.loads((DEMO / "truth.json").read_text(encoding="utf-8"))
    assert truth["label"].startswith("SIMULATED TRUTH")
    assert demo.treatments.total_dose_gy == 50.0
    assert [fraction.time_days % 7 < 5 for fraction in demo.treatments.fractions] == [True] * 25
    assert demo.treatments.end_days == 112
    for visit in demo.visits:
        day = f"{visit.time_days:g}"
        assert demo.volume_ml(visit.masks["gtv"]) == pytest.approx(truth["outlined_ml"][day])
        index = truth["times_days"].index(visit.time_days)
        assert truth["outlined_ml"][day] == pytest.approx(truth["visible_ml"][index], rel=0.1)
        assert truth["viable_ml"][index] <= truth["seen_ml"][index]

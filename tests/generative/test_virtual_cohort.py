"""Virtual cohorts: the traits cause the response, and volume and brightness do not. Simulated."""

import numpy as np
import pytest

from generative.virtual_cohort import simulate_cohort
from generative.worlds import WORLDS, get_world
from twin.errors import TwinError


@pytest.fixture(scope="module", params=sorted(WORLDS))
def cohort(request):
    return simulate_cohort(get_world(request.param), 150, seed=3, side=16)


def auc(response: np.ndarray, values: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(response, values))


def test_the_visible_traits_predict_the_response_and_nothing_simple_does(cohort):
    brightness = [i[0][m[0]].mean() for i, m in zip(cohort.images, cohort.masks, strict=True)]
    # The standard error of an AUC is 0.05 at this size; the bounds of 1,000 patients are narrower.
    assert 0.65 < auc(cohort.response, cohort.truth["visible_score"]) < 0.97
    assert 0.35 < auc(cohort.response, cohort.volumes_ml[:, 0]) < 0.65
    assert 0.35 < auc(cohort.response, np.array(brightness)) < 0.65
    assert 0.3 < cohort.response.mean() < 0.8


def test_the_response_is_that_of_the_masks(cohort):
    world = get_world(cohort.source.split("world ")[1][0])
    shrunk = cohort.volumes_ml[:, -1] <= world.remission * cohort.volumes_ml[:, 0]
    np.testing.assert_array_equal(cohort.response, shrunk)


def test_traits_show_in_the_first_scan(cohort):
    """Heterogeneous tumors vary more inside, relative to their own brightness."""
    pairs = list(zip(cohort.images[:, 0], cohort.masks[:, 0], strict=True))
    spread = np.array([image[mask].std() / image[mask].mean() for image, mask in pairs])
    assert np.corrcoef(spread, cohort.truth["heterogeneity"])[0, 1] > 0.2


def test_a_patient_depends_on_the_seed_and_its_number_alone():
    world = get_world("A")
    few, more = (simulate_cohort(world, n, seed=5, side=16) for n in (2, 3))
    np.testing.assert_array_equal(few.images, more.images[:2])
    assert not np.array_equal(few.images, simulate_cohort(world, 2, seed=6, side=16).images)


@pytest.mark.parametrize("modality", ["CT", "T1C"])
def test_tumors_stand_out_in_every_modality(modality):
    cohort = simulate_cohort(get_world("A"), 4, seed=1, side=16, modality=modality)
    for image, mask in zip(cohort.images[:, 0], cohort.masks[:, 0], strict=True):
        assert image[mask].mean() > np.median(image[~mask])


def test_what_cannot_be_simulated_is_refused():
    with pytest.raises(TwinError, match="unknown world"):
        get_world("C")
    with pytest.raises(TwinError, match="cannot be rendered"):
        simulate_cohort(get_world("A"), 1, seed=0, modality="ADC")
    with pytest.raises(TwinError, match="at least 1"):
        simulate_cohort(get_world("A"), 0, seed=0)

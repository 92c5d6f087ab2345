"""Halved steps and voxels: what the finer computation is, and what it changes."""

from dataclasses import replace

import numpy as np
import pytest

from tests.twin.scenarios.small_cases import plan_set, prior_posterior, radiotherapy, tiny_patient
from twin.calibration.refined_setting import halved, refined
from twin.errors import TwinError
from twin.scenarios import refinement
from twin.scenarios.refinement import refinement_changes
from twin.treatments.schedule import DrugDose, Fraction, Schedule

PLANS = plan_set(radiotherapy("10 x 2 and surgery", 10, 2.0, surgery_day=40.5))
# Doses between the recorded days, so that steps are long and the drug decays within them.
GIVEN = Schedule((Fraction(1.5, 2.0),), (DrugDose(2.0, "doxorubicin", 142.5),))


@pytest.fixture(scope="module")
def posterior():
    return prior_posterior(tiny_patient(GIVEN))


@pytest.fixture(scope="module")
def changes(posterior):
    return refinement_changes(posterior, PLANS, draws=8, repeated=4)


def test_refined_voxels_hold_the_same_tumor_in_the_same_body(posterior):
    setting = posterior.setting
    finer = refined(setting)
    assert finer.domain.spacing_mm == (2.5, 2.5, 2.5)
    assert finer.domain.tissue_voxels == 8 * setting.domain.tissue_voxels
    params = setting.table.values_at(dict.fromkeys(setting.table, 0.3))
    coarse, fine = (
        s.domain.volume(s.initial(params)) * s.domain.voxel_ml for s in (setting, finer)
    )
    np.testing.assert_allclose(fine.sum(), coarse.sum(), rtol=1e-5)
    np.testing.assert_array_equal(fine * 8.0, halved(coarse))
    np.testing.assert_array_equal(finer.resectable_mm, halved(setting.resectable_mm))


def test_both_refinements_change_something_and_little(changes):
    by_name = {name: [c for c in changes if c.refinement == name] for name in _names(changes)}
    assert list(by_name) == ["half the time step", "half the voxel"]
    for found in by_name.values():
        assert [c.quantity.name for c in found][0] == "viable burden before surgery"
        assert 0.0 < found[0].change < 0.1 and 0.0 < found[0].percent < 10.0
        np.testing.assert_allclose(found[0].in_sd, found[0].change / found[0].sd)


def test_grids_that_are_too_large_are_coarsened_and_say_so(posterior, monkeypatch):
    monkeypatch.setattr(refinement, "MOST_VOXELS", 100)
    found = refinement_changes(posterior, PLANS, draws=8, repeated=4)
    assert _names(found) == ["half the time step", "twice the voxel"]
    assert all(np.isfinite(c.change) for c in found)


def test_what_does_not_vary_has_no_change_in_deviations(posterior, changes):
    constant = [c for c in changes if c.sd == 0.0]
    assert all(np.isnan(c.in_sd) for c in constant)
    known = replace(posterior, z_covariance=np.zeros_like(posterior.z_covariance))
    found = refinement_changes(known, PLANS, draws=8, repeated=4)
    assert all(np.isnan(c.in_sd) for c in found if c.sd == 0.0)
    assert any(c.sd == 0.0 for c in found)


def test_draws_that_fail_are_counted_and_refused(posterior, changes, monkeypatch):
    values_at = type(posterior).values_at

    def one_spoiled(self, scores):
        values = values_at(self, scores)
        if len(scores) == 32:
            values["proliferation_rate"] = values["proliferation_rate"].copy()
            values["proliferation_rate"][2] = np.nan
        return values

    monkeypatch.setattr(type(posterior), "values_at", one_spoiled)
    with pytest.raises(TwinError, match="not finite.*1 of 8 draws"):
        refinement_changes(posterior, PLANS, draws=8, repeated=4)


def _names(changes):
    return list(dict.fromkeys(c.refinement for c in changes))

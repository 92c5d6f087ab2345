"""Virtual patients of a trial: the same whatever is done to them, scanned and never told."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from twin.errors import TwinError
from twin.models import MODELS
from twin.scenarios.trial_patient import VISIBLE, TrialPatient, enroll
from twin.scenarios.trial_protocol import TrialProtocol
from twin.scenarios.trial_worlds import FRONT_MM, VOLUME_ML, WORLDS, get_trial_world
from twin.treatments.schedule import Fraction, Schedule

PROTOCOL = TrialProtocol()


@cache
def someone(world: str = "matched", number: int = 3) -> TrialPatient:
    return enroll(WORLDS[world], PROTOCOL, number, seed=0)


@pytest.mark.parametrize("world", WORLDS)
def test_first_tumor_is_visible_fits_its_tissue_and_is_as_large_as_the_world_says(world):
    for number in range(4):
        patient = someone(world, number)
        volume = (patient.start > VISIBLE).sum() * patient.domain.voxel_ml
        low, high = VOLUME_ML.low, VOLUME_ML.high
        assert 0.9 * low <= volume <= 1.1 * high
        assert not (patient.start[~patient.tissue]).any()
        width = np.sqrt(patient.params["diffusivity"] / patient.params["proliferation_rate"])
        assert FRONT_MM.low <= width <= FRONT_MM.high


def test_worlds_share_what_they_have_in_common_and_patients_differ():
    one, other = someone("matched"), someone("two-clones")
    assert other.params.items() >= one.params.items()
    assert someone("matched", 4).params != one.params
    again = enroll(WORLDS["matched"], PROTOCOL, 3, seed=0)
    assert again.params == one.params
    np.testing.assert_array_equal(again.start, one.start)


def test_a_scan_has_the_same_noise_whatever_was_given_and_another_one_on_another_day():
    patient = someone()
    grown = patient.first_state()
    treated = replace(grown, cells=(0.5 * grown.cells[0],))
    first, second = (patient.scan(s, 28.0).images["CELL_FRACTION"].data for s in (grown, treated))
    truth = [patient.domain.volume(np.asarray(s.seen)) for s in (grown, treated)]
    np.testing.assert_allclose(first - truth[0], second - truth[1], atol=1e-6)
    later = patient.scan(grown, 84.0).images["CELL_FRACTION"].data
    noise = (first - truth[0])[patient.tissue]
    assert noise.std() == pytest.approx(patient.world.noise_sd, rel=0.1)
    assert abs(np.corrcoef(noise, (later - truth[0])[patient.tissue])[0, 1]) < 0.1


def test_the_outline_of_a_world_without_wobble_is_where_cells_are_visible():
    patient = someone()
    mask = patient.scan(patient.first_state(), 0.0).masks["gtv"]
    np.testing.assert_array_equal(mask, patient.start > VISIBLE)


def test_a_tumor_that_cannot_be_seen_has_no_outline():
    patient = someone()
    state = patient.first_state()
    assert not patient.scan(replace(state, cells=(0.01 * state.cells[0],)), 0.0).masks


def test_two_legs_of_a_course_end_where_one_does():
    patient = someone()
    given = Schedule(tuple(Fraction(30.0 + day, 2.0) for day in range(20)))
    state, _ = patient.advance(patient.first_state(), Schedule(), 0.0, 28.0)
    half, early = patient.advance(state, given, 28.0, 42.0)
    end, late = patient.advance(half, given, 42.0, 84.0)
    whole, weeks = patient.advance(state, given, 28.0, 84.0)
    np.testing.assert_allclose(np.concatenate([early, late]), weeks)
    # The damage of the fraction before a leg counts as repaired, 0.002 % of it is not.
    np.testing.assert_allclose(end.seen, whole.seen, atol=1e-4)


def test_the_clinic_gets_scans_and_treatments_only():
    patient = someone()
    visits = (patient.scan(patient.first_state(), 0.0),)
    clinic = patient.seen_by_clinic(visits, Schedule())
    assert clinic.visits == visits
    assert "simulated" in clinic.simulated_note
    assert all(visit.simulated for visit in clinic.visits)
    held = {name for name in vars(clinic) if "param" in name or "truth" in name}
    assert not held


def test_worlds_are_other_simulators_than_the_twin_but_for_the_matched_one():
    assert WORLDS["matched"].refinement == 1
    for name, world in WORLDS.items():
        if name != "matched":
            assert world.refinement > 1 and world.smooth_noise_sd > 0.0
            assert type(world.model) in MODELS.values()


def test_an_unknown_world_is_refused_with_the_known_ones():
    with pytest.raises(TwinError, match="world: unknown world.*matched.*two-clones"):
        get_trial_world("flat earth")

"""The filter on a small treated patient: what scans tell it, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest

import twin
from tests.twin.calibration.cases import adc_patient
from twin.calibration import calibrate
from twin.errors import TwinError
from twin.imaging.image import Image
from twin.models import FisherKPP
from twin.monitoring import Filter
from twin.monitoring.readings import readings_of
from twin.monitoring.surprise import surprise
from twin.patient import Visit
from twin.treatments.schedule import DrugDose, Schedule


@pytest.fixture(scope="module")
def posterior():
    return calibrate(adc_patient(seed=1), FisherKPP(), visits=2)


@pytest.fixture(scope="module")
def start(posterior):
    return Filter.of(posterior, members=32, seed=3)


@pytest.fixture(scope="module")
def followed(start):
    """The filter after each of the two scans during treatment."""
    first = start.assimilate(adc_patient(seed=1).visits[2])
    return first, first.assimilate(adc_patient(seed=1).visits[3])


def test_scans_narrow_the_burden_around_what_they_show(start, followed):
    for number, day in ((0, 30.0), (1, 45.0)):
        blind, seen = start.to(day).now().burden_ml, followed[number].now().burden_ml
        shown = followed[number].history[-1].surprises[0].observed_ml
        assert seen.std() < 0.7 * blind.std()
        assert abs(seen.mean() - shown) < 3.0 * blind.std()


def test_the_filter_moves_towards_a_calibration_that_sees_all_scans_at_once(followed, posterior):
    together = calibrate(adc_patient(seed=1), FisherKPP())
    scores, names = followed[1].scores, posterior.names
    for name in ("diffusivity", "proliferation_rate", "visibility_threshold_gtv"):
        column, other = names.index(name), together.names.index(name)
        both = np.hypot(scores[:, column].std(), np.sqrt(together.z_covariance[other, other]))
        mean, wanted = scores[:, column].mean(), together.z_mean[other]
        assert abs(mean - wanted) < max(abs(posterior.z_mean[column] - wanted), 2.0 * both)
        assert abs(mean - wanted) < 3.0 * both
        assert scores[:, column].std() < 0.7 * np.sqrt(posterior.z_covariance[column, column])


def test_radiosensitivity_is_learned_from_the_scans_that_follow_the_fractions(start, followed):
    column = start.posterior.names.index("radiosensitivity_alpha")
    assert followed[1].scores[:, column].std() < 0.9 * start.scores[:, column].std()


def test_a_scan_of_the_same_tumor_raises_no_alarm(followed):
    for said in followed[1].history:
        assert not said.larger and not said.smaller
        assert {s.quantity for s in said.surprises} == {"burden", "visible"}
        assert said.alarm_below == pytest.approx(0.05 / (5 * 2))


def test_a_tumor_twice_as_large_raises_an_alarm_and_says_what_to_check(start):
    visit = adc_patient(seed=1).visits[2]
    grown = np.zeros_like(visit.masks["gtv"])
    grown[3:-3, 3:-3, 3:-3] = True
    wrong = Visit("wrong", 30.0, {}, {"gtv": grown & adc_patient(seed=1).tissue})
    said = start.assimilate(wrong).history[-1]
    assert said.larger and not said.smaller
    assert "larger than the earlier scans allow" in " ".join(said.findings)
    assert "registration" in " ".join(said.findings)


def test_two_scans_that_contradict_each_other_are_told(followed):
    visit = adc_patient(seed=1).visits[3]
    gone = Visit(
        "later the same day", visit.time_days, {}, {"gtv": np.zeros_like(visit.masks["gtv"])}
    )
    said = followed[1].assimilate(gone).history[-1]
    assert said.smaller
    text = " ".join(said.findings)
    assert "complete response" in text and "smaller than the earlier scans allow" in text


def test_a_volume_alone_is_enough(start):
    wide = np.log(start.to(30.0).now().visible_ml)
    twice = 2.0 * float(np.exp(np.median(wide)))
    seen = np.log(start.assimilate(Visit("number", 30.0), {"gtv": twice}).now().visible_ml)
    assert seen.mean() > wide.mean() + 0.1 and seen.std() < wide.std()


def test_time_passes_the_same_in_one_go_or_two(start):
    once, twice = start.to(40.0), start.to(29.0).to(40.0)
    np.testing.assert_allclose(once.states.viable, twice.states.viable, rtol=1e-4, atol=1e-6)
    outlook = start.outlook([29.0, 40.0])
    np.testing.assert_allclose(outlook.viable_ml[:, 1], once.now().viable_ml[:, 0], rtol=1e-4)
    assert start.to(start.time_days) is start


def test_the_same_seed_gives_the_same_twin_and_nothing_is_changed_in_place(posterior, start):
    scores = start.scores.copy()
    again = Filter.of(posterior, members=32, seed=3).assimilate(adc_patient(seed=1).visits[2])
    other = start.assimilate(adc_patient(seed=1).visits[2])
    np.testing.assert_array_equal(again.scores, other.scores)
    np.testing.assert_array_equal(start.scores, scores)
    assert start.history == ()


def test_cells_stay_possible_whatever_the_scan_says(start):
    visit = adc_patient(seed=1).visits[2]
    image = visit.images["ADC"]
    dense = replace(
        visit, images={"ADC": Image(np.full(image.data.shape, 0.4), image.grid, "ADC", image.unit)}
    )
    states = start.assimilate(dense).states
    for field in (*states.cells, states.dead):
        assert np.isfinite(field).all() and float(np.min(field)) >= 0.0
    assert float(np.max(states.viable)) <= 1.0 + 1e-5


def test_further_treatments_act_and_bring_their_parameters(start):
    dose = DrugDose(20.0, "doxorubicin", 140.0)
    treated = start.treated(Schedule((), (dose,)))
    assert "sensitivity_doxorubicin" in treated.draws
    assert treated.to(40.0).now().viable_ml.mean() < start.to(40.0).now().viable_ml.mean()
    late = start.to(30.0)
    with pytest.raises(TwinError, match=r"treatment lies before .*expected day 30 or later"):
        late.treated(Schedule((), (dose,)))


def test_swelling_is_drawn_and_widens_what_an_outline_may_show(posterior, start):
    swollen = Filter.of(posterior, members=32, seed=3, swelling=True)
    assert "edema_length" in swollen.draws
    assert np.median(swollen.now().visible_ml) > np.median(start.now().visible_ml)
    moved = swollen.assimilate(adc_patient(seed=1).visits[2])
    assert np.isfinite(moved.scores).all()


def test_an_unconverged_posterior_says_so_with_every_scan(posterior):
    doubtful = Filter.of(replace(posterior, converged=False), members=32, seed=3)
    said = doubtful.assimilate(adc_patient(seed=1).visits[2]).history[-1]
    assert "had not converged" in said.findings[0]


@pytest.mark.parametrize(
    ("visit", "volumes", "message"),
    [
        (Visit("early", 3.0), {"gtv": 1.0}, "the scan is earlier than the twin"),
        (Visit("empty", 30.0), None, "nothing that can be compared"),
        (Visit("negative", 30.0), {"gtv": -1.0}, "volume is not usable"),
        (Visit("small", 30.0, {}, {"gtv": np.ones((4, 4, 4), bool)}), None, "another grid"),
    ],
)
def test_scans_that_cannot_be_used_are_refused(start, visit, volumes, message):
    with pytest.raises(TwinError, match=message):
        start.assimilate(visit, volumes)


def test_a_scan_counts_once(followed):
    with pytest.raises(TwinError, match="was assimilated before"):
        followed[1].assimilate(replace(adc_patient(seed=1).visits[3], time_days=50.0))


def test_filters_that_cannot_be_are_refused(posterior):
    with pytest.raises(TwinError, match="too few members"):
        Filter.of(posterior, members=4)
    with pytest.raises(TwinError, match="false alarms or number of scans"):
        Filter.of(posterior, false_alarm_rate=0.0)
    assert twin.Filter is Filter


def test_p_values_are_uniform_where_the_members_are_right():
    random = np.random.default_rng(5)
    found = []
    for seed in range(400):
        members = np.exp(2.0 + 0.3 * random.standard_normal(40))
        seen = float(np.exp(2.0 + 0.3 * random.standard_normal()))
        found.append(surprise("visible", seen, members, 0.0, seed).p_larger)
    for level in (0.05, 0.25, 0.5, 0.75, 0.95):
        share = np.mean(np.array(found) < level)
        assert abs(share - level) < 4.0 * np.sqrt(level * (1.0 - level) / 400)


def test_pet_and_stiffness_are_read_near_the_tumor(posterior):
    visit = adc_patient(seed=1).visits[2]
    grid = visit.images["ADC"].grid
    images = {
        "PET": Image(np.full(grid.shape, 3.0), grid, "PET", "SUV"),
        "STIFFNESS": Image(np.full(grid.shape, 2.0), grid, "STIFFNESS", "kPa"),
    }
    names = [r.name for r in readings_of(posterior, replace(visit, images=images))]
    assert names == ["outline gtv", "PET", "STIFFNESS"]
    moved = Filter.of(posterior, members=32, seed=3).assimilate(replace(visit, images=images))
    assert {"fdg_background", "shear_modulus_tumor"} <= set(moved.draws)

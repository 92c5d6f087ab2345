"""Sums of exponentials against compartments integrated as differential equations."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from twin.errors import TwinError
from twin.treatments import chemotherapy
from twin.treatments.chemotherapy import DRUGS, Drug, add_drug, get_drug
from twin.treatments.concentration import (
    area_mg_h_per_l,
    concentration_mg_per_l,
    peak,
    relative_concentration,
)
from twin.treatments.kinetics import Kinetics, from_clearance, from_half_lives, one_compartment
from twin.treatments.schedule import DrugDose

TIMES = np.geomspace(1e-3, 30.0, 9)
rates = st.floats(0.02, 200.0)


def integrated(kinetics: Kinetics, times: np.ndarray) -> np.ndarray:
    """(2, T) concentration and its integral after one dose, by LSODA."""
    absorption = kinetics.absorption_rate_per_day
    out, back = kinetics.outward_rate_per_day, kinetics.return_rate_per_day

    def change(_, state):
        depot, blood, rest, _ = state
        gain = (absorption or 0.0) * depot
        leaves = (kinetics.elimination_rate_per_day + out) * blood
        return [-gain, gain - leaves + back * rest, out * blood - back * rest, blood]

    start = [0.0, 1.0, 0.0, 0.0] if absorption is None else [1.0, 0.0, 0.0, 0.0]
    found = solve_ivp(
        change, (0.0, times[-1]), start, t_eval=times, method="LSODA", rtol=1e-10, atol=1e-13
    )
    return found.y[[1, 3]]


@given(rates, st.one_of(st.just(0.0), rates), rates, st.one_of(st.none(), rates))
def test_concentration_and_exposure_are_those_of_the_compartments(k10, k12, k21, absorption):
    kinetics = Kinetics(k10, k12, k21 if k12 else 0.0, absorption)
    blood, area = integrated(kinetics, TIMES)
    np.testing.assert_allclose(relative_concentration(kinetics, TIMES), blood, rtol=1e-6, atol=1e-9)
    levels = kinetics.levels(np.ones(1), np.zeros((1, 1)))
    found = kinetics.exposure(levels, TIMES[None])[0]
    np.testing.assert_allclose(found, area, rtol=1e-6, atol=1e-10)


@pytest.mark.parametrize("name", DRUGS)
def test_exposure_per_dose_is_the_area_under_the_curve(name):
    kinetics = get_drug(name).kinetics
    days = np.geomspace(1e-8, 60 * kinetics.half_life_days, 200_001)
    area = np.trapezoid(relative_concentration(kinetics, days), days)
    assert get_drug(name).exposure_per_dose_days == pytest.approx(area, rel=1e-5)
    late = np.array([40.0, 41.0]) * kinetics.half_life_days
    first, second = relative_concentration(kinetics, late)
    assert second / first == pytest.approx(0.5, rel=1e-6)


@pytest.mark.parametrize("gap", [0.0, 1e-14, 1e-9, 1e-5])
def test_equal_rates_of_absorption_and_elimination_leave_no_trace(gap):
    """k_a = k: c = k t exp(-k t) and its integral (1 - (1 + k t) exp(-k t)) / k."""
    kinetics = Kinetics(2.0, absorption_rate_per_day=2.0 * (1 + gap))
    t = np.geomspace(1e-4, 10.0, 20)
    exact = 2.0 * t * np.exp(-2.0 * t)
    np.testing.assert_allclose(relative_concentration(kinetics, t), exact, rtol=12 * gap + 1e-12)
    levels = kinetics.levels(np.ones(1), np.zeros((1, 1)))
    area = (1.0 - (1.0 + 2.0 * t) * np.exp(-2.0 * t)) / 2.0
    found = kinetics.exposure(levels, t[None])[0]
    np.testing.assert_allclose(found, area, rtol=12 * gap + 1e-9, atol=1e-15)


@given(st.floats(0.01, 3.0), st.floats(0.01, 3.0), st.sampled_from(sorted(DRUGS)))
def test_stopping_on_the_way_changes_nothing(first, second, name):
    kinetics = get_drug(name).kinetics
    start = kinetics.levels(np.array([1.0, 0.4]), np.array([[0.3, 2.0]]))
    days = np.array([first])
    middle = kinetics.later(start, days)
    whole = kinetics.exposure(start, np.array([[first + second]]))
    parts = kinetics.exposure(start, days[None]) + kinetics.exposure(middle, np.array([[second]]))
    np.testing.assert_allclose(parts, whole, rtol=1e-9)
    direct = relative_concentration(
        kinetics, [0.3 + first, 2.0 + first], [0.0, 0.3 - 2.0], [1.0, 0.4]
    )[0]
    assert middle[0, 1:].sum() == pytest.approx(direct, rel=1e-9)


def test_doses_add_up_and_act_only_once_given():
    kinetics = get_drug("temozolomide").kinetics
    together = relative_concentration(kinetics, TIMES, [0.0, 5.0], [1.0, 2.0])
    one, other = (
        relative_concentration(kinetics, TIMES, [given], [dose])
        for given, dose in ((0.0, 1.0), (5.0, 2.0))
    )
    np.testing.assert_allclose(together, one + other, rtol=1e-12)
    assert not other[TIMES < 5.0].any() and other[TIMES > 5.0].all()


def test_two_compartments_with_what_a_label_states():
    """Half-lives, clearance and steady-state volume go in and come out again."""
    kinetics = from_half_lives(0.1, 2.0, 5.0, 12.0)
    halves = sorted(math.log(2.0) / rate for _, rate in kinetics.phases)
    assert halves == pytest.approx([0.1, 2.0])
    assert kinetics.clearance_l_per_day == pytest.approx(5.0)
    first, second = kinetics.central_volume_l, kinetics.outward_rate_per_day
    peripheral = first * second / kinetics.return_rate_per_day
    assert first + peripheral == pytest.approx(12.0)
    same = from_clearance(5.0, first, first * second, peripheral)
    np.testing.assert_allclose(same.phases, kinetics.phases, rtol=1e-12)


def test_absolute_concentration_and_area_follow_dose_volume_and_clearance():
    kinetics = one_compartment(1.0, central_volume_l=10.0, volume_per_m2=True, bioavailability=0.5)
    start = concentration_mg_per_l(kinetics, [0.0, 1.0], [0.0], [80.0], body_surface_m2=2.0)
    np.testing.assert_allclose(start, [2.0, 1.0])
    area = area_mg_h_per_l(kinetics, 80.0, body_surface_m2=2.0)
    assert area == pytest.approx(24 * 40.0 / (2.0 * kinetics.clearance_l_per_day))


def test_clearance_and_volume_of_another_patient():
    kinetics = get_drug("pembrolizumab").kinetics
    other = kinetics.varied(clearance=1.5, volume=0.8)
    assert other.clearance_l_per_day == pytest.approx(1.5 * 0.22)
    assert other.central_volume_l == pytest.approx(0.8 * 3.48)
    assert area_mg_h_per_l(other, 200.0) == pytest.approx(area_mg_h_per_l(kinetics, 200.0) / 1.5)


def test_an_absorbed_dose_peaks_where_absorption_equals_elimination():
    kinetics = Kinetics(2.0, absorption_rate_per_day=30.0)
    day, height = peak(kinetics)
    exact = math.log(15.0) / 28.0
    assert day == pytest.approx(exact, rel=1e-5)
    assert height == pytest.approx(math.exp(-2.0 * exact), rel=1e-8)
    assert peak(get_drug("doxorubicin").kinetics) == (0.0, 1.0)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Kinetics(-1.0), "elimination_rate_per_day: not positive.*above 0, got -1"),
        (lambda: Kinetics(1.0, 0.5), "return_rate_per_day: not positive"),
        (lambda: Kinetics(1.0, absorption_rate_per_day=0.0), "absorption_rate_per_day"),
        (lambda: Kinetics(1.0, bioavailability=1.2), "bioavailability is a share"),
        (lambda: Kinetics(math.nan), "elimination_rate_per_day: not positive"),
        (lambda: from_half_lives(0.1, 2.0, 5.0, 50.0), "no two compartments.*got 10 days"),
        (lambda: area_mg_h_per_l(Kinetics(1.0), 5.0), "volume of distribution is not known"),
    ],
)
def test_impossible_kinetics_are_refused(make, message):
    with pytest.raises(TwinError, match=message):
        make()


@pytest.fixture
def registry(monkeypatch):
    monkeypatch.setattr(chemotherapy, "DRUGS", known := dict(DRUGS))
    return known


def test_an_investigational_drug_becomes_known_and_can_be_given(registry):
    drug = Drug("tm-001", one_compartment(0.5), 50.0, 0.1, 0.5, "assumed", "assumed")
    with pytest.raises(TwinError, match="unknown drug 'tm-001'.*add_drug"):
        DrugDose(0.0, "tm-001", 90.0)
    add_drug(drug)
    add_drug(drug)
    assert get_drug("tm-001") is drug and registry["tm-001"] is drug
    assert DrugDose(0.0, "tm-001", 90.0).drug == "tm-001"
    assert "tm-001" not in chemotherapy.SHIPPED_DRUGS


def test_a_name_cannot_get_a_second_meaning(registry):
    other = Drug("paclitaxel", one_compartment(0.5), 50.0, 0.1, 0.5, "assumed", "assumed")
    with pytest.raises(TwinError, match="'paclitaxel' is known already.*name of its own"):
        add_drug(other)
    assert get_drug("paclitaxel").kinetics != other.kinetics


def test_a_drug_without_a_dose_or_effect_is_refused():
    with pytest.raises(TwinError, match="drug x: log_kill_median must be positive"):
        Drug("x", one_compartment(0.5), 50.0, 0.0, 0.5, "assumed", "assumed")


def test_only_temozolomide_makes_cells_more_sensitive_to_radiation():
    """A relative increase of alpha that is never negative, and below 0.5 in 95 %."""
    found = {name: get_drug(name).radiosensitizer for name in DRUGS}
    assert [name for name, prior in found.items() if prior is not None] == ["temozolomide"]
    prior = found["temozolomide"]
    assert float(prior.transform(-6.0)) >= 0.0
    assert float(prior.transform(1.645)) == pytest.approx(0.49, abs=0.01)

"""Organ doses against published tolerances, closed forms and limits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from twin.errors import TwinError
from twin.treatments.normal_tissue import (
    COMPLICATIONS,
    Complication,
    complication_probability,
    dose_at_volume_gy,
    dose_volume_histogram,
    eqd2_map_gy,
    equivalent_uniform_dose_gy,
    get_complication,
    relative_tumor_control,
)

doses = st.lists(st.floats(0.0, 80.0), min_size=1, max_size=40).map(np.array)

# Dose to a third, two thirds and all of an organ that harms 5 % within 5 years, in 2-Gy fractions:
# Emami et al. 1991, doi 10.1016/0360-3016(91)90171-Y.
EMAMI_TD5_GY = {
    "brain": (60.0, 50.0, 45.0),
    "brainstem": (60.0, 53.0, 50.0),
    "heart": (60.0, 45.0, 40.0),
    "optic chiasm": (None, None, 50.0),
    "spinal cord": (None, None, 47.0),
}


def partial_gy(thirds: int, dose_gy: float) -> np.ndarray:
    return np.repeat([dose_gy, 0.0], [thirds * 100, 300 - thirds * 100])


@pytest.mark.parametrize("organ", EMAMI_TD5_GY)
def test_tolerance_doses_of_emami_harm_about_five_percent(organ):
    found = {
        thirds: complication_probability(partial_gy(thirds, dose), round(dose / 2), organ)
        for thirds, dose in enumerate(EMAMI_TD5_GY[organ], start=1)
        if dose is not None
    }
    print(f"{organ}, thirds of the volume: { ({k: f'{100 * v:.1f} %' for k, v in found.items()}) }")
    assert all(0.03 <= value <= 0.075 for value in found.values())


@pytest.mark.parametrize("organ", COMPLICATIONS)
def test_half_of_all_are_harmed_by_the_dose_of_that_name(organ):
    row = COMPLICATIONS[organ]
    pair = row.td50_gy / 2
    # Fractions of exactly 2 Gy are rare: one organ gets both neighboring numbers of them.
    low, high = (
        complication_probability(np.full(5, 2.0 * count), count, organ)
        for count in (int(np.floor(pair)), int(np.ceil(pair)))
    )
    assert low <= 0.5 + 1e-9 and high >= 0.5 - 1e-9
    slope = complication_probability(np.full(5, 2.0 * 30), 30, organ)
    exact = stats.norm.cdf((60.0 - row.td50_gy) / (row.m * row.td50_gy))
    assert slope == pytest.approx(exact)


@given(doses, st.floats(0.02, 2.0), st.floats(0.01, 1.0))
def test_more_dose_anywhere_is_never_safer(dose, extra, n):
    more = dose.copy()
    more[0] += extra
    assert equivalent_uniform_dose_gy(more, n) >= equivalent_uniform_dose_gy(dose, n) - 1e-9
    assert complication_probability(more, 20, "lung") >= complication_probability(dose, 20, "lung")


@given(doses, st.floats(1e-3, 3.0))
def test_uniform_dose_equivalent_lies_between_mean_and_maximum(dose, n):
    found = equivalent_uniform_dose_gy(dose, n)
    if n <= 1.0:
        assert dose.mean() - 1e-9 <= found <= dose.max() + 1e-9
    assert equivalent_uniform_dose_gy(dose, 1.0) == pytest.approx(dose.mean())
    assert equivalent_uniform_dose_gy(np.full(7, 33.0), n) == pytest.approx(33.0)


@given(doses)
def test_a_vanishing_volume_effect_leaves_the_maximum(dose):
    assert equivalent_uniform_dose_gy(dose, 1e-5) == pytest.approx(dose.max(), rel=1e-4)


@given(st.integers(1, 40), st.floats(0.5, 20.0))
def test_fractions_of_2_gy_are_equivalent_to_themselves(fractions, ratio):
    dose = np.array([0.0, 2.0 * fractions])
    np.testing.assert_allclose(eqd2_map_gy(dose, fractions, ratio), dose, rtol=1e-12)


def test_the_same_dose_in_fewer_fractions_harms_more():
    dose = np.full(10, 50.0)
    few, many = (complication_probability(dose, count, "brain") for count in (5, 25))
    assert few > 0.99 and many == pytest.approx(stats.norm.cdf(-10 / 9), abs=1e-9)


def test_histogram_and_dose_at_volume_read_the_same_curve():
    dose = np.array([0.0, 10.0, 10.0, 20.0, 50.0])
    levels = np.array([0.0, 10.0, 10.1, 50.0, 51.0])
    np.testing.assert_allclose(dose_volume_histogram(dose, levels), [1.0, 0.8, 0.4, 0.2, 0.0])
    found = [dose_at_volume_gy(dose, share) for share in (0.2, 0.4, 0.41, 0.8, 1.0)]
    assert found == [50.0, 20.0, 10.0, 10.0, 0.0]


@given(doses)
def test_the_mean_dose_is_the_area_under_the_histogram(dose):
    levels = np.linspace(0.0, 80.0, 8001)
    area = np.trapezoid(dose_volume_histogram(dose, levels), levels)
    assert area == pytest.approx(dose.mean(), abs=0.011)


def test_tumor_control_is_the_chance_that_no_cell_is_left():
    cells, survival = np.array([1e7, 1e7]), np.array([1e-7, 1e-8])
    assert relative_tumor_control(cells, survival) == pytest.approx(np.exp(-1.1))
    assert relative_tumor_control(cells, survival / 10) > relative_tumor_control(cells, survival)


def test_every_listed_complication_says_where_it_comes_from():
    for organ, row in COMPLICATIONS.items():
        assert row.organ == organ and row.citation and row.provenance == "assumed"
        assert "not checked" in row.citation


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: get_complication("liver"), "no complication is listed for 'liver'.*brainstem"),
        (lambda: Complication("x", "y", 60.0, 0.0, 1.0, 3.0, "z", "assumed"), "of the x: m: not"),
        (lambda: Complication("x", "y", 60.0, 0.1, 1.5, 3.0, "z", "assumed"), "of the x: n: bey"),
        (lambda: complication_probability(np.array([-1.0]), 5, "lung"), "dose_gy: the organ has"),
        (lambda: complication_probability(np.array([]), 5, "lung"), "dose_gy: the organ has"),
        (lambda: eqd2_map_gy(np.ones(2), 0, 3.0), "EQD2 needs fractions"),
        (lambda: equivalent_uniform_dose_gy(np.ones(2), 0.0), "n: not positive"),
        (lambda: dose_at_volume_gy(np.ones(2), 0.0), "a share of the volume"),
        (lambda: relative_tumor_control(np.ones(1), np.array([1.5])), "survival: .*1.5 to 1.5"),
        (lambda: relative_tumor_control(-np.ones(1), np.array([0.5])), "clonogens: negative"),
    ],
)
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(TwinError, match=message):
        call()

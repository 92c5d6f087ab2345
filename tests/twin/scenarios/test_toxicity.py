"""BED, EQD2 and drug exposure against published tables and their own algebra."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.errors import TwinError
from twin.patient import Organ
from twin.scenarios.toxicity import (
    bed_gy,
    drug_exposure,
    eqd2_gy,
    organ_toxicity,
    tumor_bed_gy,
    worst_ratio,
)
from twin.treatments.schedule import DrugDose, Fraction, Schedule


def daily(fractions: int, dose_gy: float) -> Schedule:
    return Schedule(tuple(Fraction(float(i), dose_gy) for i in range(fractions)))


@pytest.mark.parametrize(
    ("total", "fractions", "alpha_beta", "expected"),
    [
        (60, 30, 10, 72.0),
        (60, 30, 2, 120.0),
        (40, 15, 10, 50.7),
        (40, 15, 2, 93.3),
        (50, 5, 10, 100.0),
        (50, 5, 3, 216.7),
        (54, 3, 10, 151.2),
        (54, 3, 3, 378.0),
    ],
)
def test_bed_matches_published_tables(total, fractions, alpha_beta, expected):
    assert bed_gy(daily(fractions, total / fractions), alpha_beta) == pytest.approx(
        expected, abs=0.05
    )


@given(st.integers(1, 40), st.floats(0.5, 20))
def test_two_gray_fractions_are_their_own_eqd2(fractions, alpha_beta):
    assert eqd2_gy(daily(fractions, 2.0), alpha_beta) == pytest.approx(2.0 * fractions)


@given(st.integers(1, 30), st.floats(0.1, 15), st.floats(0.5, 20), st.floats(1.01, 3))
def test_more_dose_or_fewer_larger_fractions_cost_more(fractions, dose, alpha_beta, factor):
    base = eqd2_gy(daily(fractions, dose), alpha_beta)
    assert eqd2_gy(daily(fractions, dose * factor), alpha_beta) > base
    assert eqd2_gy(daily(fractions + 1, dose), alpha_beta) > base
    assert eqd2_gy(daily(fractions, 2 * dose), alpha_beta) > eqd2_gy(
        daily(2 * fractions, dose), alpha_beta
    )
    assert eqd2_gy(daily(fractions, dose), alpha_beta, scale=0.5) < base


def test_fractions_six_hours_apart_count_as_repaired():
    apart = Schedule((Fraction(0.0, 2.0), Fraction(0.25, 2.0)))
    assert bed_gy(apart, 3.0) == pytest.approx(bed_gy(daily(2, 2.0), 3.0))


def test_fractions_closer_than_six_hours_count_as_one():
    close = Schedule((Fraction(0.0, 2.0), Fraction(0.1, 2.0)))
    assert bed_gy(close, 3.0) == pytest.approx(bed_gy(daily(1, 4.0), 3.0))


def test_an_organ_gets_its_share_of_every_fraction():
    organ = Organ("skin", alpha_beta_gy=3.0, sparing=0.5, eqd2_limit_gy=30.0)
    # 25 x 1 Gy at alpha/beta 3: 25 (1 + 1/3) / (1 + 2/3) = 20 Gy.
    assert organ_toxicity(daily(25, 2.0), [organ]) == {"skin": pytest.approx(20.0)}


def test_tumor_bed_has_one_value_per_draw():
    assert tumor_bed_gy(daily(30, 2.0), np.array([2.0, 10.0])) == pytest.approx([120.0, 72.0])


def test_exposure_is_cumulative_per_square_meter():
    doses = Schedule(
        drug_doses=(DrugDose(0.0, "doxorubicin", 150.0), DrugDose(21.0, "doxorubicin", 150.0))
    )
    assert drug_exposure(doses, 2.0) == {"doxorubicin": pytest.approx(150.0)}
    assert drug_exposure(Schedule(), 2.0) == {}


def test_worst_ratio_is_the_organ_or_drug_closest_to_its_limit():
    organs = [
        Organ("skin", alpha_beta_gy=3.0, sparing=1.0, eqd2_limit_gy=40.0),
        Organ("bone", alpha_beta_gy=3.0, sparing=1.0, eqd2_limit_gy=None),
    ]
    doses = {"skin": 20.0, "bone": 1000.0}
    assert worst_ratio(doses, {}, organs) == pytest.approx(0.5)
    assert worst_ratio(doses, {"doxorubicin": 440.0}, organs) == pytest.approx(0.8)
    assert worst_ratio({}, {"temozolomide": 9000.0}, []) == 0.0


@pytest.mark.parametrize("alpha_beta", [0.0, -3.0, np.nan, np.array([3.0, 0.0])])
def test_alpha_beta_must_be_positive(alpha_beta):
    with pytest.raises(TwinError, match="alpha/beta must be above 0"):
        bed_gy(daily(1, 2.0), alpha_beta)

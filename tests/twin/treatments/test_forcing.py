"""Schedules as tables: every event counted once, at its time, whatever the step."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.errors import TwinError
from twin.treatments.chemotherapy import DRUGS, get_drug
from twin.treatments.forcing import MAX_STEP_DAYS, NODES, WEIGHTS, compile_forcing
from twin.treatments.schedule import DrugDose, Fraction, Schedule, Surgery

times = st.integers(0, 40_000).map(lambda thousandth: thousandth / 1000)
fractions = st.lists(st.builds(Fraction, times, st.floats(0.0, 8.0)), max_size=8)
doses = st.lists(
    st.builds(DrugDose, times, st.just("doxorubicin"), st.floats(1.0, 200.0)), max_size=5
)
schedules = st.builds(lambda f, d: Schedule(tuple(f), tuple(d)), fractions, doses)


def tables(schedule, times_days, start=0.0, **keywords):
    keywords.setdefault("drugs", schedule.drugs)
    return compile_forcing(schedule, start_days=start, times_days=times_days, **keywords)


@given(schedules, st.sampled_from([0.3, 1.0, 2.0]))
def test_steps_fill_the_course_and_end_on_every_event(schedule, longest):
    forcing, rows = tables(schedule, [10.0, 41.0], max_step_days=longest)
    edges = np.concatenate([[0.0], np.cumsum(forcing.dt_days, dtype=float)])
    assert edges[-1] == pytest.approx(41.0, abs=1e-4)
    assert forcing.dt_days.max() <= longest * (1 + 1e-6)
    assert forcing.dt_days.min() > 0.0
    for time in (*schedule.times_days, 10.0):
        assert np.abs(edges - time).min() < 1e-4
    assert list(forcing.row_start) == [0, forcing.row_stop[0]]
    assert forcing.row_stop[-1] == forcing.dt_days.size
    assert list(rows) == [0, 1]


@given(schedules, st.sampled_from([0.3, 1.0, 2.0]))
def test_every_fraction_and_dose_is_counted_once(schedule, longest):
    forcing, _ = tables(schedule, [41.0], max_step_days=longest)
    assert forcing.dose_gy.sum() == pytest.approx(schedule.total_dose_gy, rel=1e-5)
    squares = sum(f.dose_gy**2 for f in schedule.fractions)
    assert forcing.dose_squared_gy2.sum() == pytest.approx(squares, rel=1e-5)
    exact = sum(
        d.dose_mg / 75.0 * weight * (1 - np.exp(-rate * (41.0 - d.time_days))) / rate
        for d in schedule.drug_doses
        for weight, rate in get_drug("doxorubicin").kinetics.phases
    )
    assert forcing.exposure_days[:, :, -1].sum() == pytest.approx(exact, rel=1e-5)


def test_the_order_of_events_does_not_matter():
    events = (Fraction(3.0, 2.0), Fraction(1.0, 3.0), Fraction(3.0, 1.0))
    one, _ = tables(Schedule(events), [5.0])
    two, _ = tables(Schedule(events[::-1]), [5.0])
    np.testing.assert_array_equal(one.dose_gy, two.dose_gy)


def test_two_fractions_at_one_time_and_two_on_a_day_are_all_counted():
    schedule = Schedule((Fraction(1.0, 2.0), Fraction(1.0, 3.0), Fraction(1.25, 2.0)))
    forcing, _ = tables(schedule, [3.0])
    np.testing.assert_allclose(forcing.dose_gy[forcing.dose_gy > 0], [5.0, 2.0])
    np.testing.assert_allclose(forcing.dose_squared_gy2[forcing.dose_gy > 0], [13.0, 4.0])


def test_an_event_at_the_end_or_before_the_start_does_not_act():
    schedule = Schedule((Fraction(0.0, 1.0), Fraction(2.0, 4.0), Fraction(5.0, 16.0)))
    assert tables(schedule, [5.0])[0].dose_gy.sum() == 5.0
    assert tables(schedule, [5.0], start=2.0)[0].dose_gy.sum() == 4.0
    assert tables(schedule, [6.0], start=2.5)[0].dose_gy.sum() == 16.0


def test_drug_given_before_the_start_still_decays():
    phases = get_drug("pembrolizumab").kinetics.phases
    schedule = Schedule((), (DrugDose(-30.0, "pembrolizumab", 105.0),))
    forcing, _ = tables(schedule, [10.0])
    exact = sum(w * np.exp(-k * 30) * (1 - np.exp(-k * 10)) / k for w, k in phases)
    assert forcing.exposure_days[:, :, -1].sum() == pytest.approx(exact, rel=1e-5)


def crowding_error(drug: str, half: float, log_kill: float, growth: float = 0.2) -> float:
    """Relative error of ∫ exp(ρ s - K(s)) ds over a half step that starts with a dose.

    Against a fine sum over a logarithmic axis, on which minutes count as much as days.
    """
    kinetics = get_drug(drug).kinetics
    levels = kinetics.levels(np.ones(1), np.zeros((1, 1)))

    def integrand(s):
        exposure = kinetics.exposure(levels, s[None])[0]
        return np.exp(growth * s - log_kill * exposure / kinetics.exposure_days)

    fine = np.geomspace(1e-7, half, 100_001)
    exact = np.trapezoid(integrand(fine), fine) + 1e-7
    return abs((WEIGHTS * integrand(NODES * half)).sum() * half / exact - 1)


@pytest.mark.parametrize("drug", DRUGS)
def test_the_nodes_integrate_growth_under_the_fastest_decay(drug):
    """A log kill of 0.5 a dose is 3 times the largest prior median; 2 leaves one cell in 7.

    The integral only slows growth, by at most ρ h times its error; the log kill itself is exact.
    """
    for log_kill, largest in ((0.5, 1e-3), (2.0, 5e-3)):
        error = max(crowding_error(drug, half, log_kill) for half in (0.5, 1.0, MAX_STEP_DAYS / 2))
        print(f"{drug}, log kill {log_kill:g}: crowding integral off by {error:.0e}")
        assert error < largest


def test_surgery_starts_a_row_of_its_own():
    schedule = Schedule((), (), (Surgery(3.0, 10.0), Surgery(0.0, 5.0)))
    forcing, rows = tables(schedule, [2.0, 6.0])
    assert list(forcing.resection_mm) == [-1.0, 5.0, -1.0, 10.0]
    assert list(rows) == [1, 3]


def test_steps_rounded_up_are_those_padded_to_the_next_multiple():
    schedule = Schedule((Fraction(1.0, 2.0),), (DrugDose(0.5, "doxorubicin", 100.0),))
    bare, rows = tables(schedule, [2.0, 4.0])
    rounded, rounded_rows = tables(schedule, [2.0, 4.0], multiple_of=16)
    padded, _ = tables(schedule, [2.0, 4.0], steps=16)
    assert bare.dt_days.size < 16 == rounded.dt_days.size
    np.testing.assert_array_equal(rounded_rows, rows)
    for one, other in zip(jax.tree.leaves(rounded), jax.tree.leaves(padded), strict=True):
        np.testing.assert_array_equal(one, other)


def test_padding_changes_nothing_that_acts():
    schedule = Schedule((Fraction(1.0, 2.0),), (DrugDose(0.5, "doxorubicin", 100.0),))
    plain, rows = tables(schedule, [2.0, 4.0])
    padded, padded_rows = tables(schedule, [2.0, 4.0], steps=20, rows=5)
    assert padded.dt_days.shape == (20,) and padded.row_start.shape == (5,)
    np.testing.assert_array_equal(rows, padded_rows)
    np.testing.assert_array_equal(padded.dose_gy[: plain.dose_gy.size], plain.dose_gy)
    assert not padded.dose_gy[plain.dose_gy.size :].any()
    assert np.all(padded.row_start[2:] >= padded.row_stop[2:])
    shared, _ = tables(schedule, [2.0, 4.0], multiple_of=20)
    np.testing.assert_array_equal(shared.exposure_days, padded.exposure_days)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"times_days": []}, "recorded times must increase"),
        ({"times_days": [1.0, 1.0]}, "recorded times must increase"),
        ({"times_days": [3.0, 2.0]}, "recorded times must increase"),
        ({"times_days": [-1.0]}, "not precede the start.*from 0 on"),
        ({"times_days": [1.0, float("nan")]}, "recorded times must increase"),
        ({"times_days": [1.0, float("inf")]}, "recorded times must increase"),
        ({"drugs": ()}, "drugs that are not simulated.*doxorubicin.*got none"),
        ({"steps": 1}, "steps: table too small"),
        ({"rows": 1}, "rows: table too small"),
        ({"max_step_days": 0.0}, "max_step_days: not positive"),
        ({"body_surface_m2": -1.8}, "body_surface_m2: not positive"),
    ],
)
def test_what_cannot_be_tabled_is_refused(change, message):
    schedule = Schedule((), (DrugDose(0.5, "doxorubicin", 100.0),))
    keywords = {"times_days": [2.0, 8.0], "start_days": 0.0, "drugs": schedule.drugs, **change}
    with pytest.raises(TwinError, match=message):
        compile_forcing(schedule, **keywords)


def test_two_dose_maps_at_one_time_are_refused():
    schedule = Schedule((Fraction(1.0, 2.0, 0), Fraction(1.0, 2.0, 1)))
    with pytest.raises(TwinError, match="day 1: two fractions at one time.*different dose maps"):
        tables(schedule, [2.0])

"""Fractions against closed forms, published tables and the optimum of a small problem."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize

from twin.errors import TwinError
from twin.treatments.dose_painting import dose_painting_map
from twin.treatments.fractionation import boost, conventional, course, hypofractionated, sbrt
from twin.treatments.radiotherapy import (
    bed_gy,
    eqd2_gy,
    oxygen_enhancement,
    repair_factor,
    repopulation_gy,
    survival_fraction,
)

doses = st.floats(0.1, 30.0)
ratios = st.floats(1.0, 20.0)


@pytest.mark.parametrize(
    ("count", "total", "ratio", "bed"),
    [
        (30, 60, 10, 72.0), (30, 60, 2, 120.0), (15, 40, 10, 50.67), (15, 40, 2, 93.33),
        (5, 50, 10, 100.0), (5, 50, 3, 216.67), (3, 54, 10, 151.2), (3, 54, 3, 378.0),
        (5, 25, 10, 37.5), (15, 40.05, 4, 66.79),
    ],
)  # fmt: skip
def test_bed_and_eqd2_are_those_of_published_tables(count, total, ratio, bed):
    found = bed_gy([total / count] * count, ratio)
    assert found == pytest.approx(bed, abs=0.01)
    assert eqd2_gy(found, ratio) == pytest.approx(bed / (1 + 2 / ratio), abs=0.01)


@given(st.integers(1, 40), ratios)
def test_fractions_of_2_gy_are_their_own_eqd2(count, ratio):
    assert eqd2_gy(bed_gy([2.0] * count, ratio), ratio) == pytest.approx(2.0 * count)


@given(doses, ratios, st.floats(0.01, 0.5))
def test_bed_times_alpha_is_the_log_kill(dose, ratio, alpha):
    for onset in (math.inf, 8.0):
        survival = survival_fraction(dose, alpha, ratio, onset_gy=onset)
        effective = bed_gy([dose], ratio, onset_gy=onset)
        assert -np.log(survival) == pytest.approx(alpha * effective, rel=1e-9)


@given(ratios, st.floats(4.0, 12.0))
def test_above_the_onset_log_kill_is_its_tangent(ratio, onset):
    """Value and slope agree at the onset, the slope is constant beyond, and the kill is less."""
    step = 1e-4
    below, at, above = (
        -math.log(survival_fraction(onset + d, 0.1, ratio, onset_gy=onset))
        for d in (-step, 0, step)
    )
    slope = 0.1 * (1 + 2 * onset / ratio)
    assert at == pytest.approx(0.1 * onset * (1 + onset / ratio))
    assert (above - at) / step == pytest.approx(slope, rel=1e-6)
    assert (at - below) / step == pytest.approx(slope, rel=1e-3)
    far = -math.log(survival_fraction(onset + 15, 0.1, ratio, onset_gy=onset))
    assert far == pytest.approx(at + 15 * slope)
    assert far < -math.log(survival_fraction(onset + 15, 0.1, ratio))


def test_the_linear_law_lowers_the_bed_of_stereotactic_fractions_only():
    """3 x 18 Gy, α/β 10, onset 10 Gy: 3 (18 + 10 (36 - 10) / 10) = 132 instead of 151.2 Gy."""
    assert bed_gy([18.0] * 3, 10.0, onset_gy=10.0) == pytest.approx(132.0)
    assert bed_gy([2.0] * 30, 10.0, onset_gy=10.0) == pytest.approx(72.0)


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("interval_hours, half_time_hours", [(6.0, 1.5), (6.0, 4.0), (4.0, 0.5)])
def test_pairs_of_a_day_add_up_to_the_factor_of_thames(count, interval_hours, half_time_hours):
    times = [i * interval_hours / 24 for i in range(count)]
    found = bed_gy([1.5] * count, 3.0, times_days=times, repair_half_time_hours=half_time_hours)
    factor = repair_factor(count, interval_hours, half_time_hours)
    assert found == pytest.approx(count * 1.5 * (1 + 1.5 * (1 + factor) / 3.0))


def test_two_fractions_of_a_day_have_the_tabled_share_of_open_damage():
    """φ for two fractions 6 h apart: half-times of 1, 2, 3 and 4 h leave 1.6, 12.5, 25, 35 %."""
    found = [repair_factor(2, 6.0, half_time) for half_time in (1.0, 2.0, 3.0, 4.0)]
    np.testing.assert_allclose(found, [0.016, 0.125, 0.25, 0.354], atol=5e-4)


@given(st.floats(0.5, 10.0), st.floats(0.5, 10.0), st.floats(0.0, 48.0), st.floats(0.1, 6.0))
def test_repair_leads_from_one_fraction_to_two(first, second, hours, half_time):
    """Together at once they are one fraction; far apart two; in between between."""
    together, apart = bed_gy([first + second], 3.0), bed_gy([first, second], 3.0)
    found = bed_gy(
        [first, second], 3.0, times_days=[0.0, hours / 24], repair_half_time_hours=half_time
    )
    assert apart - 1e-9 <= found <= together + 1e-9
    if hours == 0.0:
        assert found == pytest.approx(together)
    if hours > 40 * half_time:
        assert found == pytest.approx(apart, rel=1e-9)


def test_repopulation_costs_dose_from_its_kick_off_on():
    """α 0.3, doubling in 5 days: 0.462 Gy a day, none before day 21."""
    assert repopulation_gy(20.0, 0.3, 5.0, 21.0) == 0.0
    assert repopulation_gy(22.0, 0.3, 5.0, 21.0) == pytest.approx(0.462, abs=5e-4)
    assert repopulation_gy(39.0, 0.3, 5.0, 21.0) == pytest.approx(18 * math.log(2) / 1.5)


def test_oxygen_enhances_by_1_without_any_and_by_half_of_the_rest_at_its_midpoint():
    np.testing.assert_allclose(oxygen_enhancement(np.array([0.0, 3.0])), [1.0, 2.0])
    assert oxygen_enhancement(160.0) == pytest.approx(3.0, abs=0.04)
    assert np.all(np.diff(oxygen_enhancement(np.linspace(0, 60, 200))) > 0)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: bed_gy([2.0], 0.0), "alpha_beta_ratio_gy: not positive"),
        (lambda: bed_gy([-2.0], 3.0), "a dose is negative"),
        (lambda: survival_fraction(-2.0, 0.1, 3.0), "doses_gy: a dose is negative"),
        (lambda: survival_fraction(2.0, 0.1, 0.0), "alpha_beta_ratio_gy: not positive"),
        (lambda: bed_gy([2.0], 3.0, onset_gy=-1.0), "onset_gy: not positive"),
        (lambda: bed_gy([2.0], 3.0, repair_half_time_hours=-1.0), "repair needs a half-time"),
        (
            lambda: bed_gy([2.0, 2.0], 3.0, repair_half_time_hours=1.0, times_days=[0.0]),
            "needs the time of each fraction.*2 times, got 1",
        ),
        (lambda: oxygen_enhancement(np.array([-1.0])), "oxygen pressure is negative"),
        (lambda: course(0, 2.0), "a course needs fractions"),
        (lambda: course(3, 2.0, weekdays=()), "no day of the week"),
        (lambda: course(3, 2.0, per_day=3, interval_hours=9.0), "do not fit.*at most 8 h"),
        (lambda: course(3, 2.0, start_day=math.nan), "the start is no day"),
        (lambda: conventional(61.0, 2.0), "whole number of fractions.*multiple of 2 Gy"),
        (lambda: boost(()), "no course to boost"),
    ],
)
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(TwinError, match=message):
        call()


def test_named_courses_have_their_doses_days_and_gaps():
    stupp = conventional()
    assert len(stupp) == 30 and sum(f.dose_gy for f in stupp) == 60.0
    assert [f.time_days for f in stupp[:7]] == [0, 1, 2, 3, 4, 7, 8]
    assert stupp[-1].time_days == 39.0
    assert sum(f.dose_gy for f in hypofractionated()) == pytest.approx(40.0)
    lung = sbrt(start_day=1.5)
    assert [f.time_days for f in lung] == [2.5, 4.5, 7.5] and lung[0].dose_gy == 18.0
    assert min(np.diff([f.time_days for f in sbrt(50.0, 5)])) * 24 >= 40.0
    extra = boost(stupp, 10.0, 2.0)
    assert [f.time_days for f in extra] == [42, 43, 44, 45, 46] and {f.field for f in extra} == {1}
    twice = course(6, 1.2, per_day=2, interval_hours=6.0, first_weekday=4)
    assert [f.time_days for f in twice] == [0, 0.25, 3, 3.25, 4, 4.25]


SHAPE = (5, 4, 3)


def painted(seed=0, **keywords):
    random = np.random.default_rng(seed)
    cells, target = random.random(SHAPE) ** 2, random.random(SHAPE) < 0.6
    kill = keywords.pop("log_kill", 3.0)
    return cells, target, dose_painting_map(cells, target, log_kill=kill, **keywords)


@pytest.mark.parametrize("seed", range(4))
def test_a_painted_dose_keeps_the_mean_and_the_bounds_and_follows_the_cells(seed):
    cells, target, found = painted(seed, lowest=0.7, highest=1.4)
    inside = found[target]
    assert inside.mean() == pytest.approx(1.0, abs=1e-6)
    assert inside.min() >= 0.7 - 1e-6 and inside.max() <= 1.4 + 1e-6
    assert np.all(np.diff(inside[np.argsort(cells[target])]) >= -1e-6)
    assert np.all(found[~target] == 1.0)
    assert (cells[target] * np.exp(-3.0 * inside)).sum() < (cells[target] * np.exp(-3.0)).sum()


def test_no_other_dose_of_that_mean_leaves_fewer_cells():
    """Against a general optimizer, with sensitivity that varies from voxel to voxel."""
    kill = 2.0 + 2.0 * np.random.default_rng(9).random(SHAPE)
    cells, target, found = painted(1, log_kill=kill)
    n, k = cells[target], kill[target]

    def left(r):
        return (n * np.exp(-k * r)).sum()

    best = optimize.minimize(
        left, np.ones(n.size), jac=lambda r: -n * k * np.exp(-k * r), method="SLSQP",
        bounds=[(0.8, 1.3)] * n.size,
        constraints={"type": "eq", "fun": lambda r: r.mean() - 1},
        options={"ftol": 1e-14, "maxiter": 500},
    )  # fmt: skip
    assert best.success
    assert left(found[target]) <= best.fun * (1 + 1e-6)
    np.testing.assert_allclose(found[target], best.x, atol=2e-3)


def test_cells_without_oxygen_get_more_dose():
    cells, target = np.full(SHAPE, 0.5), np.ones(SHAPE, bool)
    pressure = np.where(np.arange(5)[:, None, None] < 2, 1.0, 40.0) * np.ones(SHAPE)
    kill = 8.0 * oxygen_enhancement(pressure) / 3.0
    found = dose_painting_map(cells, target, log_kill=kill)
    assert found[:2].min() > found[2:].max()


@pytest.mark.parametrize(
    "change, message",
    [
        ({"target": np.zeros(SHAPE, bool)}, "the target is empty"),
        ({"lowest": 1.1}, "no way to the prescribed mean"),
        ({"highest": 0.9}, "no way to the prescribed mean.*0.8 to 0.9"),
        ({"cell_fraction": np.full(SHAPE, -0.1)}, "cell_fraction: negative"),
        ({"cell_fraction": np.full(SHAPE, np.nan)}, "cell_fraction: negative"),
        ({"log_kill": 0.0}, "log_kill: negative or not finite"),
    ],
)
def test_a_dose_that_cannot_be_painted_is_refused(change, message):
    cells, target = np.full(SHAPE, 0.5), np.ones(SHAPE, bool)
    keywords = {"cell_fraction": cells, "target": target, "log_kill": 3.0, **change}
    with pytest.raises(TwinError, match=message):
        dose_painting_map(**keywords)

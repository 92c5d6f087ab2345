"""Neutrophils under drugs against SciPy, the steady state, and what labels report."""

import re
from dataclasses import replace

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from twin.errors import TwinError
from twin.treatments.chemotherapy import get_drug
from twin.treatments.neutrophils import (
    MARROW_EFFECTS,
    Marrow,
    MarrowEffect,
    exposure_of,
    neutrophil_course,
    solve_neutrophils,
)
from twin.treatments.schedule import DrugDose, Schedule

TIMES = np.arange(0.0, 42.25, 0.25)
SURFACE_M2 = 1.8


def one_dose(name, mg_m2, **keywords):
    schedule = Schedule((), (DrugDose(0.0, name, mg_m2 * SURFACE_M2),))
    return neutrophil_course(schedule, TIMES, body_surface_m2=SURFACE_M2, **keywords)


def test_without_drugs_the_count_stays_what_it_is():
    course = neutrophil_course(Schedule(), TIMES)
    np.testing.assert_allclose(course.neutrophils_1e9_per_l, 5.05, rtol=1e-12)
    assert course.grade == 0


def test_docetaxel_agrees_with_compartments_integrated_by_scipy():
    """One-hour infusion, saturating effect, five marrow and two drug compartments; LSODA."""
    course = one_dose("docetaxel", 100.0)
    kinetics = get_drug("docetaxel").kinetics
    mg, volume, rate = 100.0 * SURFACE_M2, 5.77, 4 * 24 / 89.3

    def change(time, y, infused):
        blood, rest, p, t1, t2, t3, n = y
        out, back = kinetics.outward_rate_per_day, kinetics.return_rate_per_day
        micromolar = blood / volume / 0.8079
        effect = 83.9 * micromolar / (7.17 + micromolar)
        return [
            infused - (kinetics.elimination_rate_per_day + out) * blood + back * rest,
            out * blood - back * rest,
            rate * p * ((1 - effect) * (5.05 / n) ** 0.163 - 1),
            rate * (p - t1), rate * (t1 - t2), rate * (t2 - t3), rate * (t3 - n),
        ]  # fmt: skip

    options = {"method": "LSODA", "rtol": 1e-9, "atol": 1e-11}
    start = [0.0, 0.0, *[5.05] * 5]
    first = solve_ivp(change, (0.0, 1 / 24), start, args=(mg * 24,), **options).y[:, -1]
    after = TIMES[TIMES > 1 / 24]
    found = solve_ivp(change, (1 / 24, 42.25), first, t_eval=after, args=(0.0,), **options)
    np.testing.assert_allclose(course.neutrophils_1e9_per_l[TIMES > 1 / 24], found.y[-1], rtol=1e-5)


def test_the_nadir_of_docetaxel_comes_about_a_week_after_the_dose():
    """US label, 100 mg/m²: median nadir on day 8; recovered before the next cycle on day 21."""
    course = one_dose("docetaxel", 100.0)
    day, count = course.nadir
    print(f"docetaxel 100 mg/m²: nadir {count:.2f} · 10⁹/L on day {day:g}, grade {course.grade}")
    assert abs(day - 8.0) <= 1.0 and course.grade == 3
    assert course.neutrophils_1e9_per_l[TIMES == 21.0][0] > 1.5


@pytest.mark.parametrize("name", sorted(set(MARROW_EFFECTS) - {"docetaxel"}))
def test_an_assumed_effect_leaves_the_nadir_that_it_states(name):
    stated = float(re.search(r"about ([\d.]+) ·", MARROW_EFFECTS[name].citation).group(1))
    found = one_dose(name, get_drug(name).reference_dose_mg_m2).nadir[1]
    assert found == pytest.approx(stated, rel=0.08)
    assert MARROW_EFFECTS[name].provenance == "assumed"


def test_more_drug_goes_deeper_and_a_slower_marrow_later():
    small, large = (one_dose("docetaxel", dose).nadir for dose in (60.0, 100.0))
    assert large[1] < small[1]
    slow = one_dose("docetaxel", 100.0, marrow=Marrow(transit_hours=127.0)).nadir
    assert slow[0] > large[0] + 2.0


def test_all_drugs_of_a_schedule_act_together_and_unlisted_ones_do_nothing():
    pair = Schedule(
        (),
        (DrugDose(0.0, "doxorubicin", 108.0), DrugDose(0.0, "cyclophosphamide", 1080.0)),
    )
    together = neutrophil_course(pair, TIMES).nadir[1]
    alone = [one_dose(n, d).nadir[1] for n, d in (("doxorubicin", 60), ("cyclophosphamide", 600))]
    assert together < min(alone)
    unlisted = one_dose("temozolomide", 200.0)
    np.testing.assert_allclose(unlisted.neutrophils_1e9_per_l, 5.05, rtol=1e-12)


def test_an_absorbed_drug_acts_by_the_same_exposure():
    """Half a day's delay of the same area moves the nadir, hardly its depth."""
    effects = {name: MarrowEffect(2.0, "", "assumed") for name in ("temozolomide", "ifosfamide")}
    found = one_dose("temozolomide", 75.0, effects=effects).nadir[1]
    assert found == pytest.approx(
        one_dose("ifosfamide", 3000.0, effects=effects).nadir[1], rel=0.02
    )


def test_derivatives_both_ways_agree_with_differences():
    """Of a weighted count, by baseline, transit time, feedback and the drugs' slope."""
    with jax.enable_x64(True):
        doses = [DrugDose(1.0, "docetaxel", 150.0), DrugDose(8.0, "paclitaxel", 300.0)]
        base = exposure_of(doses, MARROW_EFFECTS, SURFACE_M2, Marrow())
        times = jnp.asarray([0.0, 6.0, 12.0, 20.0])

        def measure(x, **keywords):
            marrow = Marrow(5.05 * x[0], 89.3 * x[1], 0.163 * x[2])
            exposure = eqx.tree_at(lambda e: e.slope, base, base.slope * x[3])
            counts, _ = solve_neutrophils(marrow, exposure, times, **keywords)
            return counts @ jnp.asarray([0.0, 1.0, -0.3, 0.5])

        def forward(x, direction):
            ahead = lambda y: measure(y, adjoint=diffrax.ForwardMode())  # noqa: E731
            return jax.jvp(ahead, (x,), (direction,))[1]

        point, plain = jnp.ones(4), jax.jit(measure)
        reverse = np.asarray(jax.jit(jax.grad(measure))(point))
        step = 1e-4 * jnp.eye(4)
        differences = [float(plain(point + s) - plain(point - s)) / 2e-4 for s in step]
        np.testing.assert_allclose(reverse, differences, rtol=1e-4)
        direction = jnp.asarray([0.3, -1.0, 0.5, 0.7])
        assert float(jax.jit(forward)(point, direction)) == pytest.approx(
            float(reverse @ np.asarray(direction)), rel=1e-6
        )
        assert np.abs(reverse).min() > 1e-3


@pytest.mark.parametrize(
    "schedule, times, message",
    [
        (Schedule(), [3.0, 2.0], "times must increase"),
        (Schedule(), [3.0], "times must increase"),
        (Schedule((), (DrugDose(-5.0, "docetaxel", 9.0),)), [0.0, 1.0], "expected.*from -5 on"),
    ],
)
def test_times_that_miss_a_dose_are_refused(schedule, times, message):
    with pytest.raises(TwinError, match=message):
        neutrophil_course(schedule, times)


def test_a_saturating_effect_needs_a_volume():
    effects = {"ifosfamide": replace(MARROW_EFFECTS["docetaxel"], infusion_hours=0.0)}
    with pytest.raises(TwinError, match="volume of distribution is not known"):
        one_dose("ifosfamide", 3000.0, effects=effects)

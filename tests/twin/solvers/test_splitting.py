"""The splitting solver against exact solutions, finer steps and the adaptive reference."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from tests.twin.tumors import (
    MODEL,
    PARAMS,
    SHAPE,
    SPACING,
    SURFACE_M2,
    TREATED,
    blob,
    box,
    in_double,
    notched,
    run,
    solve_in_double,
)
from twin.domain import make_domain
from twin.simulation import trajectory
from twin.solvers.reference import Clone, solve_reference
from twin.treatments.chemotherapy import get_drug
from twin.treatments.forcing import compile_forcing
from twin.treatments.schedule import DrugDose, Fraction, Schedule

STILL = {"proliferation_rate": 0.0}
COURSE_DAYS = 270.0
COURSE = Schedule(
    fractions=tuple(Fraction(30.0 + 7 * week + day, 2.0) for week in range(6) for day in range(5)),
    drug_doses=tuple(DrugDose(30.0 + day, "temozolomide", 75 * SURFACE_M2) for day in range(44))
    + tuple(
        DrugDose(100.0 + 28 * cycle + day, "temozolomide", 150 * SURFACE_M2)
        for cycle in range(6)
        for day in range(5)
    ),
)
"""30 fractions and 74 doses in 270 days, as in a course of chemoradiation."""


def relative(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize("max_step_days", [1.0, 2.0, 7.0])
def test_a_uniform_tumor_grows_as_the_logistic_function(max_step_days):
    days = np.array([0.0, 10.0, 60.0, 150.0])
    viable, _ = solve_in_double(0.1 * box(), days, max_step_days=max_step_days)
    grown = 0.1 * np.exp(0.06 * days)
    np.testing.assert_allclose(viable[:, 4, 4, 3], grown / (0.9 + grown), rtol=1e-6)
    assert np.ptp(viable[-1][box()]) < 1e-12


@pytest.mark.parametrize("drug, sensitivity", [("temozolomide", 6.0), ("pembrolizumab", 0.08)])
@pytest.mark.parametrize("max_step_days", [1.0, 2.0])
def test_growth_under_a_drug_is_exact_at_any_step(drug, sensitivity, max_step_days):
    """Against cells and the drug's compartments integrated together, dose by dose."""
    dose_times = [0.0, 3.0, 4.5]
    schedule = Schedule((), tuple(DrugDose(t, drug, 150.0) for t in dose_times))
    viable, _ = solve_in_double(
        0.4 * box(),
        [2.0, 4.5, 12.0],
        schedule,
        params={f"sensitivity_{drug}": sensitivity},
        max_step_days=max_step_days,
    )
    kinetics = get_drug(drug).kinetics
    level = 150.0 / SURFACE_M2 / get_drug(drug).reference_dose_mg_m2
    absorption = kinetics.absorption_rate_per_day or 0.0
    out, back = kinetics.outward_rate_per_day, kinetics.return_rate_per_day

    def rate(t, state):
        u, depot, blood, rest = state
        return [
            0.06 * u * (1 - u) - sensitivity * blood * u,
            -absorption * depot,
            absorption * depot - (kinetics.elimination_rate_per_day + out) * blood + back * rest,
            out * blood - back * rest,
        ]

    state, exact = np.array([0.4, 0.0, 0.0, 0.0]), {}
    for start, stop in [(0.0, 2.0), (2.0, 3.0), (3.0, 4.5), (4.5, 12.0)]:
        if start in dose_times:
            state[1 if absorption else 2] += level
        inside = (start, stop)
        state = solve_ivp(rate, inside, state, method="LSODA", rtol=1e-11, atol=1e-14).y[:, -1]
        exact[stop] = state[0]
    expected = [exact[t] for t in (2.0, 4.5, 12.0)]
    np.testing.assert_allclose(viable[:, 4, 4, 3], expected, rtol=2e-5)


@pytest.mark.parametrize("max_step_days", [0.1, 0.5, 1.0, 2.0])
def test_a_drug_kills_by_its_exposure_whatever_the_step(max_step_days):
    schedule = Schedule(
        (), (DrugDose(1.0, "temozolomide", 135.0), DrugDose(1.3, "doxorubicin", 50.0))
    )
    viable, _ = solve_in_double(
        0.5 * box(), [4.0], schedule, params=STILL, max_step_days=max_step_days
    )
    log_kill = 0.0
    for dose in schedule.drug_doses:
        drug = get_drug(dose.drug)
        days = 4.0 - dose.time_days
        level = dose.dose_mg / SURFACE_M2 / drug.reference_dose_mg_m2
        passed = sum(w * (1 - np.exp(-k * days)) / k for w, k in drug.kinetics.phases)
        absorption = drug.kinetics.absorption_rate_per_day
        if absorption is not None:  # one compartment: what is gone by now has passed through it
            k = drug.kinetics.elimination_rate_per_day
            left = absorption * np.exp(-k * days) - k * np.exp(-absorption * days)
            passed = (1 - left / (absorption - k)) / k
        log_kill += PARAMS[f"sensitivity_{dose.drug}"] * level * passed
    assert np.log(0.5 / viable[0, 4, 4, 3]) == pytest.approx(log_kill, rel=1e-6)


def test_mass_is_kept_over_the_whole_course():
    initial = blob(box((24, 20, 16)), width=4.0)
    domain = make_domain(notched(3, (24, 20, 16)), SPACING)
    found = run(initial, [0.0, COURSE_DAYS], params=STILL, domain=domain)
    drift = abs(found.viable_ml[1] / found.viable_ml[0] - 1)
    print(f"mass drift over {COURSE_DAYS:g} days in float32: {drift:.1e}")
    assert drift <= 1e-6
    assert np.abs(found.viable[1] - found.viable[0]).max() > 0.1


def test_mass_is_kept_to_round_off_in_double_precision():
    tissue = notched(4)
    domain = make_domain(tissue, SPACING)
    viable, _ = solve_in_double(blob(tissue), [0.0, COURSE_DAYS], params=STILL, domain=domain)
    assert viable[1].sum() == pytest.approx(viable[0].sum(), rel=1e-12)


@settings(max_examples=6)
@given(
    seed=st.integers(0, 10**6),
    diffusivity=st.floats(0.001, 30.0),
    growth=st.floats(0.0, 0.5),
)
def test_cells_stay_within_bounds_and_tissue(seed, diffusivity, growth):
    """Also where a step of several days is hundreds of times the stable one of the diffusion."""
    tissue = notched(seed)
    initial = np.where(np.random.default_rng(seed).random(SHAPE) > 0.5, 1.0, 0.0) * tissue
    params = {"diffusivity": diffusivity, "proliferation_rate": growth}
    domain = make_domain(tissue, (1.0, 0.7, 2.5))
    found = run(initial, [1.0, 20.0], TREATED, params=params, domain=domain)
    assert found.status == 0
    assert found.viable.min() >= 0.0 and found.dead.min() >= 0.0
    assert found.viable.max() <= 1.0 + 1e-6
    assert not found.viable[:, ~tissue].any() and not found.dead[:, ~tissue].any()


def test_a_large_diffusivity_is_sub_stepped_to_the_right_answer():
    """Explicit steps would be stable up to 0.015 days only."""
    initial = blob(box())
    exact = solve_reference(initial, [Clone(20.0, 0.06)], [6.0], tissue=box(), spacing_mm=SPACING)
    errors = [
        relative(
            solve_in_double(initial, [6.0], params={"diffusivity": 20.0}, max_step_days=step)[0][0],
            exact.viable[0, 0],
        )
        for step in (1.0, 0.5, 0.25)
    ]
    print(f"D = 20 mm²/day, error with steps of 1, 0.5, 0.25 days: {errors}")
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1e-3


def test_the_treated_course_converges_to_the_adaptive_reference():
    """Two tissues, three drugs and fractions in a ragged mask, edges as sharp as a voxel."""
    tissue = notched(5)
    fat = np.random.default_rng(6).random(SHAPE)
    domain = make_domain(tissue, SPACING, {"muscle": 1 - fat, "fat": fat})
    params = {"diffusivity_ratio_fat": 4.0, "growth_ratio_fat": 0.5, "capacity_ratio_fat": 1.0}
    days = [10.0, 25.0, 60.0]
    names = ("temozolomide", "doxorubicin", "pembrolizumab")
    clone = Clone(
        0.15 * (1 - fat + 4 * fat), np.where(fat > 0.5, 0.03, 0.06), 0.05, 10.0,
        {name: PARAMS[f"sensitivity_{name}"] for name in names},
    )  # fmt: skip
    exact = solve_reference(
        blob(tissue), [clone], days, tissue=tissue, spacing_mm=SPACING, schedule=TREATED,
        body_surface_m2=SURFACE_M2, clearance_half_life_days=30.0, relative_tolerance=1e-8,
    )  # fmt: skip
    errors = []
    for step in (0.25, 0.125):
        viable, dead = solve_in_double(
            blob(tissue), days, TREATED, params=params, domain=domain, max_step_days=step
        )
        errors.append([relative(viable, exact.viable[:, 0]), relative(dead, exact.dead)])
    print(f"error of viable and dead cells with steps of 0.25 and 0.125 days: {errors}")
    assert np.max(errors[0]) < 1e-3
    assert np.all(np.array(errors[0]) > 3 * np.array(errors[1]))


def test_a_course_at_the_default_step_agrees_with_the_adaptive_reference():
    days = [10.0, 30.0, 90.0]
    names = ("temozolomide", "doxorubicin", "pembrolizumab")
    clone = Clone(0.05, 0.06, 0.05, 10.0, {n: PARAMS[f"sensitivity_{n}"] for n in names})
    initial = blob(box(), width=4.0)
    viable, _ = solve_in_double(initial, days, TREATED, params={"diffusivity": 0.05})
    exact = solve_reference(
        initial, [clone], days, tissue=box(), spacing_mm=SPACING, schedule=TREATED,
        body_surface_m2=SURFACE_M2, clearance_half_life_days=30.0,
    )  # fmt: skip
    error = max(relative(viable[t], exact.viable[t, 0]) for t in range(len(days)))
    print(f"default step against the adaptive reference: {error:.1e} of the largest voxel")
    assert error < 1e-3


def test_the_error_of_a_treated_course_falls_with_the_square_of_the_step():
    schedule = Schedule(
        (Fraction(8.0, 2.0), Fraction(16.0, 2.0)),
        (DrugDose(8.0, "pembrolizumab", 200.0), DrugDose(16.0, "paclitaxel", 233.0)),
    )
    # So slow that no step is sub-stepped: sub-steps would make the longest steps too good.
    params = {"diffusivity": 0.02, "proliferation_rate": 0.1, "sensitivity_paclitaxel": 0.1}

    def course(step):
        viable, dead = solve_in_double(
            blob(box()), [32.0], schedule, params=params, max_step_days=step
        )
        return viable[0], dead[0]

    finest = course(1 / 16)
    for part, name in enumerate(("viable", "dead")):
        errors = [np.abs(course(step)[part] - finest[part]).max() for step in (2.0, 1.0, 0.5)]
        orders = np.log2(np.array(errors[:-1]) / errors[1:])
        print(f"order in time of the {name} cells: {orders.round(2)}")
        assert orders.min() >= 1.9


def test_halving_the_step_hardly_changes_the_treated_course():
    days = [30.0, 60.0, 90.0, 180.0, COURSE_DAYS]
    coarse, fine = (run(blob(box()), days, COURSE, max_step_days=step) for step in (2.0, 1.0))
    burden = np.abs(coarse.viable_ml / fine.viable_ml - 1).max()
    voxel = max(relative(c, f) for c, f in zip(coarse.viable, fine.viable, strict=True))
    seen = np.abs(coarse.seen.sum((1, 2, 3)) / fine.seen.sum((1, 2, 3)) - 1).max()
    print(f"halving the step: burden {burden:.1e}, largest voxel {voxel:.1e}, seen {seen:.1e}")
    assert max(burden, voxel, seen) <= 2e-3


def test_the_front_travels_at_the_speed_of_fisher_within_its_slow_approach():
    """Bramson: a front at time t moves at 2 sqrt(Dρ) (1 - 3/(4ρt)), up to higher order."""
    shape = (200, 3, 3)
    spacing = (0.5, 0.5, 0.5)
    tissue = box(shape)
    initial = np.where(np.arange(200)[:, None, None] < 20, 1.0, 0.0) * tissue
    diffusivity, growth = 0.4, 0.2
    days = np.array([40.0, 60.0, 80.0, 100.0])
    found = run(
        initial,
        days,
        params={"diffusivity": diffusivity, "proliferation_rate": growth},
        domain=make_domain(tissue, spacing),
        max_step_days=1.0,
    )
    line = found.viable[:, :, 1, 1]
    front = np.array([np.interp(-0.5, -u[1:-1], np.arange(1, 199) * 0.5) for u in line])
    speed = np.diff(front) / np.diff(days)
    middle = (days[1:] + days[:-1]) / 2
    limit = 2 * np.sqrt(diffusivity * growth)
    expected = limit * (1 - 3 / (4 * growth * middle))
    assert front[-1] < 95.0
    assert np.all(speed < limit) and np.all(np.diff(speed) > 0)
    np.testing.assert_allclose(speed, expected, rtol=0.05)


def test_without_growth_solutions_add_up():
    one, two = blob(box(), 0.4), 0.3 * box() * np.random.default_rng(1).random(SHAPE)
    parts = [solve_in_double(u, [5.0, 20.0], TREATED, params=STILL)[0] for u in (one, two)]
    together = solve_in_double(one + two, [5.0, 20.0], TREATED, params=STILL)[0]
    np.testing.assert_allclose(sum(parts), together, rtol=1e-12, atol=1e-15)


@settings(max_examples=6)
@given(seed=st.integers(0, 10**6))
def test_a_tumor_that_starts_with_more_cells_has_more_everywhere_and_always(seed):
    random = np.random.default_rng(seed)
    less = random.random(SHAPE) * box()
    more = less + (1 - less) * random.random(SHAPE) * box()
    low, high = (solve_in_double(u, [5.0, 20.0], TREATED)[0] for u in (less, more))
    assert np.all(low <= high + 1e-14)


def test_space_and_time_can_be_measured_in_other_units():
    initial, days = blob(box()), np.array([5.0, 20.0])
    base, _ = solve_in_double(initial, days, params={"diffusivity": 0.15})
    centimeters = make_domain(box(), tuple(s / 10 for s in SPACING))
    scaled, _ = solve_in_double(initial, days, params={"diffusivity": 0.0015}, domain=centimeters)
    np.testing.assert_allclose(scaled, base, rtol=1e-10)
    twice = {"diffusivity": 0.3, "proliferation_rate": 0.12}
    faster, _ = solve_in_double(initial, days / 2, params=twice, max_step_days=1.0)
    np.testing.assert_allclose(faster, base, rtol=1e-6)


TWICE_A_DAY = Schedule(fractions=tuple(Fraction(20.0 + i * 0.25, 3.0) for i in range(4)))
"""Beside `TREATED`, so that incomplete repair, the linear onset and repopulation all count."""


def quantities(derivatives="forward"):
    """(function of params, params) in float64: burden and one voxel, viable and dead, at two times.

    Call it inside `jax.enable_x64(True)`.
    """
    schedule, days = TREATED + TWICE_A_DAY, [10.0, 40.0]
    fat = np.random.default_rng(6).random(SHAPE)
    domain = in_double(make_domain(notched(7), SPACING, {"muscle": 1 - fat, "fat": fat}))
    forcing, rows = compile_forcing(
        schedule, start_days=0.0, times_days=days, drugs=schedule.drugs, body_surface_m2=SURFACE_M2
    )
    initial = jnp.asarray(blob(notched(7)), jnp.float64).reshape(-1)
    voxel = int(np.asarray(initial).argmax())
    forcing = in_double(forcing)

    def measure(params):
        states = trajectory(MODEL, params, domain, forcing, initial, derivatives=derivatives)
        seen = jnp.stack([states.viable, states.dead])[:, rows]
        return jnp.concatenate([seen.sum(-1).ravel(), seen[..., voxel].ravel()])

    params = PARAMS | {
        "diffusivity_ratio_fat": 3.0,
        "growth_ratio_fat": 0.7,
        "capacity_ratio_fat": 0.9,
        "repair_half_time": 4.0,
        "linear_onset_dose": 2.5,
        "repopulation_factor": 0.5,
        "repopulation_delay": 5.3,
        "enhancement_temozolomide": 0.3,
    }
    return measure, {name: jnp.asarray(value, jnp.float64) for name, value in params.items()}


def test_forward_derivatives_agree_with_differences_for_every_parameter():
    with jax.enable_x64(True):
        measure, params = quantities()
        names = sorted(params)
        point = jnp.stack([params[name] for name in names])

        def of_logs(logs):
            return measure({name: jnp.exp(logs[i]) for i, name in enumerate(names)})

        forward = jax.jit(jax.vmap(lambda v: jax.jvp(of_logs, (jnp.log(point),), (v,))[1]))
        exact = np.asarray(forward(jnp.eye(len(names))))
        function = jax.jit(of_logs)
        for index, name in enumerate(names):
            unit = jnp.zeros(len(names)).at[index].set(1e-5)
            plus, minus = function(jnp.log(point) + unit), function(jnp.log(point) - unit)
            differences = np.asarray(plus - minus) / 2e-5
            np.testing.assert_allclose(
                exact[index], differences, rtol=1e-4, atol=1e-9, err_msg=name
            )
            assert np.abs(exact[index]).max() > 1e-4, name


def test_reverse_derivatives_are_the_transpose_of_the_forward_ones():
    with jax.enable_x64(True):
        forward, params = quantities("forward")
        reverse, _ = quantities("reverse")
        names = sorted(params)
        weights = jnp.asarray(np.random.default_rng(3).normal(size=8))
        pulled = jax.value_and_grad(lambda p: weights @ reverse(p))
        value, slopes = jax.jit(pulled)(params)
        assert float(value) == pytest.approx(float(weights @ forward(params)), rel=1e-12)
        random = np.random.default_rng(4)

        def pushed(tangent):
            return jax.jvp(lambda p: weights @ forward(p), (params,), (tangent,))[1]

        compiled = jax.jit(pushed)
        for _ in range(3):
            tangent = {n: jnp.asarray(random.normal()) * params[n] for n in names}
            push = compiled(tangent)
            pull = sum(float(slopes[n] * tangent[n]) for n in names)
            assert float(push) == pytest.approx(pull, rel=1e-9)

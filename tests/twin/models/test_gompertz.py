"""Gompertz growth against the closed form and an adaptive solver; order, mass, bounds, restart."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.twin.models.adaptive import concentration, integrate, laplacian
from tests.twin.tumors import PARAMS, SHAPE, SPACING, blob, box, notched, run, states_in_double
from twin.domain import make_domain
from twin.models import Gompertz
from twin.models.gompertz import gompertz_flow
from twin.treatments.schedule import DrugDose, Fraction, Schedule

MODEL = Gompertz()
RANGE = 3.0
GOMPERTZ = {"gompertz_log_range": RANGE}
RATE = PARAMS["proliferation_rate"]
COURSE = Schedule(
    (Fraction(8.0, 2.0), Fraction(16.0, 2.0)),
    (DrugDose(8.0, "pembrolizumab", 200.0), DrugDose(16.0, "paclitaxel", 233.0)),
)
SENSITIVITIES = {"sensitivity_paclitaxel": 0.1, "sensitivity_pembrolizumab": 0.01}


def closed_form(initial, days):
    """Exponential up to exp(−a) of the capacity, then ln u falls to 0 exponentially."""
    until = max(0.0, (-np.log(initial) - RANGE) / RATE)
    slowing = np.maximum(days - until, 0.0)
    begin = min(-np.log(initial), RANGE)
    slowed = np.exp(-begin * np.exp(-RATE * slowing / RANGE))
    return np.where(days < until, initial * np.exp(RATE * days), slowed)


@pytest.mark.parametrize("initial", [1e-6, 0.01, 0.3, 0.95])
def test_a_uniform_tumor_grows_by_the_closed_form(initial):
    days = np.array([0.0, 10.0, 60.0, 150.0, 400.0])
    found = states_in_double(initial * box(), days, model=MODEL, params=GOMPERTZ)
    inside = np.asarray(found.viable)[:, box().reshape(-1)]
    np.testing.assert_allclose(inside[:, 0], closed_form(initial, days), rtol=1e-10)
    assert np.ptp(inside[-1]) < 1e-12


@pytest.mark.parametrize("initial", [1e-25, 1e-8, 1e-3, 0.2, 0.9])
def test_few_cells_and_many_keep_their_digits_in_single_precision(initial):
    """As exp(ln u + growth) the fewest would be wrong by 60 round-offs a step."""
    u = jnp.asarray([initial], jnp.float32)
    found = gompertz_flow(u, jnp.asarray(RATE), jnp.asarray(RANGE))[0] / u[0]
    expected = closed_form(float(u[0]), np.array([1.0]))[0] / float(u[0])
    assert float(found) == pytest.approx(expected, rel=4e-7)


def test_two_half_flows_are_one_whole_flow():
    u = jnp.asarray(np.random.default_rng(2).random(200) ** 8)
    with jax.enable_x64(True):
        u, exponent, span = u.astype(float), jnp.asarray(0.4), jnp.asarray(2.0)
        twice = gompertz_flow(gompertz_flow(u, 0.5 * exponent, span), 0.5 * exponent, span)
        np.testing.assert_allclose(twice, gompertz_flow(u, exponent, span), rtol=1e-13)


def test_a_treated_course_agrees_with_the_adaptive_integration():
    """Growth, a fast and a slow drug, fractions, diffusion and clearance in a ragged mask."""
    tissue, days = notched(5), [10.0, 25.0, 60.0]
    spread = 0.15 * jnp.asarray(laplacian(tissue, SPACING))
    levels = {d: concentration([x for x in COURSE.drug_doses if x.drug == d]) for d in COURSE.drugs}

    def rate(time, state):
        u, dead = state
        kill = sum(SENSITIVITIES[f"sensitivity_{d}"] * level(time) for d, level in levels.items())
        slowing = jnp.minimum(1.0, -jnp.log(jnp.maximum(u, 1e-30)) / RANGE)
        return jnp.stack(
            [spread @ u + (RATE * slowing - kill) * u, kill * u - np.log(2) / 30.0 * dead]
        )

    def fraction(state):
        survived = np.exp(-0.05 * 2.0 * (1.0 + 2.0 / 10.0))
        return jnp.stack([survived * state[0], state[1] + (1.0 - survived) * state[0]])

    initial = np.stack([blob(tissue).ravel(), np.zeros(tissue.size)])
    exact = integrate(rate, initial, days, [(8.0, fraction), (16.0, fraction)])
    errors = []
    for step in (0.5, 0.25):
        found = states_in_double(
            blob(tissue),
            days,
            COURSE,
            model=MODEL,
            params=GOMPERTZ | SENSITIVITIES,
            domain=make_domain(tissue, SPACING),
            max_step_days=step,
        )
        pairs = (found.viable, exact[:, 0]), (found.dead, exact[:, 1])
        errors.append(max(np.abs(part - expected).max() for part, expected in pairs))
    print(f"error against the adaptive integration with steps of 0.5 and 0.25 days: {errors}")
    assert errors[1] < 1e-3 and errors[0] > 3.0 * errors[1]


def test_the_error_of_a_treated_course_falls_with_the_square_of_the_step():
    params = GOMPERTZ | SENSITIVITIES | {"diffusivity": 0.02, "proliferation_rate": 0.1}

    def course(step):
        keywords = {"model": MODEL, "params": params, "max_step_days": step}
        return states_in_double(blob(box()), [32.0], COURSE, **keywords)

    finest = course(1 / 16)
    for name in ("viable", "dead"):
        errors = [
            np.abs(getattr(course(step), name) - getattr(finest, name)).max()
            for step in (2.0, 1.0, 0.5)
        ]
        orders = np.log2(np.array(errors[:-1]) / errors[1:])
        print(f"order in time of the {name} cells: {orders.round(2)}")
        assert orders.min() >= 1.9


def test_mass_is_kept_without_growth_and_treatment():
    tissue = notched(4)
    still = GOMPERTZ | {"proliferation_rate": 0.0, "capacity_ratio_fat": 0.9}
    fat = np.random.default_rng(6).random(SHAPE)
    domain = make_domain(tissue, SPACING, {"muscle": 1 - fat, "fat": fat})
    still |= {"diffusivity_ratio_fat": 2.0, "growth_ratio_fat": 1.0}
    states = states_in_double(
        blob(tissue), [0.0, 270.0], model=MODEL, params=still, domain=domain
    ).viable
    double = abs(float(states[1].sum() / states[0].sum()) - 1.0)
    single = run(blob(tissue), [0.0, 270.0], model=MODEL, params=still, domain=domain).viable_ml
    drift = abs(single[1] / single[0] - 1.0)
    print(f"mass drift over 270 days: {double:.1e} in float64, {drift:.1e} in float32")
    assert double <= 1e-12 and drift <= 1e-6


@settings(max_examples=8)
@given(
    seed=st.integers(0, 10**6),
    diffusivity=st.floats(0.001, 10.0),
    growth=st.floats(0.0, 2.0),
    log_range=st.floats(0.05, 50.0),
    step=st.sampled_from([1.0, 7.0]),
)
def test_cells_stay_within_bounds_for_any_step(seed, diffusivity, growth, log_range, step):
    tissue = notched(5)
    random = np.random.default_rng(seed)
    initial = random.random(SHAPE) ** random.choice([1, 40]) * tissue
    params = {
        "diffusivity": diffusivity,
        "proliferation_rate": growth,
        "gompertz_log_range": log_range,
        "sensitivity_paclitaxel": 5.0,
    }
    found = run(
        initial, [1.0, 20.0], COURSE, model=MODEL, params=params,
        domain=make_domain(tissue, SPACING), max_step_days=step,
    )  # fmt: skip
    assert found.status == 0
    assert found.viable.min() >= 0.0 and found.dead.min() >= 0.0
    assert found.viable.max() <= 1.0 + 1e-6
    assert not found.seen[:, ~tissue].any()

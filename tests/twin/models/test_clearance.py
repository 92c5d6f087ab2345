"""Two rates of clearance: nothing changes without debris, and its course is the exact one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from tests.twin.tumors import SPACING, TREATED, blob, box, run, states_in_double
from twin.domain import make_domain
from twin.models import Immune
from twin.models.clearance import TwoRateClearance
from twin.treatments.schedule import Fraction, Schedule, Surgery
from twin.treatments.surgery import distance_mm

MODEL = TwoRateClearance()
DEBRIS = {"debris_share": 0.3, "debris_half_life": 120.0, "clearance_half_life": 14.0}
PULSE = Schedule((Fraction(0.0, 10.0),))


def test_without_debris_a_model_is_what_it_was_to_round_off():
    params = DEBRIS | {"debris_share": 0.0}
    days = [10.0, 60.0]
    two = states_in_double(blob(box()), days, TREATED, model=MODEL, params=params)
    one = states_in_double(blob(box()), days, TREATED, params=params)
    assert np.array_equal(two.viable, one.viable)
    np.testing.assert_allclose(two.dead, one.dead, rtol=1e-14)
    assert not two.fields["debris"].any()


@pytest.mark.parametrize("half_life", [120.0, 14.0, 14.001, 3.0])
def test_a_pulse_of_dead_cells_is_cleared_at_both_rates(half_life):
    """Against the linear equations integrated adaptively, also where both rates are equal."""
    days = [0.0, 7.0, 40.0, 150.0]
    params = DEBRIS | {"debris_half_life": half_life, "proliferation_rate": 0.0}
    params |= {"diffusivity": 0.001}
    found = states_in_double(0.8 * box(), days, PULSE, model=MODEL, params=params)
    killed = 0.8 - found.viable[1].max()
    fast, slow = np.log(2) / 14.0, np.log(2) / half_life

    def rate(_, y):
        return [-fast * y[0], 0.3 * fast * y[0] - slow * y[1]]

    exact = solve_ivp(rate, (0.0, 150.0), [killed, 0.0], t_eval=days, rtol=1e-11, atol=1e-14).y
    np.testing.assert_allclose(found.dead[1:].max(1), exact.sum(0)[1:], rtol=1e-6)
    np.testing.assert_allclose(found.fields["debris"][1:].max(1), exact[1][1:], rtol=1e-6)


def test_debris_peaks_when_the_formula_says():
    days = np.arange(0.0, 120.0, 2.0)
    params = DEBRIS | {"proliferation_rate": 0.0}
    found = states_in_double(0.8 * box(), days, PULSE, model=MODEL, params=params)
    fast, slow = np.log(2) / 14.0, np.log(2) / 120.0
    expected = np.log(fast / slow) / (fast - slow)
    peak = days[found.fields["debris"].max(1).argmax()]
    print(f"debris of one pulse peaks on day {peak:g}, formula {expected:.1f}")
    assert abs(peak - expected) <= 2.0


def test_another_model_keeps_its_cells_and_fields_and_gains_debris():
    inner = Immune()
    table = inner.table("generic", TREATED.drugs, ("tissue",))
    params = {n: float(p.prior.transform(0.0)) for n, p in table.items()} | DEBRIS
    model = TwoRateClearance(inner)
    two = states_in_double(blob(box()), [30.0], TREATED, model=model, params=params)
    one = states_in_double(blob(box()), [30.0], TREATED, model=inner, params=params)
    for with_debris, without in zip(two.cells, one.cells, strict=True):
        np.testing.assert_allclose(with_debris, without, rtol=1e-13)
    assert set(two.fields) == {"debris", *one.fields}
    assert two.dead.sum() > 1.02 * one.dead.sum()


def test_surgery_takes_debris_out_and_a_course_can_be_continued():
    tissue = box()
    distance = distance_mm(blob(tissue) > 0.3, SPACING)
    keywords = {"model": MODEL, "params": DEBRIS, "domain": make_domain(tissue, SPACING)}
    cut = TREATED + Schedule(surgeries=(Surgery(30.0, 1.0),))
    whole = run(blob(tissue), [20.0, 31.0], cut, resectable_mm=distance, **keywords)
    debris = whole.fields["debris"]
    assert debris[0].max() > 0.01 and debris[1][distance <= 1.0].max() == 0.0
    second = run(whole.state(0), [31.0], cut, resectable_mm=distance, start_days=20.0, **keywords)
    np.testing.assert_allclose(second.fields["debris"][0], debris[1], rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(second.dead[0], whole.dead[1], rtol=1e-5, atol=1e-9)


def test_the_error_of_a_treated_course_falls_with_the_square_of_the_step():
    schedule = Schedule((Fraction(8.0, 2.0), Fraction(16.0, 2.0)))

    def course(step):
        found = states_in_double(
            blob(box()), [32.0], schedule, model=MODEL,
            params=DEBRIS | {"diffusivity": 0.02, "proliferation_rate": 0.1}, max_step_days=step,
        )  # fmt: skip
        return found.viable, found.dead, found.fields["debris"]

    finest = course(1 / 16)
    runs = [course(step) for step in (2.0, 1.0, 0.5)]
    errors = np.array([[np.abs(a - b).max() for a, b in zip(r, finest, strict=True)] for r in runs])
    print(f"viable, dead, debris with steps of 2, 1, 0.5 days: {errors.tolist()}")
    assert np.log2(errors[:-1] / errors[1:]).min() >= 1.9


def test_derivatives_agree_with_differences_both_ways():
    names, schedule = ("debris_share", "debris_half_life", "clearance_half_life"), PULSE
    with jax.enable_x64(True):

        def measure(logs, derivatives="forward"):
            moved = {n: DEBRIS[n] * jnp.exp(logs[i]) for i, n in enumerate(names)}
            found = states_in_double(
                blob(box()), [40.0], schedule, model=MODEL, params=moved, derivatives=derivatives
            )
            return jnp.stack([found.dead.sum(), found.fields["debris"].sum()])

        zero, units = jnp.zeros(3), 1e-5 * jnp.eye(3)
        forward = np.asarray(jax.jit(jax.jacfwd(measure))(zero))
        reverse = np.asarray(jax.jit(jax.jacrev(lambda x: measure(x, "reverse")))(zero))
        function = jax.jit(measure)
        differences = np.stack([(function(s) - function(-s)) / 2e-5 for s in units], axis=-1)
    np.testing.assert_allclose(forward, differences, rtol=1e-4)
    np.testing.assert_allclose(forward, reverse, rtol=1e-9)

"""The reference solver against analytic answers and against another integrator."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from twin.errors import TwinError
from twin.solvers.reference import Clone, solve_reference
from twin.treatments.chemotherapy import get_drug
from twin.treatments.schedule import DrugDose, Fraction, Schedule, Surgery

SHAPE = (6, 5, 4)
EVERYWHERE = np.ones(SHAPE, bool)
SPACING = (1.0, 1.5, 2.0)


def uniform(value: float) -> np.ndarray:
    return np.full(SHAPE, value)


def solve(initial, clones, days, **keywords):
    keywords.setdefault("tissue", EVERYWHERE)
    return solve_reference(initial, clones, days, spacing_mm=SPACING, **keywords)


def test_uniform_growth_is_the_logistic_function():
    solution = solve(uniform(0.1), [Clone(0.3, 0.05)], [0, 30, 90])
    exact = 0.1 * np.exp(0.05 * solution.times_days)
    exact = exact / (1 + exact - 0.1)
    np.testing.assert_allclose(solution.viable[:, 0, 2, 2, 2], exact, rtol=3e-6)


@pytest.mark.parametrize("method", ["tsit5", "dopri8"])
def test_cosine_modes_decay_at_their_discrete_rates_along_each_axis(method):
    shape, diffusivity = np.array(SHAPE), np.array([0.2, 0.5, 0.9])
    index = np.indices(SHAPE)
    mode, decay = np.ones(SHAPE), 0.0
    for axis, (n, h, d) in enumerate(zip(shape, SPACING, diffusivity, strict=True)):
        mode = mode * np.cos(np.pi * (index[axis] + 0.5) / n)
        decay += d * 4 / h**2 * np.sin(np.pi / (2 * n)) ** 2
    tensor = np.broadcast_to(diffusivity[:, None, None, None], (3, *SHAPE))
    solution = solve(
        0.5 + 0.3 * mode, [Clone(tensor, 0.0)], [0, 2.5], method=method, relative_tolerance=1e-8
    )
    exact = 0.5 + 0.3 * mode * np.exp(-decay * 2.5)
    np.testing.assert_allclose(solution.viable[1, 0], exact, atol=1e-7)


def test_diffusion_conserves_cells_in_a_ragged_mask_with_uneven_diffusivity():
    random = np.random.default_rng(3)
    tissue = random.random(SHAPE) > 0.3
    initial = random.random(SHAPE) * tissue
    diffusivity = np.exp(random.standard_normal(SHAPE))
    solution = solve(initial, [Clone(diffusivity, 0.0)], [0, 100], tissue=tissue)
    assert solution.viable[1].sum() == pytest.approx(initial.sum(), rel=1e-12)
    assert not solution.viable[1, 0][~tissue].any()
    assert np.abs(solution.viable[1, 0] - initial).max() > 0.05


def test_two_layers_exchange_through_the_harmonic_mean():
    tissue = np.zeros(SHAPE, bool)
    tissue[2:4, 2, 2] = True
    diffusivity = np.where(np.arange(6)[:, None, None] < 3, 0.1, 0.9) * np.ones(SHAPE)
    initial = np.zeros(SHAPE)
    initial[2, 2, 2] = 1.0
    solution = solve(initial, [Clone(diffusivity, 0.0)], [0, 3], tissue=tissue)
    harmonic = 2 * 0.1 * 0.9 / (0.1 + 0.9)
    gap = solution.viable[1, 0, 2, 2, 2] - solution.viable[1, 0, 3, 2, 2]
    assert gap == pytest.approx(np.exp(-2 * harmonic * 3), rel=1e-5)


def test_a_fraction_kills_by_the_linear_quadratic_law_after_the_image_of_that_day():
    schedule = Schedule(fractions=(Fraction(1.0, 2.0), Fraction(1.0, 3.0), Fraction(2.0, 5.0)))
    clone = Clone(0.3, 0.0, radiosensitivity_alpha=0.1, alpha_beta_ratio=4.0)
    solution = solve(uniform(0.5), [clone], [0, 1, 1.5, 2, 3], schedule=schedule)
    first = 0.5 * np.exp(-0.1 * (2 + 4 / 4) - 0.1 * (3 + 9 / 4))
    second = first * np.exp(-0.1 * (5 + 25 / 4))
    np.testing.assert_allclose(
        solution.viable[:, 0, 1, 1, 1], [0.5, 0.5, first, first, second], rtol=1e-9
    )
    np.testing.assert_allclose(solution.seen, 0.5, rtol=1e-9)


@pytest.mark.parametrize(
    "name, sensitivity", [("paclitaxel", 0.2), ("doxorubicin", 8.0), ("temozolomide", 2.0)]
)
def test_a_drug_dose_kills_by_its_exposure(name, sensitivity):
    """One compartment, two, and absorbed: log kill is the sensitivity times a sum of integrals."""
    drug = get_drug(name)
    dose = DrugDose(2.0, name, 2 * 1.9 * drug.reference_dose_mg_m2)
    clone = Clone(0.3, 0.0, drug_sensitivity={name: sensitivity})
    solution = solve(
        uniform(0.5), [clone], [0, 2, 4], schedule=Schedule(drug_doses=(dose,)), body_surface_m2=1.9
    )
    phases, absorption = drug.kinetics.phases, drug.kinetics.absorption_rate_per_day
    passed = [(1 - np.exp(-2 * k)) / k for _, k in phases]
    if absorption is not None:
        depot = (1 - np.exp(-2 * absorption)) / absorption
        passed = [
            absorption / (absorption - k) * (p - depot)
            for (_, k), p in zip(phases, passed, strict=True)
        ]
    exposure = sum(w * p for (w, _), p in zip(phases, passed, strict=True))
    exact = 0.5 * np.exp(-sensitivity * 2 * exposure)
    np.testing.assert_allclose(solution.viable[:, 0, 0, 0, 0], [0.5, 0.5, exact], rtol=1e-5)


@pytest.mark.parametrize("half_life, left", [(np.inf, 1.0), (5.0, 0.25), (0.0, 0.0)])
def test_killed_cells_vanish_with_their_half_life(half_life, left):
    schedule = Schedule(fractions=(Fraction(0.0, 10.0),))
    clone = Clone(0.3, 0.0, radiosensitivity_alpha=0.2)
    solution = solve(
        uniform(0.5), [clone], [0, 10], schedule=schedule, clearance_half_life_days=half_life
    )
    killed = 0.5 * (1 - np.exp(-0.2 * (10 + 100 / 10)))
    np.testing.assert_allclose(solution.dead[1], left * killed, rtol=1e-5)


def test_two_treated_clones_agree_with_another_integrator():
    """Uniform fields: an ordinary system, solved by LSODA of SciPy between the same events."""
    schedule = Schedule(
        fractions=(Fraction(7.0, 2.0), Fraction(8.0, 2.0)),
        drug_doses=(DrugDose(3.0, "doxorubicin", 142.5), DrugDose(6.5, "paclitaxel", 150.0)),
    )
    clones = [
        Clone(0.3, 0.08, 0.15, 4.0, {"doxorubicin": 0.3, "paclitaxel": 0.2}),
        Clone(0.1, 0.05, 0.07, 8.0, {"paclitaxel": 0.4}),
    ]
    initial = np.stack([uniform(0.4), uniform(0.1)])
    solution = solve(
        initial, clones, [0, 15], schedule=schedule, body_surface_m2=1.9,
        clearance_half_life_days=9.0,
    )  # fmt: skip

    def rate(time, state):
        a, b, _ = state
        kill = np.zeros(2)
        for dose in schedule.drug_doses:
            if time >= dose.time_days:
                drug = get_drug(dose.drug)
                level = dose.dose_mg / 1.9 / drug.reference_dose_mg_m2
                level *= sum(
                    w * np.exp(-k * (time - dose.time_days)) for w, k in drug.kinetics.phases
                )
                kill += [level * clone.drug_sensitivity.get(dose.drug, 0.0) for clone in clones]
        free = 1 - a - b
        return [
            0.08 * a * free - kill[0] * a,
            0.05 * b * free - kill[1] * b,
            kill[0] * a + kill[1] * b - np.log(2) / 9.0 * state[2],
        ]

    state = np.array([0.4, 0.1, 0.0])
    stops = [0.0, 3.0, 6.5, 7.0, 8.0, 15.0]
    for start, stop in zip(stops, stops[1:], strict=False):
        inside = (start, stop - 1e-9)
        state = solve_ivp(rate, inside, state, method="LSODA", rtol=1e-9, atol=1e-12).y[:, -1]
        if stop in (7.0, 8.0):
            surviving = state[:2] * np.exp([-0.15 * (2 + 4 / 4.0), -0.07 * (2 + 4 / 8.0)])
            state = np.array([*surviving, state[2] + (state[:2] - surviving).sum()])
    found = [*solution.viable[1, :, 1, 1, 1], solution.dead[1, 1, 1, 1]]
    np.testing.assert_allclose(found, state, rtol=2e-5)


def test_tightening_the_tolerance_changes_less_than_the_tolerance_promises():
    position = np.indices(SHAPE) - np.array([2.5, 2, 1.5])[:, None, None, None]
    initial = 0.6 * np.exp(-(position**2).sum(axis=0) / 4)
    clone = Clone(0.4, 0.05, 0.1)
    schedule = Schedule(fractions=(Fraction(5.0, 2.0),))
    loose, tight = (
        solve(initial, [clone], [0, 20], schedule=schedule, relative_tolerance=tolerance)
        for tolerance in (1e-6, 1e-9)
    )
    assert np.abs(loose.viable - tight.viable).max() < 1e-5
    assert tight.steps > loose.steps


@pytest.mark.parametrize(
    "change, message",
    [
        ({"initial": np.full((2, 2, 2), 0.1)}, "the initial state does not fit"),
        ({"initial": uniform(-0.1)}, "negative or non-finite"),
        ({"initial": uniform(np.nan)}, "negative or non-finite"),
        ({"days": [0, 5, 5]}, "out of order"),
        ({"days": []}, "out of order"),
        ({"days": [-1, 5]}, "out of order"),
        ({"method": "euler"}, "unknown method"),
        ({"schedule": Schedule(surgeries=(Surgery(3.0, 10.0),))}, "surgery is not modeled"),
    ],
)
def test_what_it_cannot_solve_is_refused(change, message):
    keywords = {"initial": uniform(0.1), "days": [0, 5], **change}
    initial, days = keywords.pop("initial"), keywords.pop("days")
    with pytest.raises(TwinError, match=message):
        solve(initial, [Clone(0.3, 0.05)], days, **keywords)


def test_surgery_after_the_last_day_is_no_obstacle():
    schedule = Schedule(surgeries=(Surgery(5.0, 10.0),))
    solution = solve(uniform(0.1), [Clone(0.3, 0.0)], [0, 5], schedule=schedule)
    np.testing.assert_allclose(solution.viable[1], 0.1, rtol=1e-9)

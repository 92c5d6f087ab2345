"""Effector cells: Kuznetsov's equations and steady states, blockade, bounds, and the word mouse."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from tests.twin.models.adaptive import concentration, integrate, laplacian
from tests.twin.tumors import SHAPE, SPACING, blob, box, notched, run, states_in_double
from twin.domain import make_domain
from twin.models import Immune, State
from twin.models.immune import decay, linear_flow
from twin.patient import SITES
from twin.treatments.schedule import DrugDose, Fraction, Schedule

MODEL = Immune()
S, P, G, M, D, N = 1.3e4, 0.1245, 2.019e7, 3.422e-10, 0.0412, 1.101e-7
GROWTH, CELLS = 0.18, 5e8
"""Cells, days: Kuznetsov et al. 1994, for BCL1 lymphoma in mice."""
MOUSE = {
    "effector_kill_rate": N * CELLS,
    "effector_supply": S / CELLS,
    "effector_recruitment_rate": P,
    "effector_half_saturation": G / CELLS,
    "effector_inactivation_rate": M * CELLS,
    "effector_death_rate": D,
    "effector_motility": 0.01,
    "proliferation_rate": GROWTH,
    "checkpoint_gain": 1.5,
    "checkpoint_half_concentration": 0.05,
}
COURSE = Schedule(
    (Fraction(8.0, 2.0), Fraction(16.0, 2.0)),
    (DrugDose(8.0, "pembrolizumab", 200.0), DrugDose(16.0, "paclitaxel", 233.0)),
)
WEAK = {"sensitivity_paclitaxel": 0.1}
ANTIBODY = Schedule((), tuple(DrugDose(21.0 * i, "pembrolizumab", 200.0) for i in range(4)))


def largest(found, expected):
    return float(np.abs(found - expected).max())


def dormant_cells():
    """The smaller steady state that is stable, in cells, from the equations in cells."""

    def effectors(cells):
        return GROWTH * (1.0 - cells / CELLS) / N

    def balance(cells):
        rate = P * cells / (G + cells) - M * cells - D
        return S + rate * effectors(cells)

    return brentq(balance, 1e6, 5e7)


def kuznetsov(time, cells):
    """Tumor cells and effectors of one place, in cells and days."""
    tumor, effectors = cells
    contact = effectors * tumor
    return jnp.stack(
        [
            GROWTH * tumor * (1.0 - tumor / CELLS) - N * contact,
            S + P * contact / (G + tumor) - M * contact - D * effectors,
        ]
    )


@pytest.mark.parametrize("first_cells", [1e6, 3e8])
def test_a_uniform_tumor_follows_the_published_equations_in_cells(first_cells):
    days = [20.0, 60.0, 120.0]
    unit = np.array([1e6, 1e6])
    exact = integrate(
        lambda t, y: kuznetsov(t, y * unit) / unit, np.array([first_cells, S / D]) / unit, days
    )
    errors = []
    for step in (0.5, 0.25):
        found = states_in_double(
            first_cells / CELLS * box(), days, model=MODEL, params=MOUSE, max_step_days=step
        )
        inside = box().reshape(-1)
        assert np.ptp(found.viable[-1][inside]) < 1e-12
        pairs = (found.viable, exact[:, 0]), (found.fields["effectors"], exact[:, 1])
        errors.append(max(largest(f[:, inside].max(1) * CELLS / 1e6 / e, 1.0) for f, e in pairs))
    print(f"from {first_cells:g} cells: relative error with steps of 0.5 and 0.25 days {errors}")
    assert errors[1] < 2e-4 and errors[0] > 3.5 * errors[1]


def test_a_small_tumor_rests_at_the_dormant_state_of_the_published_equations():
    expected = dormant_cells()
    found = states_in_double(0.015 * box(), [2500.0], model=MODEL, params=MOUSE)
    tumor = found.viable.max() * CELLS
    effectors = found.fields["effectors"].max() * CELLS
    print(f"dormant: {tumor:.3g} tumor cells, {effectors:.3g} effectors; root {expected:.3g}")
    assert tumor == pytest.approx(expected, rel=1e-3)
    assert effectors == pytest.approx(GROWTH * (1.0 - expected / CELLS) / N, rel=1e-3)


def test_a_treated_course_agrees_with_the_adaptive_integration():
    """Antibody, drug, fractions, diffusion of both kinds of cells, clearance, a ragged mask."""
    tissue, days = notched(5), [10.0, 25.0, 60.0]
    steps = jnp.asarray(laplacian(tissue, SPACING))
    antibody, drug = (concentration([dose]) for dose in COURSE.drug_doses)
    inside = jnp.asarray(tissue.reshape(-1), float)

    def rate(time, state):
        u, effectors, dead = state
        level = antibody(time)
        blocked = 1.0 + 1.5 * level / (0.05 + level)
        kill = N * CELLS * blocked * effectors + 0.1 * drug(time)
        turnover = P * u / (G / CELLS + u) - M * CELLS * u - D
        return jnp.stack(
            [
                0.15 * steps @ u + GROWTH * u * (1.0 - u) - kill * u,
                0.01 * steps @ effectors + (S / CELLS) * inside + turnover * effectors,
                kill * u - np.log(2) / 30.0 * dead,
            ]
        )

    def fraction(state):
        survived = np.exp(-0.05 * 2.0 * (1.0 + 2.0 / 10.0))
        killed = (1.0 - survived) * state[0]
        return jnp.stack([state[0] - killed, state[1], state[2] + killed])

    flat = blob(tissue).reshape(-1)
    first = np.stack([flat, S / D / CELLS * tissue.reshape(-1), 0.0 * flat])
    exact = integrate(rate, first, days, [(8.0, fraction), (16.0, fraction)])
    domain, errors = make_domain(tissue, SPACING), []
    for step in (0.5, 0.25):
        found = states_in_double(
            blob(tissue), days, COURSE, model=MODEL, params=MOUSE | WEAK, domain=domain,
            max_step_days=step,
        )  # fmt: skip
        parts = (found.viable, found.fields["effectors"], found.dead)
        errors.append([largest(part, exact[:, i]) for i, part in enumerate(parts)])
    print(f"error of tumor, effectors, dead with steps of 0.5 and 0.25 days: {errors}")
    assert max(errors[1]) < 1e-3
    assert np.all(np.array(errors[0]) > 3.0 * np.array(errors[1]))


def test_the_error_of_a_treated_course_falls_with_the_square_of_the_step():
    params = MOUSE | WEAK | {"diffusivity": 0.02}

    def course(step):
        found = states_in_double(
            blob(box()), [32.0], COURSE, model=MODEL, params=params, max_step_days=step
        )
        return {"viable": found.viable, "dead": found.dead, **found.fields}

    runs = {step: course(step) for step in (2.0, 1.0, 0.5, 1 / 16)}
    for name in ("viable", "dead", "effectors"):
        errors = [largest(runs[s][name], runs[1 / 16][name]) for s in (2.0, 1.0, 0.5)]
        orders = np.log2(np.array(errors[:-1]) / errors[1:])
        print(f"order in time of {name}: {orders.round(2)}, errors {errors}")
        assert orders.min() >= 1.9


def test_without_effectors_it_is_fisher_kpp_to_the_last_digit():
    params = MOUSE | WEAK | {"effector_supply": 0.0, "sensitivity_pembrolizumab": 0.0}
    course = Schedule(COURSE.fractions)
    alone = states_in_double(blob(box()), [10.0, 60.0], course, model=MODEL, params=params)
    one = states_in_double(blob(box()), [10.0, 60.0], course, params=params)
    assert np.array_equal(alone.viable, one.viable)
    np.testing.assert_allclose(alone.dead, one.dead, rtol=1e-14)
    assert not alone.fields["effectors"].any()


def test_without_effectors_drugs_act_as_in_fisher_kpp_to_second_order():
    """Kill stands before and after the growth here, and beside it there."""
    params = MOUSE | WEAK | {"effector_supply": 0.0, "sensitivity_pembrolizumab": 0.0}

    def apart(step):
        common = {"params": params, "max_step_days": step}
        alone = states_in_double(blob(box()), [10.0, 60.0], COURSE, model=MODEL, **common)
        return np.abs(
            alone.viable - states_in_double(blob(box()), [10.0, 60.0], COURSE, **common).viable
        ).max()

    coarse, fine = apart(2.0), apart(1.0)
    print(f"from Fisher-KPP at steps of 2 and 1 days: {coarse:.1e}, {fine:.1e}")
    assert coarse < 1e-4 and fine < 0.35 * coarse


def test_the_antibody_acts_through_effectors_alone_and_can_rebound():
    """Fewer tumor cells draw fewer effectors: the burden may later pass that without antibody."""
    burdens = {}
    for name, schedule in (("untreated", Schedule()), ("antibody", ANTIBODY)):
        for supply in (0.0, S / CELLS):
            params = MOUSE | {"effector_supply": supply, "sensitivity_pembrolizumab": 5.0}
            found = states_in_double(
                0.02 * box(), [21.0, 84.0], schedule, model=MODEL, params=params
            )
            burdens[name, supply > 0.0] = found.viable.sum(-1)
    np.testing.assert_allclose(burdens["antibody", False], burdens["untreated", False], rtol=1e-9)
    ratio = burdens["antibody", True] / burdens["untreated", True]
    print(f"viable under antibody over untreated, days 21 and 84: {ratio}")
    assert ratio[0] < 0.4 and ratio[1] > 1.2


def test_more_antibody_than_the_usual_dose_adds_next_to_nothing():
    """Troughs far above the half concentration: kinetics of patients is nearly invisible."""

    def burden(dose_mg):
        dose = Schedule((), (DrugDose(0.0, "pembrolizumab", dose_mg),))
        found = states_in_double(0.02 * box(), [21.0], dose, model=MODEL, params=MOUSE)
        return found.viable.sum()

    few, usual, twice = burden(2.0), burden(200.0), burden(400.0)
    log_gain, log_more = np.log(few / usual), np.log(usual / twice)
    print(f"log gain from 2 to 200 mg {log_gain:.2f}, from 200 to 400 mg {log_more:.3f}")
    assert 0.0 < log_more < 0.1 * log_gain


def test_tumor_cells_and_effectors_are_kept_where_nothing_acts():
    quiet = MOUSE | dict.fromkeys([n for n in MOUSE if n.startswith("effector")], 0.0)
    quiet |= {"proliferation_rate": 0.0, "effector_motility": 0.05, "effector_half_saturation": 1.0}
    tissue = notched(4)
    domain, flat = make_domain(tissue, SPACING), blob(tissue).reshape(-1)
    state = State((flat,), 0.0 * flat, {"effectors": 1e-3 * flat[::-1] * tissue.reshape(-1)})
    keywords = {"model": MODEL, "domain": domain, "params": quiet}
    double = states_in_double(state, [0.0, 270.0], **keywords)
    rough = jax.tree.map(lambda leaf: leaf.astype(np.float32), state)
    single = run(rough, [0.0, 270.0], **keywords)
    names = ("tumor", "effectors")
    for name, fine, coarse in zip(
        names,
        (double.viable, double.fields["effectors"]),
        (single.viable, single.fields["effectors"]),
        strict=True,
    ):
        drift = abs(fine[1].sum() / fine[0].sum() - 1.0)
        rounded = abs(coarse[1].sum(dtype=float) / coarse[0].sum(dtype=float) - 1.0)
        print(f"{name}: drift over 270 days {drift:.1e} in float64, {rounded:.1e} in float32")
        assert drift <= 1e-12 and rounded <= 1e-6
        assert largest(fine[1], fine[0]) > 0.05 * fine[0].max()


def test_killed_and_living_cells_together_are_kept_while_effectors_kill():
    params = MOUSE | {"proliferation_rate": 0.0, "clearance_half_life": 1e15}
    found = states_in_double(blob(box()), [0.0, 60.0], ANTIBODY, model=MODEL, params=params)
    assert found.seen[1].sum() == pytest.approx(found.seen[0].sum(), rel=1e-12)
    assert found.viable[1].sum() < 0.5 * found.viable[0].sum()


@settings(max_examples=8)
@given(
    seed=st.integers(0, 10**6),
    diffusivity=st.floats(0.001, 10.0),
    growth=st.floats(0.0, 2.0),
    rates=st.lists(st.floats(-3.0, 3.0), min_size=len(MOUSE), max_size=len(MOUSE)),
    step=st.sampled_from([1.0, 7.0]),
)
def test_cells_stay_within_bounds_for_any_step(seed, diffusivity, growth, rates, step):
    """Every rate of the effectors up to a thousand times the mouse's or a thousandth of it."""
    tissue = notched(5)
    initial = np.where(np.random.default_rng(seed).random(SHAPE) > 0.5, 1.0, 0.0) * tissue
    params = {name: value * 10.0**r for (name, value), r in zip(MOUSE.items(), rates, strict=True)}
    params |= {"effector_recruitment_rate": min(params["effector_recruitment_rate"], 1.0)}
    params |= {"diffusivity": diffusivity, "proliferation_rate": growth} | WEAK
    found = run(
        initial, [1.0, 20.0], COURSE, model=MODEL, params=params,
        domain=make_domain(tissue, SPACING), max_step_days=step,
    )  # fmt: skip
    assert found.status == 0
    assert found.viable.min() >= 0.0 and found.dead.min() >= 0.0
    assert found.fields["effectors"].min() >= 0.0
    assert found.viable.max() <= 1.0 + 1e-6
    assert not found.seen[:, ~tissue].any() and not found.fields["effectors"][:, ~tissue].any()


def test_kill_without_an_exponential_is_one_where_it_matters():
    y = jnp.linspace(0.0, 400.0, 4001)
    found = np.asarray(decay(y))
    assert largest(found[y <= 2.0], np.exp(-np.asarray(y[y <= 2.0]))) < 2e-7
    assert largest(found, np.exp(-np.asarray(y))) < 1e-4
    assert found.min() >= 0.0 and np.all(np.diff(found) <= 1e-7)


@pytest.mark.parametrize("exponent", [-3.0, -0.5, 0.0, 0.5])
def test_effectors_under_a_constant_rate_follow_the_exponential(exponent):
    value = float(linear_flow(jnp.asarray([0.3]), jnp.asarray(exponent), jnp.asarray(0.2))[0])
    passed = np.expm1(exponent) / exponent if exponent else 1.0
    assert value == pytest.approx(0.3 * np.exp(exponent) + 0.2 * passed, rel=2e-3)
    if abs(exponent) <= 0.5:
        assert value == pytest.approx(0.3 * np.exp(exponent) + 0.2 * passed, rel=3e-7)


@pytest.mark.parametrize("site", SITES)
def test_what_comes_from_mice_says_so_wherever_it_is_read(site):
    table = MODEL.table(site, ("pembrolizumab", "paclitaxel"), ("tissue",))
    effectors = [row for name, row in table.items() if name.startswith("effector")]
    free = [name for name in table.free if name.startswith(("effector", "checkpoint"))]
    assert len(effectors) == 7 and len(free) == 4
    for row in effectors:
        if row.provenance == "animal":
            assert "(mouse)" in row.description and "mice" in row.citation
        else:
            assert row.provenance == "assumed" and row.name == "effector_motility"
    assert "sensitivity_pembrolizumab" not in table and "sensitivity_paclitaxel" in table
    medians = {name: float(row.prior.transform(0.0)) for name, row in table.items()}
    for name in ("kill_rate", "supply", "recruitment_rate", "half_saturation", "death_rate"):
        assert medians[f"effector_{name}"] == pytest.approx(MOUSE[f"effector_{name}"], rel=2e-3)


def test_without_an_antibody_there_is_no_parameter_of_blockade():
    table = MODEL.table("glioma", ("temozolomide",), ("tissue",))
    assert not any(name.startswith("checkpoint") for name in table)

"""Oxygen and its cells: adaptive reference, transfers, bounds, order, radiotherapy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from tests.twin.models.adaptive import concentration, integrate, laplacian
from tests.twin.tumors import (
    PARAMS,
    SHAPE,
    SPACING,
    blob,
    box,
    notched,
    run,
    solve_in_double,
    states_in_double,
)
from twin.domain import make_domain
from twin.models import FisherKPP, Hypoxia
from twin.models.oxygen import krogh_deficit_mmhg, oxygen_of
from twin.treatments.schedule import DrugDose, Fraction, Schedule, Surgery
from twin.treatments.surgery import distance_mm

MODEL = Hypoxia()
OXYGEN = {
    "vessel_density": 30.0,
    "hypoxia_threshold": 8.0,
    "enhancement_half_point": 3.0,
    "hypoxia_rate": 0.2,
    "necrosis_rate": 0.3,
    "necrosis_half_life": 60.0,
    "sensitivity_paclitaxel": 0.1,
}
FIXED = {
    name: float(row.prior.transform(0.0))
    for name, row in MODEL.table("generic", (), ("tissue",)).items()
    if row.fixed and name not in PARAMS
}
COURSE = Schedule(
    (Fraction(8.0, 2.0), Fraction(16.0, 2.0)), (DrugDose(16.0, "pembrolizumab", 200.0),)
)
DROWNED = {"oxygen_consumption": 0.0}
STILL = {"proliferation_rate": 0.0, "necrosis_half_life": 1e15}


def everything(state):
    """(T, 4, N): proliferating, hypoxic, necrotic, dead."""
    return np.stack([*state.cells, state.fields["necrotic"], state.dead], axis=1)


def tension_mmhg(viable, values):
    """Supply equals consumption, written once more."""
    square = np.pi * values["vessel_density"] * (values["vessel_radius"] * 1e-3) ** 2
    drop = values["oxygen_consumption"] * 86400 / (2 * np.pi * values["vessel_density"])
    drop = drop / values["oxygen_diffusivity"]
    drop *= -0.5 * np.log(square) / (1 - square) - (3 - square) / 4
    b = drop * viable + values["consumption_half_point"] - values["vessel_oxygen"]
    c = values["consumption_half_point"] * values["vessel_oxygen"]
    return (-b + (b * b + 4 * c) ** 0.5) / 2


def rises(tension, threshold, normal):
    """Hill's law with exponent 4, scaled to 1 at normal tension."""
    return (
        (tension / normal) ** 4
        * (1 + (threshold / normal) ** 4)
        / ((tension / normal) ** 4 + (threshold / normal) ** 4)
    )


def rates(values, tissue, dose, spread=True):
    """Right-hand side of the four equations, between voxels hop by hop."""
    hops = PARAMS["diffusivity"] * laplacian(tissue, SPACING)
    np.fill_diagonal(hops, 0.0)
    amount = concentration(dose)
    normal = values["vessel_oxygen"]

    def moved(cells, necrotic):
        into = hops @ cells
        return (1 - necrotic) * into - cells * (hops @ (1 - necrotic))

    def rate(time, y):
        fresh, hypoxic, necrotic, dead = y
        tension = tension_mmhg(fresh + hypoxic, values)
        share = rises(tension, values["hypoxia_threshold"], normal)
        severe = values["necrosis_threshold"] ** 4
        dying = values["necrosis_rate"] * severe / (tension**4 + severe) * hypoxic
        turned = values["hypoxia_rate"] * ((1 - share) * fresh - share * hypoxic)
        kill = values["sensitivity_pembrolizumab"] * amount(time)
        slower = values["hypoxic_sensitivity_ratio"]
        grown = PARAMS["proliferation_rate"] * share * fresh * (1 - fresh - hypoxic - necrotic)
        change = [
            grown - turned - kill * fresh,
            turned - dying - slower * kill * hypoxic,
            dying - jnp.log(2) / values["necrosis_half_life"] * necrotic,
            kill * (fresh + slower * hypoxic) - jnp.log(2) / PARAMS["clearance_half_life"] * dead,
        ]
        if spread:
            change[0] += moved(fresh, necrotic)
            change[1] += moved(hypoxic, necrotic)
        return jnp.stack(change)

    return rate


def irradiated(values, dose_gy):
    """What a fraction does to the four fields."""

    def ratio(tension):
        most, half = values["oxygen_enhancement"], values["enhancement_half_point"]
        return (most * tension + half) / (tension + half)

    def strike(y):
        counted = dose_gy * ratio(tension_mmhg(y[0] + y[1], values))
        counted = counted / ratio(values["vessel_oxygen"])
        alpha, beta = 0.05, 0.05 / 10.0
        survival = jnp.exp(-alpha * counted - beta * counted**2)
        killed = (1 - survival) * (y[0] + y[1])
        return jnp.stack([survival * y[0], survival * y[1], y[2], y[3] + killed])

    return strike


def test_a_treated_course_agrees_with_adaptive_integration():
    """A ragged mask, an obstacle of necrosis, fractions and a drug; few voxels off by any part."""
    tissue, days = notched(5), [10.0, 25.0, 45.0]
    values = FIXED | PARAMS | OXYGEN | {"sensitivity_pembrolizumab": 0.03}
    domain = make_domain(tissue, SPACING)
    first = states_in_double(
        blob(tissue, 0.95, 3.0), [0.0], model=MODEL, params=values, domain=domain
    )
    start = everything(first)[0]
    with jax.enable_x64(True):
        events = [(f.time_days, irradiated(values, f.dose_gy)) for f in COURSE.fractions]
        exact = integrate(rates(values, tissue, COURSE.drug_doses), start, days, events)
    errors = []
    for step in (1.0, 0.5):
        found = states_in_double(
            blob(tissue, 0.95, 3.0), days, COURSE, model=MODEL, params=values, domain=domain,
            max_step_days=step,
        )  # fmt: skip
        errors.append(np.abs(everything(found) - exact).max(axis=(0, 2)))
    print(f"error of P, H, N, dead with steps of 1 and 0.5 days: {errors}; largest necrosis"
          f" {exact[:, 2].max():.2f}")  # fmt: skip
    assert exact[:, 2].max() > 0.1 and exact[:, 1].max() > 0.2
    assert errors[1].max() < 1e-3
    assert np.all(errors[0] > 3.0 * errors[1])


def test_the_error_of_every_kind_of_cell_falls_with_the_square_of_the_step():
    params = FIXED | OXYGEN | {"sensitivity_pembrolizumab": 0.03, "diffusivity": 0.02}
    params |= {"proliferation_rate": 0.1, "necrosis_rate": 0.1}

    def course(step):
        found = states_in_double(
            blob(box(), 0.95), [32.0], COURSE, model=MODEL, params=params, max_step_days=step
        )
        return everything(found)[0]

    runs = {step: course(step) for step in (2.0, 1.0, 0.5, 1 / 16)}
    for part, name in enumerate(("proliferating", "hypoxic", "necrotic", "dead")):
        errors = [np.abs(runs[s][part] - runs[1 / 16][part]).max() for s in (2.0, 1.0, 0.5)]
        orders = np.log2(np.array(errors[:-1]) / errors[1:])
        print(f"order in time of the {name} cells: {orders.round(2)}, errors {errors}")
        assert orders.min() >= 1.9


def test_with_plenty_of_oxygen_it_is_fisher_kpp():
    tissue, days = notched(5), [10.0, 60.0]
    domain = make_domain(tissue, SPACING)
    keywords = {"params": FIXED | OXYGEN | DROWNED, "domain": domain}
    found = states_in_double(blob(tissue), days, model=MODEL, **keywords)
    one, _ = solve_in_double(blob(tissue), days, **keywords)
    np.testing.assert_allclose(domain.volume(found.viable), one, rtol=1e-9, atol=1e-15)
    assert np.abs(found.cells[1]).max() < 1e-15 and not found.fields["necrotic"].any()
    treated, alone = (
        solve_in_double(blob(tissue), [40.0], COURSE, model=model, **keywords)[0]
        for model in (MODEL, FisherKPP())
    )
    print(f"treated, at steps of two days: {np.abs(treated - alone).max():.1e} of the capacity")
    assert np.abs(treated - alone).max() < 1e-5


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_what_one_kind_of_cell_loses_another_gains(precision):
    """Voxel by voxel, without spread, growth and clearance."""
    params = FIXED | PARAMS | OXYGEN | STILL | {"diffusivity": 0.0}
    initial, days = blob(box(), 0.95, 4.0), [0.0, 90.0]
    if precision == "float64":
        states = everything(states_in_double(initial, days, model=MODEL, params=params))
    else:
        found = run(initial, days, model=MODEL, params=params)
        states = np.concatenate([found.cells, found.fields["necrotic"][:, None]], axis=1)
        states = states.reshape(*states.shape[:2], -1).astype(float)
    total = states.sum(axis=1)
    inside = box().reshape(-1)
    drift = np.abs(total[1, inside] / total[0, inside] - 1).max()
    print(f"{precision}: largest drift of a voxel {drift:.1e}, necrosis {states[1, 2].max():.2f}")
    assert states[1, 2].max() > 0.3
    assert drift <= (1e-12 if precision == "float64" else 3e-6)
    assert abs(total[1].sum() / total[0].sum() - 1) <= (1e-12 if precision == "float64" else 1e-6)


extreme = st.floats(-6.0, 6.0).map(lambda power: 10.0**power)


@settings(max_examples=12)
@given(
    seed=st.integers(0, 10**6),
    rates=st.tuples(*[st.floats(0.0, 100.0)] * 3),
    density=st.floats(0.01, 1e4),
    thresholds=st.tuples(*[st.floats(0.01, 1000.0)] * 2),
    half_life=extreme,
    diffusivity=st.floats(0.001, 10.0),
)
def test_cells_and_necrosis_share_one_capacity_at_any_rate(
    seed, rates, density, thresholds, half_life, diffusivity
):
    """Rates of a hundred per day in steps of days, thresholds from nothing to a thousand mmHg."""
    tissue = notched(5)
    growth, switching, dying = rates
    params = FIXED | OXYGEN | {
        "proliferation_rate": growth,
        "hypoxia_rate": switching,
        "necrosis_rate": dying,
        "vessel_density": density,
        "hypoxia_threshold": thresholds[0],
        "necrosis_threshold": thresholds[1],
        "necrosis_half_life": half_life,
        "diffusivity": diffusivity,
    }  # fmt: skip
    initial = np.where(np.random.default_rng(seed).random(SHAPE) > 0.5, 1.0, 0.0) * tissue
    found = run(
        initial, [1.0, 7.0, 20.0], COURSE, model=MODEL, params=params,
        domain=make_domain(tissue, SPACING), max_step_days=3.0,
    )  # fmt: skip
    assert found.status == 0
    necrotic = found.fields["necrotic"]
    assert found.cells.min() >= 0.0 and necrotic.min() >= 0.0 and found.dead.min() >= 0.0
    assert np.max(found.viable + necrotic) <= 1.0 + 1e-5
    assert not found.cells[:, :, ~tissue].any() and not necrotic[:, ~tissue].any()


def test_hypoxic_cells_survive_a_fraction_by_their_enhancement_ratio():
    """Of two uniform tumors the dense one has less oxygen; log kill is α d / r + β (d / r)²."""
    values = FIXED | PARAMS | OXYGEN
    for density in (0.05, 0.9):
        before, after = states_in_double(
            density * box(), [0.0, 1e-6], Schedule((Fraction(0.0, 3.0),)), model=MODEL,
            params=values,
        ).viable.max(axis=1)  # fmt: skip
        tension = float(tension_mmhg(density, values))
        ratio = [(3 * p + 3.0) / (p + 3.0) for p in (tension, 40.0)]
        counted = 3.0 * ratio[0] / ratio[1]
        print(f"density {density}: {tension:.1f} mmHg, a dose of 3 Gy counts as {counted:.2f}")
        assert np.log(before / after) == pytest.approx(
            0.05 * counted + 0.005 * counted**2, rel=1e-4
        )
    assert counted < 2.5


def test_survivors_of_radiotherapy_take_up_oxygen_again():
    schedule = Schedule(tuple(Fraction(float(day), 4.0) for day in range(5)))
    found = run(
        0.9 * box(), [0.0, 5.0, 15.0], schedule, model=MODEL,
        params=FIXED | OXYGEN | {"radiosensitivity_alpha": 0.3},
    )  # fmt: skip
    shares = found.cells[:, 1].sum((1, 2, 3)) / found.viable.sum((1, 2, 3))
    print(f"hypoxic share before, right after and ten days after radiotherapy: {shares.round(2)}")
    assert shares[0] > 0.5 and shares[2] < 0.3 * shares[0]


def test_necrosis_forms_where_vessels_are_few_and_is_not_seen_as_cells():
    few = FIXED | OXYGEN | {"vessel_density": 20.0}
    initial = blob(box(), 0.95, 4.0)
    poor = run(initial, [30.0, 120.0], model=MODEL, params=few)
    rich = run(initial, [30.0, 120.0], model=MODEL, params=few | {"vessel_density": 100.0})
    largest = [found.fields["necrotic"].max((1, 2, 3)).round(3) for found in (poor, rich)]
    print(f"largest necrosis on days 30 and 120, few and many vessels: {largest}")
    assert largest[0][0] > 0.25 > 10.0 * largest[1].max()
    np.testing.assert_allclose(poor.seen, poor.viable + poor.dead)


def test_surgery_takes_necrosis_out_and_the_course_goes_on():
    outline = blob(box(), 0.95, 3.0) > 0.5
    found = run(
        blob(box(), 0.95, 3.0), [30.0, 30.5, 60.0], Schedule(surgeries=(Surgery(30.0, 2.0),)),
        model=MODEL, params=FIXED | OXYGEN, resectable_mm=distance_mm(outline, SPACING),
    )  # fmt: skip
    assert found.status == 0
    taken = found.fields["necrotic"][0][outline].sum()
    assert taken > 0.1 and found.fields["necrotic"][1][outline].sum() < 0.01 * taken
    assert found.viable_ml[1] < 0.5 * found.viable_ml[0] < found.viable_ml[2] + found.viable_ml[0]


@pytest.mark.parametrize("dtype, digits", [("float64", 1e-10), ("float32", 2e-4)])
def test_the_tension_of_a_voxel_is_where_supply_meets_consumption(dtype, digits):
    values = FIXED | PARAMS | OXYGEN
    with jax.enable_x64(dtype == "float64"):
        given = {name: jnp.asarray(value, dtype) for name, value in values.items()}
        oxygen = oxygen_of(given)
        viable = np.array([0.0, 1e-6, 0.2, 0.5, 1.0])
        found = 40.0 * np.asarray(oxygen.tension(jnp.asarray(viable, dtype)))
        deficit = float(oxygen.deficit_mmhg)
    for u, p in zip(viable, found, strict=True):

        def balance(p, u=u):
            return deficit * u * p / (p + 2.0) - (40.0 - p)

        assert p == pytest.approx(brentq(balance, 0.0, 40.0 + 1e-9, xtol=1e-14), abs=digits)


def test_the_mean_deficit_around_a_vessel_is_the_integral_of_krogh_s_profile():
    """p(r) = p_v + M (r² − r_v²) / 4D − M R² ln(r / r_v) / 2D, averaged over the cylinder."""
    for density in (20.0, 200.0, 3000.0):
        inner, outer = 5e-3, 1.0 / np.sqrt(np.pi * density)
        r = np.linspace(inner, outer, 200_001)
        diffusivity = 173.0 / 86400.0
        drop = 15.0 * (outer**2 * np.log(r / inner) / 2 - (r**2 - inner**2) / 4) / diffusivity
        mean = np.trapezoid(drop * r, r) / np.trapezoid(r, r)
        found = krogh_deficit_mmhg(*(jnp.asarray(v) for v in (density, 15.0, 173.0, 5.0)))
        assert float(found) == pytest.approx(mean, rel=2e-4)


def test_every_parameter_of_oxygen_has_a_source_and_few_are_free():
    table = MODEL.table("glioma", (), ("tissue",))
    own = [n for n in table if n in OXYGEN or n in FIXED]
    free = [name for name in own if not table[name].fixed]
    assert len(free) == 6, free
    for name in own:
        assert table[name].unit and table[name].citation
    assert any("perfusion" in line for line in MODEL.fallbacks(make_domain(box(), SPACING)))

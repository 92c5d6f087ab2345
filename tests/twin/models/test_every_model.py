"""What every tumor model owes: conservation, bounds, second order, derivatives, restart."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.twin.tumors import SHAPE, SPACING, SURFACE_M2, TREATED, blob, in_double, notched
from twin.domain import make_domain
from twin.models import MODELS, Mechanics
from twin.simulation import simulate, trajectory
from twin.treatments.forcing import compile_forcing
from twin.treatments.schedule import DrugDose, Fraction, Schedule

COURSE = TREATED + Schedule(
    tuple(Fraction(20.0 + i * 0.25, 3.0) for i in range(4)),
    (DrugDose(6.0, "bevacizumab", 700.0),),
)
"""Fractions days and hours apart; drugs fast and slow, on cells, immune system and vessels."""
STILL = {"proliferation_rate": 0.0}
MOST_STEPS = 500
every_model = pytest.mark.parametrize("name", sorted(MODELS))


def fields():
    """Fat fractions and a tensor field over the grid."""
    random = np.random.default_rng(6)
    fat = random.random(SHAPE)
    factor = random.normal(size=(3, 3, *SHAPE))
    tensor = (
        np.einsum("ik...,jk...->ij...", factor, factor) + 0.5 * np.eye(3)[..., None, None, None]
    )
    pairs = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
    return {"muscle": 1 - fat, "fat": fat}, np.stack([tensor[i, j] for i, j in pairs])


def body(seed=5):
    """A ragged domain with two tissues and a tensor."""
    tissues, tensor = fields()
    return make_domain(notched(seed), SPACING, tissues, tensor)


def values(name, domain, drugs, **changes):
    """Natural parameter values: medians, and none that switches something off."""
    model = MODELS[name]()
    table = model.table("generic", drugs, domain.tissues)
    found = {n: float(p.prior.transform(0.0)) for n, p in table.items()}
    found |= {"repair_half_time": 4.0, "linear_onset_dose": 2.5, "repopulation_factor": 0.5}
    found |= {"repopulation_delay": 5.3, "capacity_ratio_fat": 0.9, "growth_ratio_fat": 0.8}
    found |= {"diffusivity": 0.15, "proliferation_rate": 0.06}
    found |= {n: 0.4 * math.cos(i) for i, n in enumerate(found) if table[n].of_map}
    return {**found, **changes}


def solver(name, schedule, days, *, step=2.0, derivatives="forward", precision="float64"):
    """A function of parameters to states; call it inside `jax.enable_x64(True)` for float64.

    Tables of one length, so that courses under one schedule share a compiled program.
    """
    cast = in_double if precision == "float64" else lambda tree: jax.tree.map(jnp.asarray, tree)
    domain = cast(body())
    exact = name == "mechanics" and precision == "float64"
    model = Mechanics(tolerance=1e-10) if exact else MODELS[name]()
    forcing, rows = compile_forcing(
        schedule,
        start_days=0.0,
        times_days=days,
        drugs=schedule.drugs,
        body_surface_m2=SURFACE_M2,
        max_step_days=step,
        steps=MOST_STEPS,
        rows=2,
    )
    forcing = cast(forcing)
    initial = jnp.asarray(blob(notched(5)), precision).reshape(-1)

    def run(params):
        states = trajectory(model, params, domain, forcing, initial, derivatives=derivatives)
        return jax.tree.map(lambda leaf: leaf[rows], states)

    return run


def doubles(params):
    return {n: jnp.asarray(v, jnp.float64) for n, v in params.items()}


# Models whose own tests draw wider parameters and longer steps than the one here.
BOUNDED_ELSEWHERE = {"fisher-kpp", "gompertz", "two-clones", "hypoxia", "immune"}
# Parameters that keep a model from making or losing cells without growth and treatment.
INERT = {"immune": {"effector_kill_rate": 0.0}, "hypoxia": {"necrosis_half_life": 1e12}}


def total(states):
    """(T,) every cell there is, alive, dead or necrotic."""
    return (states.seen + states.fields.get("necrotic", 0.0)).sum(-1)


@every_model
def test_mass_is_kept_without_growth_and_treatment(name):
    """Conservation is a sum over voxels: 1e-6 in float32, 1e-12 in float64."""
    drift = {}
    params = values(name, body(), ()) | STILL | INERT.get(name, {})
    for precision in ("float64", "float32"):
        with jax.enable_x64(precision == "float64"):
            given = {n: jnp.asarray(v, precision) for n, v in params.items()}
            run = solver(name, Schedule(), [0.0, 90.0], precision=precision)
            states = jax.tree.map(lambda leaf: np.asarray(leaf, float), run(given))
        drift[precision] = abs(total(states)[1] / total(states)[0] - 1)
        assert np.abs(states.viable[1] - states.viable[0]).max() > 0.05
    print(f"{name}: mass drift over 90 days {drift}")
    assert drift["float32"] <= 1e-6 and drift["float64"] <= 1e-12


@every_model
def test_a_treated_course_is_of_second_order_in_time(name):
    """Every treatment at once, also drugs gone within hours; events at multiples of the step."""
    with jax.enable_x64(True):
        params = doubles(values(name, body(), COURSE.drugs) | {"repopulation_factor": 0.0})
        runs = {}
        for step in (2.0, 1.0, 0.5, 0.0625):
            states = solver(name, COURSE, [30.0], step=step)(params)
            runs[step] = {"viable": np.asarray(states.viable), "dead": np.asarray(states.dead)}
    for part in ("viable", "dead"):
        errors = [np.abs(runs[s][part] - runs[0.0625][part]).max() for s in (2.0, 1.0, 0.5)]
        orders = np.log2(np.array(errors[:-1]) / errors[1:])
        print(f"{name}: order in time of the {part} cells {orders.round(2)}, errors {errors}")
        assert orders[-1] >= 1.9


OWN_TRANSPORT = {"hypoxia", "immune", "mechanics", "vessels"}
"""Their reverse derivatives are traced, which fails where JAX can make none, and are compared in
tests/validation. Rules of derivatives that are our own are compared both ways in
tests/twin/operators, the solver with Fisher-KPP in tests/twin/solvers."""


@every_model
def test_derivatives_agree_with_differences(name):
    assert_derivatives(name, both_ways=False)


def assert_derivatives(name, *, both_ways):
    """To 1e-4, for every parameter of the model and of every treatment."""
    drugs, days = COURSE.drugs, [10.0, 40.0]
    voxel = int(blob(notched(5)).argmax())
    with jax.enable_x64(True):
        params = doubles(values(name, body(), drugs))
        names = sorted(params)

        runs = {way: solver(name, COURSE, days, derivatives=way) for way in ("forward", "reverse")}

        def measure(logs, derivatives="forward"):
            at = {n: params[n] * jnp.exp(logs[i]) for i, n in enumerate(names)}
            states = runs[derivatives](at)
            both = jnp.stack([states.viable, states.dead])
            return jnp.concatenate([both.sum(-1).ravel(), both[..., voxel].ravel()])

        zero, units = jnp.zeros(len(names)), jnp.eye(len(names))
        exact = np.asarray(jax.jit(jax.vmap(lambda v: jax.jvp(measure, (zero,), (v,))[1]))(units))
        function = jax.jit(measure)
        for index, parameter in enumerate(names):
            step = 1e-4 * units[index]
            near = np.asarray(function(step) - function(-step)) / 2e-4
            far = np.asarray(function(2 * step) - function(-2 * step)) / 4e-4
            differences = (4.0 * near - far) / 3.0
            scale = np.abs(differences).max()
            np.testing.assert_allclose(
                exact[index], differences, rtol=1e-4, atol=1e-4 * scale + 1e-9, err_msg=parameter
            )
        weights = jnp.asarray(np.random.default_rng(3).normal(size=exact.shape[1]))
        pull = jax.grad(lambda logs: weights @ measure(logs, "reverse"))
        if both_ways:
            pulled = jax.jit(pull)(zero)
            np.testing.assert_allclose(pulled, exact @ np.asarray(weights), rtol=1e-6, atol=1e-8)
        elif name in OWN_TRANSPORT:
            assert jax.eval_shape(pull, zero).shape == zero.shape
    idle = [n for n, row in zip(names, exact, strict=True) if np.abs(row).max() < 1e-9]
    print(f"{name}: {len(names)} parameters, without effect: {idle}")
    assert set(idle) <= WITHOUT_EFFECT.get(name, set())


WITHOUT_EFFECT: dict[str, set[str]] = {}


@every_model
def test_a_course_can_be_interrupted_and_continued(name):
    model, domain = MODELS[name](), body()
    params = values(name, domain, COURSE.drugs)
    kinds = {"body_surface_m2": SURFACE_M2, "max_step_days": 2.0}
    start = blob(notched(5))
    whole = simulate(model, params, domain, COURSE, [18.0, 40.0], initial=start, **kinds)
    second = simulate(
        model, params, domain, COURSE, [40.0], initial=whole.state(0), start_days=18.0, **kinds
    )
    np.testing.assert_allclose(second.cells[0], whole.cells[1], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(second.dead[0], whole.dead[1], rtol=1e-5, atol=1e-7)
    for field, value in second.fields.items():
        np.testing.assert_allclose(value[0], whole.fields[field][1], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", sorted(set(MODELS) - BOUNDED_ELSEWHERE))
@settings(max_examples=5)
@given(
    seed=st.integers(0, 10**6),
    scores=st.lists(st.floats(-3.0, 3.0), min_size=60, max_size=60),
    growth=st.floats(0.0, 0.5),
    diffusivity=st.floats(0.001, 10.0),
)
def test_cells_stay_within_bounds_and_tissue(name, seed, scores, growth, diffusivity):
    """At parameters far outside the literature and initial states as rough as can be."""
    model, domain, tissue = MODELS[name](), body(), notched(5)
    table = model.table("generic", COURSE.drugs, domain.tissues)
    params = {
        n: float(p.prior.transform(z)) for (n, p), z in zip(table.items(), scores * 2, strict=False)
    } | {"diffusivity": diffusivity, "proliferation_rate": growth}
    initial = np.where(np.random.default_rng(seed).random(SHAPE) > 0.5, 1.0, 0.0) * tissue
    found = simulate(
        model, params, domain, COURSE, [1.0, 20.0], initial=initial, body_surface_m2=SURFACE_M2
    )
    assert found.status == 0
    assert found.cells.min() >= 0.0 and found.dead.min() >= 0.0
    assert found.viable.max() <= 1.0 + 1e-5
    assert not found.cells[:, :, ~tissue].any() and not found.dead[:, ~tissue].any()


@every_model
def test_a_batch_of_parameters_gives_what_each_gives_alone(name):
    domain = body()
    params = values(name, domain, ())
    run = solver(name, Schedule(), [20.0], precision="float32")
    growth = jnp.asarray([0.02, 0.06, 0.1])

    def burden(rate):
        at = {n: jnp.asarray(v) for n, v in params.items()} | {"proliferation_rate": rate}
        return run(at).viable[-1]

    together = jax.jit(jax.vmap(burden))(growth)
    alone = jnp.stack([jax.jit(burden)(rate) for rate in growth])
    np.testing.assert_allclose(together, alone, rtol=1e-5, atol=1e-7)
    assert float(alone[2].sum()) > 1.05 * float(alone[0].sum())

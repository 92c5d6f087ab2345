"""Sweeps: what a plan leads to depends on plan and draw alone, and is the model's own course."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.engines.local import every_core
from tests.twin.scenarios.small_cases import (
    DECISION_DAY,
    HORIZON_DAYS,
    chemotherapy,
    plan_set,
    prior_posterior,
    radiotherapy,
    tiny_patient,
)
from twin.calibration.posterior import Posterior
from twin.errors import TwinError
from twin.parameters import Fixed, Uniform
from twin.scenarios import Outcomes
from twin.scenarios.plan_set import Plan, PlanSet
from twin.scenarios.sweep import one_by_one, sweep
from twin.simulation import simulate
from twin.treatments.schedule import DrugDose, Fraction, Schedule, Surgery
from twin.treatments.surgery import distance_mm

DRAWS = 6
"""As many everywhere but where the spread of draws is measured: one compiled program."""
PLANS = plan_set(
    radiotherapy("10 x 2", 10, 2.0),
    radiotherapy("10 x 3", 10, 3.0),
    radiotherapy("20 x 2 and surgery", 20, 2.0, surgery_day=50.5),
    chemotherapy("doxorubicin", 21.0, 142.5),
    radiotherapy("5 x 6 and surgery", 5, 6.0, surgery_day=40.0),
    Plan("nothing", Schedule()),
)


@pytest.fixture(scope="module")
def posterior() -> Posterior:
    """Of a patient who had doxorubicin two months ago."""
    return prior_posterior(tiny_patient(Schedule((), (DrugDose(-60.0, "doxorubicin", 10.0),))))


@pytest.fixture(scope="module")
def outcomes(posterior) -> Outcomes:
    return sweep(posterior, PLANS, draws=DRAWS)


def assert_same_bits(a: Outcomes, b: Outcomes) -> None:
    assert a.names == b.names
    first, second = a.to_arrays(), b.to_arrays()
    assert first.keys() == second.keys()
    for name, values in first.items():
        np.testing.assert_array_equal(values, second[name], err_msg=name)


def row(outcomes: Outcomes, name: str) -> int:
    return outcomes.names.index(name)


def of_draw(parameters: dict, draw: int) -> dict[str, float]:
    return {name: float(np.float32(values[draw])) for name, values in parameters.items()}


def initial(posterior: Posterior, params: dict[str, float]) -> np.ndarray:
    setting = posterior.setting
    assert setting is not None
    traced = {name: jnp.float32(value) for name, value in params.items()}
    return setting.domain.volume(np.asarray(setting.initial(traced)))


def course(posterior: Posterior, params: dict[str, float], schedule: Schedule, times=None):
    """One uninterrupted simulation from the first visit to the horizon."""
    setting = posterior.setting
    assert setting is not None
    complete = {k: float(v) for k, v in posterior.point.items()} | params
    return simulate(
        setting.model,
        complete,
        setting.domain,
        setting.patient.treatments.before(DECISION_DAY) + schedule,
        times or [DECISION_DAY, DECISION_DAY + HORIZON_DAYS],
        initial=initial(posterior, complete),
        body_surface_m2=setting.patient.body_surface_m2,
        resectable_mm=setting.resectable_mm,
    )


def test_same_seed_gives_the_same_bits_and_another_seed_does_not(posterior, outcomes):
    assert_same_bits(outcomes, sweep(posterior, PLANS, draws=DRAWS))
    other = sweep(posterior, PLANS, draws=DRAWS, seed=1)
    assert not np.array_equal(outcomes.residual_ml, other.residual_ml)


@pytest.mark.parametrize("plans_per_shard", [1, 4])
def test_shard_size_does_not_change_a_bit(posterior, outcomes, plans_per_shard):
    assert_same_bits(
        outcomes, sweep(posterior, PLANS, draws=DRAWS, plans_per_shard=plans_per_shard)
    )


def test_engine_does_not_change_a_bit(posterior):
    alone = sweep(posterior, PLANS, draws=DRAWS, plans_per_shard=2, engine=one_by_one)
    cores = sweep(posterior, PLANS, draws=DRAWS, plans_per_shard=2, engine=every_core)
    assert_same_bits(alone, cores)


def test_order_in_which_shards_come_does_not_change_a_bit(posterior, outcomes):
    def backwards(work, items):
        yield from ((item, work(item)) for item in reversed(list(items)))

    assert_same_bits(
        outcomes, sweep(posterior, PLANS, draws=DRAWS, plans_per_shard=2, engine=backwards)
    )


def test_a_plan_ends_the_same_whatever_else_is_in_the_sweep(posterior, outcomes):
    """Others only add empty steps and rows: round-off of float32."""
    for name in ("10 x 3", "5 x 6 and surgery", "doxorubicin"):
        plan = next(p for p in PLANS if p.name == name)
        alone = sweep(posterior, plan_set(plan), draws=DRAWS)
        index = row(outcomes, name)
        shared = set(alone.parameters) & set(outcomes.parameters)
        for key in shared:
            np.testing.assert_array_equal(alone.parameters[key], outcomes.parameters[key], key)
        for field in ("residual_ml", "endpoint_ml", "outside_margin_ml", "viable_ml"):
            np.testing.assert_allclose(
                getattr(alone, field)[0],
                getattr(outcomes, field)[index],
                rtol=1e-4,
                atol=1e-6,
                err_msg=f"{name}: {field}",
            )


def test_more_dose_leaves_less_in_every_draw(posterior):
    doses = [1.0, 1.5, 2.0, 3.0, 4.0]
    plans = plan_set(*(radiotherapy(f"{d} Gy", 10, d) for d in doses))
    swept = sweep(posterior, plans, draws=DRAWS)
    assert (np.diff(swept.residual_ml, axis=0) < 0).all()
    assert (np.diff(swept.tumor_bed_gy, axis=0) > 0).all()


@pytest.mark.parametrize("draw", [0, 3])
@pytest.mark.parametrize("name", ["10 x 3", "doxorubicin", "20 x 2 and surgery", "nothing"])
def test_a_scenario_is_the_simulation_of_its_schedule_under_its_draw(
    posterior, outcomes, name, draw
):
    plan = next(p for p in PLANS if p.name == name)
    params = of_draw(outcomes.parameters, draw)
    expected = course(posterior, params, plan.schedule)
    found = outcomes.viable_ml[row(outcomes, name), draw]
    np.testing.assert_allclose(found[[0, -1]], expected.viable_ml, rtol=2e-3, atol=1e-5)


def test_drug_given_before_the_decision_still_acts_after_it():
    """A dose six hours before: the sweep is the uninterrupted course, not one that forgot it."""
    given = Schedule((), (DrugDose(DECISION_DAY - 0.25, "paclitaxel", 332.5),))
    priors = {"sensitivity_paclitaxel": Fixed(0.63), "proliferation_rate": Fixed(0.01)}
    posterior = prior_posterior(tiny_patient(given), priors)
    parameters = posterior.sample(DRAWS, 0)
    swept = sweep(posterior, plan_set(Plan("nothing", Schedule())), draws=DRAWS)
    forgetful = replace(
        posterior,
        setting=replace(
            posterior.setting, patient=replace(posterior.setting.patient, treatments=Schedule())
        ),
    )
    for draw in range(3):
        params = of_draw(parameters, draw)
        expected = course(posterior, params, Schedule()).viable_ml
        without = course(forgetful, params, Schedule()).viable_ml
        np.testing.assert_allclose(swept.viable_ml[0, draw, [0, -1]], expected, rtol=2e-3)
        assert swept.viable_ml[0, draw, -1] < 0.75 * without[-1]
        acted_after = swept.viable_ml[0, draw, -1] / swept.viable_ml[0, draw, 0]
        assert acted_after < 0.8 * without[-1] / without[0]


def test_endpoint_is_just_before_surgery_and_outside_margin_just_after(posterior, outcomes):
    index, nothing = row(outcomes, "5 x 6 and surgery"), row(outcomes, "nothing")
    plan = outcomes.plans[index]
    assert (outcomes.endpoint_ml[index] > outcomes.outside_margin_ml[index]).all()
    uncut = Plan("uncut", Schedule(plan.schedule.fractions))
    until = PlanSet((uncut,), 40.0 - DECISION_DAY, DECISION_DAY)
    expected = sweep(posterior, until, draws=DRAWS).residual_ml[0]
    np.testing.assert_allclose(outcomes.endpoint_ml[index], expected, rtol=1e-3)
    for field in ("endpoint_ml", "outside_margin_ml"):
        np.testing.assert_array_equal(
            getattr(outcomes, field)[nothing], outcomes.residual_ml[nothing]
        )


def test_what_surgery_leaves_lies_outside_the_margin(posterior):
    """Nothing of the tumor within the margin; with a margin of 0 all beyond the outline."""
    cuts = [Plan(f"margin {m:g}", Schedule((), (), (Surgery(20.0, m),))) for m in (0.0, 5.0, 15.0)]
    swept = sweep(posterior, plan_set(*cuts), draws=DRAWS)
    assert (np.diff(swept.outside_margin_ml, axis=0) < 0).all()
    setting = posterior.setting
    outline = setting.fitted[-1].masks["gtv"]
    far = distance_mm(outline, tuple(setting.patient.grid.spacing_mm)) > 5.0
    params = of_draw(posterior.sample(DRAWS, 0), 1)
    expected = course(posterior, params, Schedule(), [20.0]).viable[-1][far].sum()
    found = swept.outside_margin_ml[1, 1]
    assert found == pytest.approx(expected * setting.domain.voxel_ml, rel=1e-2)


def test_undetermined_parameters_are_drawn_from_their_priors():
    """A drug that nobody had is not in the posterior; its sensitivity has the prior's spread."""
    posterior = prior_posterior(tiny_patient())
    assert "sensitivity_doxorubicin" not in posterior.names
    known = np.eye(len(posterior.names))
    index = posterior.names.index("proliferation_rate")
    known[index, index] = 0.05**2
    fitted = replace(posterior, z_covariance=known)
    swept = sweep(fitted, plan_set(chemotherapy("drug", 20.0, 142.5)), draws=400)
    table = posterior.setting.model.table("soft_tissue_sarcoma", ("doxorubicin",), ("tissue",))
    for name in ("radiosensitivity_alpha", "alpha_beta_ratio", "sensitivity_doxorubicin"):
        scores = np.array([table[name].prior.inverse(v) for v in swept.parameters[name]])
        assert abs(scores.mean()) < 0.2, name
        assert scores.std() == pytest.approx(1.0, abs=0.12), name
    told = swept.parameters["proliferation_rate"]
    scores = np.array([table["proliferation_rate"].prior.inverse(v) for v in told])
    assert scores.std() == pytest.approx(0.05, rel=0.15)
    assert np.abs(np.corrcoef(swept.parameters["radiosensitivity_alpha"], told)[0, 1]) < 0.2


def test_progress_counts_scenarios_up_to_all_of_them(posterior):
    calls: list[tuple[int, int]] = []
    sweep(
        posterior,
        PLANS,
        draws=DRAWS,
        plans_per_shard=4,
        progress=lambda done, total: calls.append((done, total)),
    )
    assert calls == [(4 * DRAWS, 6 * DRAWS), (6 * DRAWS, 6 * DRAWS)]


class MemoryStore:
    """A store that knows some shards already and counts what is written."""

    def __init__(self) -> None:
        self.arrays: dict[int, dict] = {}
        self.written: list[int] = []

    def done(self) -> set[int]:
        return set(self.arrays)

    def write(self, index, arrays, attributes) -> None:
        assert attributes["scenarios"] == len(arrays["status"]) * DRAWS
        self.arrays[index] = arrays
        self.written.append(index)

    def read(self, index):
        return self.arrays[index]


def test_only_missing_shards_are_computed_and_progress_starts_with_those_done(posterior, outcomes):
    store, calls = MemoryStore(), []
    sweep(posterior, PLANS, draws=DRAWS, plans_per_shard=2, store=store)
    del store.arrays[1]
    store.written.clear()
    again = sweep(
        posterior,
        PLANS,
        draws=DRAWS,
        plans_per_shard=2,
        store=store,
        progress=lambda *numbers: calls.append(numbers),
    )
    assert store.written == [1]
    assert calls == [(6 * DRAWS, 6 * DRAWS)]
    assert_same_bits(again, outcomes)


def test_a_draw_that_fails_is_marked_and_spoils_no_other(posterior, outcomes, monkeypatch):
    values_at = Posterior.values_at

    def one_spoiled(self, scores):
        values = values_at(self, scores)
        if len(scores) == DRAWS:
            values["proliferation_rate"] = values["proliferation_rate"].copy()
            values["proliferation_rate"][2] = np.nan
        return values

    monkeypatch.setattr(Posterior, "values_at", one_spoiled)
    swept = sweep(posterior, PLANS, draws=DRAWS)
    assert (swept.status[:, 2] != 0).all()
    others = [0, 1, 3, 4, 5]
    assert (swept.status[:, others] == 0).all()
    for field in ("viable_ml", "residual_ml", "endpoint_ml", "progression_days", "visible_ml"):
        assert np.isfinite(getattr(swept, field)).all()
        np.testing.assert_array_equal(
            getattr(swept, field)[:, others], getattr(outcomes, field)[:, others], err_msg=field
        )


def test_plans_for_another_day_are_moved_to_the_decision_by_whole_weeks(posterior):
    plan = Plan("early", Schedule((Fraction(2.0, 3.0),)))
    swept = sweep(posterior, PlanSet((plan,), HORIZON_DAYS, 0.0), draws=DRAWS)
    assert swept.plans[0].schedule.fractions[0].time_days == 2.0 + DECISION_DAY


def test_surgery_without_an_outline_is_refused():
    patient = tiny_patient()
    bare = replace(patient, visits=tuple(replace(v, masks={}) for v in patient.visits))
    with pytest.raises(TwinError, match="surgery.*no outline.*mask at a fitted visit"):
        sweep(prior_posterior(bare), PLANS, draws=2)


def test_every_scenario_of_wide_priors_is_finite_and_within_the_tissue():
    priors = {
        "diffusivity": Uniform(0.0, 5.0),
        "proliferation_rate": Uniform(0.0, 0.5),
        "radiosensitivity_alpha": Uniform(0.0, 2.0),
    }
    posterior = prior_posterior(tiny_patient(), priors)
    room = posterior.setting.domain.tissue_voxels * posterior.setting.domain.voxel_ml
    for seed in range(3):
        swept = sweep(posterior, PLANS, draws=DRAWS, seed=seed)
        assert (swept.status == 0).all()
        assert (swept.viable_ml >= 0).all() and (swept.viable_ml <= room * (1 + 1e-5)).all()


def test_jax_has_its_default_device_back_after_a_sweep(posterior):
    before = jax.config.jax_default_device
    sweep(posterior, PLANS, draws=DRAWS, engine=every_core)
    assert jax.config.jax_default_device is before

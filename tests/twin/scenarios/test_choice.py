"""Plans are chosen by their worst draws without loss in the mean, and re-planned with foresight."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import twin.scenarios.choice as choice
from tests.twin.scenarios.by_hand import daily_plan, outcomes_of
from tests.twin.scenarios.small_cases import DECISION_DAY, prior_posterior, tiny_patient
from twin.calibration.posterior import Posterior
from twin.errors import TwinError
from twin.imaging.image import Image
from twin.models import FisherKPP, TumorModel
from twin.parameters import Fixed
from twin.patient import Patient, Visit
from twin.scenarios.choice import (
    Replanning,
    RobustChoice,
    best_plan,
    progression_loss,
    remaining,
)
from twin.scenarios.plan_set import Plan, PlanSet
from twin.scenarios.risk import cvar
from twin.simulation import simulate
from twin.treatments.schedule import DrugDose, Fraction, Schedule


@given(
    arrays(float, st.tuples(st.integers(1, 8), st.just(10)), elements=st.floats(-9, 9)),
    st.floats(0.0, 0.95),
    st.integers(0, 7),
)
def test_choice_is_no_worse_than_the_reference_in_mean_and_worst_draws(loss, level, reference):
    reference = min(reference, len(loss) - 1)
    best = best_plan(loss, level, reference)
    assert loss[best].mean() <= loss[reference].mean()
    tails = cvar(loss, level)
    assert tails[best] <= tails[reference]
    allowed = loss.mean(axis=1) <= loss[reference].mean()
    assert tails[best] == pytest.approx(tails[allowed].min())


def test_draws_that_failed_do_not_count_and_without_any_other_there_is_no_choice():
    loss = np.array([[0.0, 0.0, np.nan], [1.0, -5.0, -99.0]])
    assert best_plan(loss, 0.0, 0) == 1
    with pytest.raises(TwinError, match="no draw ended well for all plans"):
        best_plan(np.full((2, 3), np.nan), 0.5, 0)


def test_a_day_without_progression_counts_as_much_as_a_tenth_of_the_burden():
    outcomes = outcomes_of(
        np.array([[1.0, 1.0], [10.0, 10.0]]), progression_days=np.array([[90.0, 180.0]] * 2)
    )
    loss = progression_loss(outcomes)
    np.testing.assert_allclose(loss[0], [-90.0, -180.0], atol=1e-5)
    np.testing.assert_allclose(loss[1] - loss[0], 1.0, atol=1e-5)


def test_the_nadir_of_earlier_scans_counts_once_plans_are_made_anew():
    """A tumor that is now twice its nadir, and stays, has progressed; alone it would not have."""
    outcomes = outcomes_of(np.full((1, 2), 8.0))
    seen = np.array([-84.0, -42.0, 0.0]), np.array([10.0, 4.0, 8.0])
    assert progression_loss(outcomes, seen) == pytest.approx(np.log10(8.0) - 84.0, abs=1e-5)
    assert progression_loss(outcomes) == pytest.approx(np.log10(8.0) - 180.0, abs=1e-5)


TREE = PlanSet(
    (
        daily_plan("a", 4, 2.0, standard_of_care=True),
        daily_plan("b", 6, 2.0),
        daily_plan("c", 2, 3.0),
    ),
    90.0,
)


def test_what_remains_are_plans_that_begin_with_what_was_given():
    first = TREE[1]
    rest = remaining(TREE, first.schedule.before(2.0), 0.0, 2.0, first=first)
    assert rest.names == ("b", "a")
    assert [len(plan.schedule.fractions) for plan in rest] == [4, 2]
    assert rest.decision_day + rest.horizon_days == 90.0
    late = remaining(TREE, first.schedule.before(5.0), 0.0, 5.0, first=first)
    assert late.names == ("b",)


def test_what_no_plan_begins_with_is_refused():
    with pytest.raises(TwinError, match="no plan begins with what was given"):
        remaining(TREE, Schedule((Fraction(0.0, 9.0),)), 0.0, 2.0, first=TREE[0])


# A world that the twin knows to the last digit: nothing to learn, so nothing to gain by adapting.
# (Posteriors keep one parameter free, the infiltration length, which no density image needs.)
TRUTH = {
    "diffusivity": 0.3,
    "proliferation_rate": 0.04,
    "radiosensitivity_alpha": 0.08,
    "alpha_beta_ratio": 6.0,
    "clearance_half_life": 8.0,
    "repair_half_time": 1.5,
    "linear_onset_dose": 10.0,
    "repopulation_factor": 0.0,
    "repopulation_delay": 28.0,
    "visibility_threshold_gtv": 0.3,
    "sensitivity_doxorubicin": 2.0,
    "sensitivity_ifosfamide": 1.0,
    "initial_scale": 1.0,
}


def tree() -> PlanSet:
    """Radiotherapy, then one of two drugs in each of two periods of 28 days."""
    fractions = tuple(Fraction(DECISION_DAY + i, 2.0) for i in range(10))
    plans = []
    for drugs in ("dd", "di", "id", "ii"):
        doses = tuple(
            DrugDose(
                DECISION_DAY + 28.0 * (period + 1),
                *({"d": ("doxorubicin", 142.5), "i": ("ifosfamide", 9500.0)}[drug]),
            )
            for period, drug in enumerate(drugs)
        )
        plans.append(Plan(drugs, Schedule(fractions, doses), standard_of_care=drugs == "dd"))
    return PlanSet(tuple(plans), 112.0, DECISION_DAY)


def patient_that_grew(given: Schedule, days: tuple[float, ...]) -> Patient:
    """Scans without noise of a tumor that follows the truth from the first one on."""
    early = Schedule(
        (), (DrugDose(-300.0, "doxorubicin", 1.0), DrugDose(-300.0, "ifosfamide", 1.0))
    )
    base = tiny_patient(early + given)
    setting = known_posterior(base, FisherKPP()).setting
    assert setting is not None
    params = {n: jnp.float32(v) for n, v in (TRUTH | {"infiltration_length": 5.0}).items()}
    course = simulate(
        FisherKPP(),
        {name: value for name, value in TRUTH.items() if name in setting.table},
        setting.domain,
        base.treatments,
        days,
        initial=setting.domain.volume(np.asarray(setting.initial(params))),
        body_surface_m2=base.body_surface_m2,
    )
    visits = [base.visits[0]]
    for day, seen in zip(days, course.seen, strict=True):
        mask = seen > TRUTH["visibility_threshold_gtv"]
        image = Image(seen.astype(np.float32), base.grid, "CELL_FRACTION", "1")
        masks = {"gtv": mask} if mask.any() else {}
        visits.append(Visit(f"day {day:g}", day, {"CELL_FRACTION": image}, masks))
    return replace(base, visits=tuple(visits))


def known_posterior(patient: Patient, model: TumorModel) -> Posterior:
    """The truth, for sure."""
    known = {name: Fixed(value) for name, value in TRUTH.items()}
    table = prior_posterior(patient).table
    return prior_posterior(patient, {name: known[name] for name in table if name in known})


def test_without_noise_and_model_error_re_planning_follows_the_open_loop_optimum(monkeypatch):
    monkeypatch.setattr(choice, "calibrate", known_posterior)
    robust = RobustChoice(tree(), draws=2)
    plan = robust(known_posterior(patient_that_grew(Schedule(), (DECISION_DAY,)), FisherKPP()))
    assert plan.name != "dd"
    reaction, days = Replanning(robust, FisherKPP()), (DECISION_DAY,)
    for day in (DECISION_DAY + 28.0, DECISION_DAY + 56.0):
        days = (*days, day)
        patient = patient_that_grew(plan.schedule.before(day), days)
        again = reaction(patient, plan, DECISION_DAY)
        assert again is None or again.name == plan.name

"""What a trial reports: curves, means and differences against hand counts and scipy."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap

from twin.errors import TwinError
from twin.scenarios.trial import Course, PatientResult
from twin.scenarios.trial_protocol import TrialProtocol
from twin.scenarios.trial_result import Estimate, kaplan_meier, summarize

PROTOCOL = TrialProtocol()
HORIZON = PROTOCOL.horizon_days


def course(days: float, plans: int = 1, given=None) -> Course:
    return Course(
        progression_days=float(days),
        progressed=bool(days < HORIZON),
        control_days=float(days),
        uncontrolled=False,
        plans=tuple(f"plan {i}" for i in range(plans)),
        given=PROTOCOL.standard.schedule if given is None else given,
        visible_ml=np.ones(3),
    )


def results(**days: list[float]) -> list[PatientResult]:
    """Patients with so many days without progression under each strategy."""
    columns = zip(*days.values(), strict=True)
    return [
        PatientResult(
            number,
            {name: course(value) for name, value in zip(days, row, strict=True)},
            dict.fromkeys(days, 0.0),
            True,
            (1.0, 4.0),
        )
        for number, row in enumerate(columns)
    ]


@settings(max_examples=30)
@given(st.lists(st.sampled_from([30.0, 60.0, 90.0, 336.0]), min_size=2, max_size=40))
def test_curve_without_loss_to_follow_up_is_the_share_still_without_progression(days):
    days = np.array(days)
    curve = kaplan_meier(days, days < HORIZON, HORIZON)
    assert curve.days[0] == 0.0 and curve.days[-1] == HORIZON
    for day, share, low, high in zip(curve.days, curve.share, curve.low, curve.high, strict=True):
        still = np.mean((days > day) | (days == HORIZON))
        assert share == pytest.approx(still)
        assert low <= share + 1e-12 and high >= share - 1e-12


def test_paired_difference_agrees_with_the_bootstrap_of_scipy():
    random = np.random.default_rng(0)
    usual = random.uniform(50, 300, 60)
    gain = random.normal(8.0, 20.0, 60)
    found = summarize("matched", results(standard=usual, robust=usual + gain), PROTOCOL)
    estimate = found.arm("robust").gain_days
    other = bootstrap((gain,), np.mean, method="percentile", rng=np.random.default_rng(1))
    assert estimate.value == pytest.approx(gain.mean())
    assert estimate.low == pytest.approx(other.confidence_interval.low, abs=0.5)
    assert estimate.high == pytest.approx(other.confidence_interval.high, abs=0.5)


def test_worst_fifth_is_the_mean_of_the_shortest_and_its_gain_that_of_the_worst_of_either():
    usual = [10.0, 20.0, 30.0, 40.0, 50.0]
    other = [60.0, 25.0, 30.0, 40.0, 50.0]
    found = summarize("matched", results(standard=usual, robust=other), PROTOCOL)
    assert found.arm("standard").worst_days.value == pytest.approx(10.0)
    assert found.arm("robust").worst_gain_days.value == pytest.approx(15.0)


@settings(max_examples=5)
@given(st.floats(-50, 50), st.integers(0, 100))
def test_a_shift_of_every_patient_is_the_gain_without_any_spread(shift, seed):
    usual = np.random.default_rng(seed).uniform(60, 200, 12)
    found = summarize("matched", results(standard=usual, robust=usual + shift), PROTOCOL)
    for estimate in (found.arm("robust").gain_days, found.arm("robust").worst_gain_days):
        assert (estimate.value, estimate.low, estimate.high) == pytest.approx([shift] * 3, abs=1e-9)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(1.0, 3.0, "gain"), (-1.0, 3.0, "no gain"), (0.0, 3.0, "no gain"), (-3.0, -1.0, "loss")],
)
def test_there_is_no_gain_where_the_interval_holds_zero(low, high, verdict):
    assert Estimate(0.5 * (low + high), low, high).verdict == verdict


def test_adaptive_gain_and_value_of_information_stand_apart():
    usual = np.array([100.0, 120.0, 140.0])
    data = results(standard=usual, robust=usual + 5.0, replanning=usual + 12.0)
    found = summarize("matched", data, PROTOCOL)
    assert found.adaptive_gain_days is not None and found.scan_value_days is not None
    assert found.adaptive_gain_days.value == pytest.approx(7.0)
    assert found.scan_value_days.value == pytest.approx(1.0)
    assert found.perfect_value_days is not None
    assert found.perfect_value_days.value == pytest.approx(4.0)
    alone = summarize("matched", results(standard=usual, switch=usual), PROTOCOL)
    assert alone.adaptive_gain_days is None


def test_toxicity_is_that_of_what_was_given():
    more = PROTOCOL.standard.schedule + PROTOCOL.standard.schedule.shifted(0.5)
    data = results(standard=[100.0, 200.0], robust=[100.0, 200.0])
    twice = course(100.0, plans=3, given=more)
    doubled = [replace(r, courses={**r.courses, "robust": twice}) for r in data]
    found = summarize("matched", doubled, PROTOCOL)
    standard, robust = found.arms
    assert robust.organ_eqd2_gy["brain"] == pytest.approx(2.0 * standard.organ_eqd2_gy["brain"])
    assert (standard.more_toxic, robust.more_toxic) == (0.0, 1.0)
    assert (standard.changes, robust.changes) == (0.0, 2.0)
    assert robust.clinic_days >= standard.clinic_days == 30.0


def test_one_patient_is_no_trial():
    with pytest.raises(TwinError, match="an interval needs patients"):
        summarize("matched", results(standard=[100.0]), PROTOCOL)

"""Progression rules at their edges; outcomes survive storing and joining."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.twin.scenarios.by_hand import outcomes_of
from twin.errors import TwinError
from twin.scenarios.outcomes import (
    Outcomes,
    concatenate,
    restricted_mean_days,
    time_to_progression,
)

TIMES = np.array([60.0, 70.0, 80.0, 90.0, 100.0, 110.0])


def judged(volumes, rule="rano_volume"):
    days, progressed = time_to_progression(TIMES, np.array(volumes, dtype=float), rule)
    return float(days), bool(progressed)


def test_a_tumor_that_never_grows_is_censored_at_the_horizon():
    assert judged([10, 9, 8, 7, 6, 5]) == (50.0, False)


def test_a_tumor_that_grows_from_the_first_progresses_when_it_passes_the_threshold():
    assert judged([10, 13, 16, 19, 22, 25]) == (20.0, True)


def test_regrowth_after_complete_response_needs_half_a_milliliter():
    assert judged([10, 0, 0, 0.3, 0.6, 2]) == (40.0, True)


def test_growth_counts_from_the_nadir_not_from_the_start():
    assert judged([10, 4, 5, 6, 7, 8]) == (30.0, True)


def test_a_rise_seen_only_once_is_not_progression():
    assert judged([10, 20, 10, 10, 10, 20]) == (50.0, False)


def test_forty_percent_of_a_tiny_volume_is_not_progression():
    assert judged([0.1, 0.2, 0.3, 0.4, 0.5, 0.59]) == (50.0, False)


def test_recist_needs_more_growth_than_rano():
    volumes = [10, 15, 16, 18, 19, 20]
    assert judged(volumes) == (10.0, True)
    assert judged(volumes, "recist_volume") == (30.0, True)


def test_many_plans_and_draws_are_judged_at_once():
    volumes = np.array([[[10, 9, 8, 7, 6, 5], [10, 13, 16, 19, 22, 25]]], dtype=float)
    days, progressed = time_to_progression(TIMES, volumes)
    assert days.tolist() == [[50.0, 20.0]]
    assert progressed.tolist() == [[False, True]]


def test_a_failed_run_does_not_progress():
    assert judged([10, np.nan, np.nan, np.nan, np.nan, np.nan]) == (50.0, False)


@given(arrays(float, 6, elements=st.floats(0, 50)))
def test_recist_never_comes_before_rano(volumes):
    rano, recist = judged(volumes), judged(volumes, "recist_volume")
    assert recist[0] >= rano[0]
    assert rano[1] or not recist[1]


@given(arrays(float, 6, elements=st.floats(0, 50)))
def test_progression_is_what_a_plain_loop_finds(volumes):
    expected = (50.0, False)
    for i in range(5):
        nadirs = [min(volumes[: k + 1]) for k in (i, i + 1)]
        if all(
            v > 1.4 * n and v - n >= 0.5 for v, n in zip(volumes[i : i + 2], nadirs, strict=True)
        ):
            expected = (TIMES[i] - 60.0, True)
            break
    assert judged(volumes) == expected


def test_unknown_rules_and_times_that_go_back_are_refused():
    with pytest.raises(TwinError, match="unknown progression rule.*rano_volume"):
        time_to_progression(TIMES, np.ones(6), "rano")
    with pytest.raises(TwinError, match="times must increase"):
        time_to_progression(TIMES[::-1], np.ones(6))


def test_restricted_mean_counts_censored_draws_with_the_horizon():
    assert restricted_mean_days(np.array([10.0, 50.0, 90.0]), 50.0) == pytest.approx(110 / 3)


def same(one: Outcomes, other: Outcomes) -> None:
    left, right = one.to_arrays(), other.to_arrays()
    assert left.keys() == right.keys()
    for name, values in left.items():
        np.testing.assert_array_equal(values, right[name], err_msg=name)


def test_outcomes_survive_being_stored():
    outcomes = outcomes_of(np.arange(6.0).reshape(3, 2))
    stored = Outcomes.from_arrays(outcomes.to_arrays())
    same(stored, outcomes)
    assert stored.plans == outcomes.plans


def test_shards_of_plans_and_of_draws_join_to_the_whole():
    whole = outcomes_of(np.arange(12.0).reshape(3, 4))
    same(concatenate([whole.select([0, 1]), whole.select([2])]), whole)
    left = outcomes_of(
        np.arange(12.0).reshape(3, 4)[:, :1], parameters={"radiosensitivity_alpha": np.zeros(1)}
    )
    right = outcomes_of(
        np.arange(12.0).reshape(3, 4)[:, 1:],
        parameters={"radiosensitivity_alpha": np.arange(1.0, 4)},
    )
    same(concatenate([left, right], axis="draw"), whole)


def test_shards_on_other_draws_are_not_joined():
    one = outcomes_of(np.ones((1, 2)))
    other = outcomes_of(
        np.ones((1, 2)), parameters={"radiosensitivity_alpha": np.array([5.0, 6.0])}
    )
    with pytest.raises(TwinError, match="do not fit together.*the same draws"):
        concatenate([one, other])


def test_a_wrong_shape_is_named():
    arrays_ = outcomes_of(np.ones((2, 3))).to_arrays()
    arrays_["residual_ml"] = np.ones((2, 4))
    with pytest.raises(TwinError, match=r"residual_ml.*expected \(2, 3\), got \(2, 4\)"):
        Outcomes.from_arrays(arrays_)

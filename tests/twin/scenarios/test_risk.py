"""CVaR is a coherent risk measure; the Pareto set is what brute force finds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from twin.errors import TwinError
from twin.scenarios.risk import cvar, pareto_front, probability_better

LOSSES = arrays(float, st.integers(1, 40), elements=st.floats(-100, 100, width=32))
LEVELS = st.floats(0, 0.99)


@given(LOSSES, LEVELS, LEVELS)
def test_cvar_lies_between_mean_and_maximum_and_rises_with_the_level(losses, one, other):
    low, high = sorted((one, other))
    values = [losses.mean(), cvar(losses, low), cvar(losses, high), losses.max()]
    assert np.all(np.diff(values) >= -1e-9)


@given(LOSSES)
def test_cvar_is_the_mean_at_zero_and_the_maximum_towards_one(losses):
    assert cvar(losses, 0.0) == pytest.approx(losses.mean(), abs=1e-9)
    assert cvar(losses, 1.0 - 1e-9) == pytest.approx(losses.max(), abs=1e-9)


@given(LOSSES, LEVELS, st.floats(-50, 50), st.floats(0, 10))
def test_cvar_follows_shifts_and_positive_scales(losses, level, shift, scale):
    assert cvar(losses * scale + shift, level) == pytest.approx(
        cvar(losses, level) * scale + shift, abs=1e-6
    )


@given(LOSSES, LEVELS)
def test_cvar_is_the_minimum_of_rockafellar_and_uryasev(losses, level):
    # The objective is convex and piecewise linear with kinks at the losses.
    excess = np.maximum(losses[:, None] - losses[None, :], 0.0).mean(axis=0)
    assert cvar(losses, level) == pytest.approx((losses + excess / (1 - level)).min(), abs=1e-6)


def test_cvar_counts_the_last_draw_of_the_tail_by_its_fraction():
    # A quarter of 10 draws: 9 and 8 in full, 7 by half.
    assert cvar(np.arange(10.0), 0.75) == pytest.approx((9 + 8 + 0.5 * 7) / 2.5)


@pytest.mark.parametrize("level", [-0.1, 1.0, np.nan])
def test_cvar_refuses_a_level_outside_its_range(level):
    with pytest.raises(TwinError, match="level out of range"):
        cvar(np.arange(3.0), level)


@given(arrays(float, st.tuples(st.integers(1, 30), st.just(2)), elements=st.integers(0, 6)))
def test_pareto_front_is_what_brute_force_finds(points):
    dominated = [any(np.all(q <= p) and np.any(q < p) for q in points) for p in points]
    assert pareto_front(points[:, 0], points[:, 1]).tolist() == [not d for d in dominated]


def test_probability_better_counts_ties_half():
    assert (
        probability_better(np.array([1.0, 2.0, 3.0, 3.0]), np.array([2.0, 1.0, 4.0, 3.0])) == 0.625
    )

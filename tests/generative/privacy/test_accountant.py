"""Epsilon of charges, against a computation of our own and closed forms."""

import numpy as np
import pytest
from scipy import optimize, stats

from generative.privacy.accountant import Charge, check_budget, epsilon_of, least_noise
from twin.errors import TwinError

DELTA = 1e-4


def epsilon_by_grid(charge: Charge, delta: float) -> float:
    """The larger epsilon of both directions, from privacy losses put on a grid and convolved.

    Written from the definition: densities of N(0, σ²) and (1-q) N(0, σ²) + q N(1, σ²).
    """
    sigma, q = charge.noise_multiplier, charge.sampling_probability
    x = np.linspace(-12.0 * sigma, 1.0 + 12.0 * sigma, 400_001)
    without = stats.norm.pdf(x, 0.0, sigma)
    having = (1.0 - q) * without + q * stats.norm.pdf(x, 1.0, sigma)
    step = x[1] - x[0]
    found = []
    for upper, lower in ((having, without), (without, having)):
        loss = np.log(upper) - np.log(lower)
        reach, width = 40.0, 2e-4
        count = int(2 * reach / width)
        bins = np.round((loss + reach) / width).clip(0, count - 1).astype(int)
        mass = np.bincount(bins, upper * step, count)
        # rolled, so that a loss of 0 is the first entry and sums wrap about it
        rolled = np.roll(mass, -count // 2)
        composed = np.fft.irfft(np.fft.rfft(rolled) ** charge.steps, count)
        total = np.roll(composed, count // 2)
        losses = (np.arange(count) - count // 2) * width

        def delta_at(epsilon: float, total=total, losses=losses) -> float:
            over = losses > epsilon
            return float((total[over] * -np.expm1(epsilon - losses[over])).sum())

        found.append(optimize.brentq(lambda e: delta_at(e) - delta, 0.0, 39.0))
    return max(found)


@pytest.mark.parametrize(
    "charge",
    [
        Charge("all patients once", 1.2),
        Charge("a twentieth, often", 1.1, 0.05, 400),
        Charge("few, very often", 0.9, 0.01, 1500),
    ],
    ids=lambda charge: charge.name,
)
def test_epsilon_is_that_of_an_independent_computation(charge):
    assert epsilon_of([charge], DELTA) == pytest.approx(epsilon_by_grid(charge, DELTA), rel=0.02)


def test_one_sum_of_everyone_has_the_closed_form():
    """Balle and Wang 2018, theorem 8 (https://proceedings.mlr.press/v80/balle18a.html)."""
    noise = 1.7

    def delta_of(epsilon: float) -> float:
        a, b = 0.5 / noise, epsilon * noise
        return stats.norm.cdf(a - b) - np.exp(epsilon) * stats.norm.cdf(-a - b)

    exact = optimize.brentq(lambda e: delta_of(e) - DELTA, 0.0, 20.0)
    assert epsilon_of([Charge("", noise)], DELTA) == pytest.approx(exact, rel=5e-3)


def test_least_noise_spends_the_budget_and_no_more():
    for epsilon in (0.5, 8.0):
        noise = least_noise(lambda n: [Charge("", n)], epsilon=epsilon, delta=DELTA)
        assert 0.99 * epsilon < epsilon_of([Charge("", noise)], DELTA) <= epsilon


def test_budgets_that_promise_nothing_are_refused():
    for epsilon, delta in ((0.0, 1e-4), (-1.0, 1e-4), (float("nan"), 1e-4)):
        with pytest.raises(TwinError, match="privacy budget is not positive"):
            check_budget(epsilon, delta, 100)
    for delta in (0.01, 0.5, 0.0):
        with pytest.raises(TwinError, match="delta promises nothing"):
            check_budget(1.0, delta, 100)
    with pytest.raises(TwinError, match="sampling_probability"):
        Charge("", 1.0, 1.5)

"""Gradients over Poisson samples: how far a patient moves them, what is drawn, what is refused."""

import math

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from generative.privacy.accountant import Charge, epsilon_of
from generative.privacy.gradients import PrivateGradients
from generative.privacy.ledger import GuardedCohort, Ledger
from tests.generative.privacy.test_ledger import cohort
from twin.errors import TwinError

SIZE = 3


def linear(params, public, row):
    """Its gradient is the row."""
    return params @ row


def gradients(
    rows, *, noise: float = 1e-9, chance: float = 1.0, steps: int = 1, bound: float = 1.0, secret=5
) -> PrivateGradients:
    charge = Charge("a test", noise, chance, steps)
    return PrivateGradients(rows, linear, charge=charge, bound=bound, secret=secret)


def mean(rows, **options) -> np.ndarray:
    return np.asarray(gradients(rows, **options).mean(jnp.zeros(rows.shape[1]), None, step=0))


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 10.0), st.floats(1e-3, 1e6))
def test_removing_a_patient_moves_a_gradient_by_the_bound_over_the_batch(seed, bound, size):
    random = np.random.default_rng(seed)
    rows = (random.standard_normal((12, SIZE)) * size).astype(np.float32)
    rows[random.integers(12)] *= 1e6
    left = rows.copy()
    left[seed % 12] = 0.0  # as if the patient were not there: the batch is divided by q N alike
    moved = mean(rows, bound=bound) - mean(left, bound=bound)
    assert np.linalg.norm(moved) <= bound / 12 * (1.0 + 1e-4)


def test_values_that_are_not_finite_move_nothing():
    rows = np.ones((4, SIZE), np.float32) * 0.1
    rows[2] = [np.nan, np.inf, 1.0]
    found = mean(rows)
    assert np.isfinite(found).all() and np.linalg.norm(found - 0.075) <= 0.3


def test_batches_are_poisson():
    """Sizes are binomial by a chi-square test, and patients come independently of each other."""
    patients, chance, steps = 40, 0.3, 1500
    drawn = gradients(np.eye(patients, dtype=np.float32), chance=chance, steps=steps, secret=11)
    members = np.array([drawn.mean(jnp.zeros(patients), None, step=step) for step in range(steps)])
    members = members * chance * patients > 0.5
    assert (members.sum(axis=1) == drawn.sizes).all()
    edges = np.arange(8, 17)
    found = np.histogram(drawn.sizes, [-1, *(edges + 0.5), patients])[0]
    law = stats.binom(patients, chance)
    wanted = steps * np.diff([0.0, *law.cdf(edges), 1.0])
    assert stats.chisquare(found, wanted).pvalue > 1e-3
    together = np.corrcoef(members.T)[np.triu_indices(patients, 1)]
    assert np.abs(together).max() < 5.0 / math.sqrt(steps)
    assert np.abs(members.mean(axis=0) - chance).max() < 5.0 * math.sqrt(chance / steps)


def test_noise_is_as_strong_as_it_says():
    found = mean(np.zeros((4, 100_000), np.float32), noise=2.5, bound=3.0, chance=0.5)
    assert found.std() == pytest.approx(2.5 * 3.0 / 2.0, rel=0.01)


def test_a_step_is_taken_once_and_only_if_paid_for():
    some = gradients(np.zeros((4, SIZE), np.float32), steps=2)
    some.mean(jnp.zeros(SIZE), None, step=1)
    for step in (1, 2, -1):
        with pytest.raises(TwinError, match="was not paid for") as refusal:
            some.mean(jnp.zeros(SIZE), None, step=step)
        assert f"step {step}" in str(refusal.value)


def test_going_on_draws_the_same_batch_and_noise():
    rows = np.random.default_rng(0).standard_normal((12, SIZE)).astype(np.float32)
    first, again = (mean(rows, noise=1.0, chance=0.5) for _ in range(2))
    assert (first == again).all()
    assert (first != mean(rows, noise=1.0, chance=0.5, secret=6)).any()


def test_all_steps_are_paid_before_the_first():
    charge = Charge("a discriminator", 2.0, 0.3, 50)
    private = GuardedCohort(cohort(), Ledger(12, 100.0, 0.01))
    private.gradients(lambda c: c.response, linear, charge=charge, bound=1.0, secret=1)
    spent = private.ledger.statement("adversarial").epsilon
    assert spent == pytest.approx(epsilon_of([charge], 0.01))
    poor = GuardedCohort(cohort(), Ledger(12, 0.5, 0.01))
    with pytest.raises(TwinError, match="budget is spent"):
        poor.gradients(lambda c: c.response, linear, charge=charge, bound=1.0, secret=1)

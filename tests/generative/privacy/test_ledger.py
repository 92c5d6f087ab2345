"""What a ledger lets through, and how far one patient can move a noisy sum."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generative.cohort import ScanCohort
from generative.privacy.accountant import Charge
from generative.privacy.ledger import GuardedCohort, Ledger
from twin.errors import TwinError


@cache
def cohort(count: int = 12) -> ScanCohort:
    random = np.random.default_rng(3)
    images = random.standard_normal((count, 1, 6, 6, 6)).astype(np.float32)
    masks = np.zeros(images.shape, bool)
    masks[:, :, 2:4, 2:4, 2:4] = True
    return ScanCohort(
        tuple(f"patient-{i}" for i in range(count)),
        images,
        masks,
        np.zeros((count, 1)),
        np.arange(count) % 2 == 0,
        (1.0, 1.0, 1.0),
        "PET",
        "private",
        "made for a test",
    )


def sums(vectors: np.ndarray, noise: float, bound: float = 1.0, seed: int = 0) -> np.ndarray:
    guarded = GuardedCohort(cohort(len(vectors)), Ledger(len(vectors), None))
    return guarded.noisy_sum(
        "a test",
        lambda _: vectors,
        bound=bound,
        noise_multiplier=noise,
        random=np.random.default_rng(seed),
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 10.0), st.floats(1e-3, 1e6))
def test_a_patient_more_or_less_moves_a_sum_by_the_bound_at_most(seed, bound, size):
    random = np.random.default_rng(seed)
    vectors = random.standard_normal((12, 5)) * size
    moved = sums(vectors, 1e-9, bound) - sums(np.delete(vectors, seed % 12, axis=0), 1e-9, bound)
    assert np.linalg.norm(moved) <= bound * (1.0 + 1e-6)


def test_noise_is_as_strong_as_it_says():
    draws = sums(np.zeros((4, 100_000)), 2.5, bound=3.0)
    assert draws.std() == pytest.approx(7.5, rel=0.01)
    assert abs(draws.mean()) < 0.1


def test_values_that_are_not_finite_cannot_break_the_bound():
    vectors = np.full((3, 4), np.inf)
    vectors[1] = np.nan
    assert np.linalg.norm(sums(vectors, 1e-9)) <= 3.0


PLANTED = (
    "generator loss on real scans",
    "maximum of the images for normalization",
    "real masks as conditions",
)


@pytest.mark.parametrize("touch", PLANTED)
def test_a_touch_that_nothing_pays_for_is_refused_under_a_budget(touch):
    private = GuardedCohort(cohort(), Ledger(12, 8.0))
    with pytest.raises(TwinError, match="used without payment") as refusal:
        private.scans(touch)
    assert touch in str(refusal.value)
    assert private.ledger.statement("moments").unpaid == ()


@pytest.mark.parametrize("touch", PLANTED)
def test_without_a_budget_it_is_written_down(touch):
    private = GuardedCohort(cohort(), Ledger(12, None))
    assert private.scans(touch) is cohort()
    statement = private.ledger.statement("gan")
    assert statement.unpaid == (touch,) and statement.epsilon is None
    assert "No privacy is claimed" in statement.line


def test_a_budget_is_spent_once():
    ledger = Ledger(1000, 1.0)
    ledger.pay(Charge("first", 3.3))
    with pytest.raises(TwinError, match="the privacy budget is spent") as refusal:
        ledger.pay(Charge("second", 3.3))
    assert "second" in str(refusal.value)
    assert [charge.name for charge in ledger.charges] == ["first"]

"""The one-run audit: what leaking scores show, and its ceiling."""

import numpy as np
import pytest

from generative.attacks.audit import ceiling, one_run_audit
from twin.errors import TwinError


def scores(shift: float, canaries: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    return random.normal(shift, 1.0, canaries // 2), random.normal(0.0, 1.0, canaries // 2)


def test_the_ceiling_is_that_of_the_design():
    assert ceiling(200) == pytest.approx(4.2, abs=0.05)
    assert ceiling(1000) > ceiling(200)


def test_leaking_scores_refute_a_claim_and_random_ones_do_not():
    leaking = one_run_audit(*scores(6.0, 1000), delta=1e-5)
    assert leaking.refutes(1.0) and leaking.epsilon > 3.0
    assert leaking.epsilon <= leaking.reachable + 1e-6 <= leaking.ceiling
    assert not one_run_audit(*scores(0.0, 1000), delta=1e-5).refutes(1.0)


def test_the_ceiling_is_printed():
    text = str(one_run_audit(*scores(6.0, 200), delta=1e-5))
    assert "no audit can show more than 4.19" in text and "200 canaries" in text


def test_an_audit_without_canaries_is_refused():
    with pytest.raises(TwinError, match="needs canaries in and out"):
        one_run_audit(np.zeros(0), np.zeros(3), delta=1e-5)

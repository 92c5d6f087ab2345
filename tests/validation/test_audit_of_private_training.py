"""One-run audits of DP-SGD as the adversarial engine runs it, and of two broken ones.

Each of 1,000 canaries is a simulated scan of 16³ voxels that is in the cohort or not by a coin;
its gradient is the scan itself, the strongest canary that a linear loss allows. It is scored by how
far all released gradients together point along it. Twenty runs, claimed epsilon 1.
"""

import numpy as np
import pytest
from jaxtyping import Float

from generative.attacks.audit import Audit, one_run_audit
from generative.privacy.accountant import Charge, least_noise
from generative.privacy.gradients import PrivateGradients

CANARIES, RUNS, NEEDED = 1000, 20, 17
CLAIMED, DELTA = 1.0, 1e-4
STEPS, CHANCE = 30, 0.3
VOXELS = 16**3


@pytest.fixture(scope="module")
def noise() -> float:
    return least_noise(lambda n: [Charge("", n, CHANCE, STEPS)], epsilon=CLAIMED, delta=DELTA)


def scan_as_gradient(params, public, scan):
    """A loss whose gradient is the scan."""
    return params @ scan


def canaries(seed: int, size: float) -> tuple[Float[np.ndarray, "m v"], np.ndarray]:
    """Noise scans of a norm, and which of them are in."""
    random = np.random.default_rng([seed, 1])
    scans = random.standard_normal((CANARIES, VOXELS)).astype(np.float32)
    scans *= size / np.linalg.norm(scans, axis=1, keepdims=True)
    return scans, random.random(CANARIES) < 0.5


def audit(seed: int, *, size: float, bound: float, noise_multiplier: float) -> Audit:
    scans, inside = canaries(seed, size)
    released = PrivateGradients(
        scans[inside],
        scan_as_gradient,
        charge=Charge("audited", noise_multiplier, CHANCE, STEPS),
        bound=bound,
        secret=seed,
    )
    params = np.zeros(VOXELS, np.float32)
    total = sum(np.asarray(released.mean(params, None, step=step)) for step in range(STEPS))
    scores = scans @ total
    return one_run_audit(scores[inside], scores[~inside], delta=DELTA)


def refuted(**options: float) -> int:
    audits = [audit(seed, **options) for seed in range(RUNS)]
    print(f"\nof {RUNS} audits {sum(a.refutes(CLAIMED) for a in audits)} refute; {audits[0]}")
    return sum(a.refutes(CLAIMED) for a in audits)


def test_the_claim_stands(noise):
    """Gradients ten times too long are clipped, so that the claim holds for them as well."""
    assert refuted(size=10.0, bound=1.0, noise_multiplier=noise) <= RUNS - NEEDED


def test_noise_that_is_left_out_is_caught():
    assert refuted(size=10.0, bound=1.0, noise_multiplier=1e-9) >= NEEDED


def test_clipping_that_is_left_out_is_caught(noise):
    """The noise is that of a bound of 1, which nothing keeps."""
    assert refuted(size=20.0, bound=20.0, noise_multiplier=noise / 20.0) >= NEEDED

"""One-run audits of the only mechanism that touches private patients, and of broken ones.

Each of 1,000 canaries is in the cohort or not by a coin; it is scored by how far the released sum
points along it. Twenty runs, claimed epsilon 1. A generator that copies is audited by what it gives
out, since its sum may be in order.
"""

import numpy as np
import pytest
from jaxtyping import Float

from generative.attacks.audit import Audit, one_run_audit
from generative.attacks.membership import nearest_features
from generative.cohort import ScanCohort
from generative.privacy.accountant import Charge, least_noise
from generative.privacy.ledger import GuardedCohort, Ledger

CANARIES, RUNS, NEEDED = 1000, 20, 17
CLAIMED = 1.0
DELTA = 1e-4
NUMBERS = 2500


@pytest.fixture(scope="module")
def noise() -> float:
    return least_noise(lambda n: [Charge("", n)], epsilon=CLAIMED, delta=DELTA)


def canaries(seed: int) -> tuple[Float[np.ndarray, "m d"], np.ndarray]:
    """Unit vectors, and which of them are in."""
    random = np.random.default_rng([seed, 1])
    vectors = random.standard_normal((CANARIES, NUMBERS)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors, random.random(CANARIES) < 0.5


def cohort_of(count: int) -> ScanCohort:
    shape = (count, 1, 2, 2, 2)
    return ScanCohort(
        tuple(f"canary-{i}" for i in range(count)),
        np.zeros(shape, np.float32),
        np.ones(shape, bool),
        np.zeros((count, 1)),
        np.zeros(count, bool),
        (1.0, 1.0, 1.0),
        "PET",
        "private",
        "made for an audit",
    )


def audit_sum(seed: int, *, size: float, bound: float, noise_multiplier: float) -> Audit:
    """Audit of a sum of vectors of a size, from `GuardedCohort.noisy_sum`."""
    vectors, inside = canaries(seed)
    private = GuardedCohort(cohort_of(int(inside.sum())), Ledger(int(inside.sum()), None))
    total = private.noisy_sum(
        "audited",
        lambda _: size * vectors[inside],
        bound=bound,
        noise_multiplier=noise_multiplier,
        random=np.random.default_rng([seed, 2]),
    )
    scores = vectors @ total
    return one_run_audit(scores[inside], scores[~inside], delta=DELTA)


def refuted(audits: list[Audit]) -> int:
    print(f"of {len(audits)} audits {sum(a.refutes(CLAIMED) for a in audits)} refute; {audits[0]}")
    return sum(audit.refutes(CLAIMED) for audit in audits)


def test_the_claim_stands(noise):
    """Vectors ten times too long are clipped, so that the claim holds for them as well."""
    audits = [audit_sum(s, size=10.0, bound=1.0, noise_multiplier=noise) for s in range(RUNS)]
    assert refuted(audits) <= RUNS - NEEDED


def test_noise_that_is_left_out_is_caught():
    audits = [audit_sum(s, size=10.0, bound=1.0, noise_multiplier=1e-9) for s in range(RUNS)]
    assert refuted(audits) >= NEEDED


def test_clipping_that_is_left_out_is_caught(noise):
    """The noise is that of a bound of 1, which nothing keeps."""
    audits = [audit_sum(s, size=20.0, bound=20.0, noise_multiplier=noise / 20) for s in range(RUNS)]
    assert refuted(audits) >= NEEDED


def test_a_generator_that_copies_one_patient_in_twenty_is_caught():
    """At a delta of 1e-6: one of 1e-4 forgives some of 1,000 canaries, and only 25 tell."""
    audits = []
    for seed in range(RUNS):
        random = np.random.default_rng([seed, 3])
        features = random.standard_normal((CANARIES, 30))
        inside = random.random(CANARIES) < 0.5
        members, others = features[inside], features[~inside]
        synthetic = random.standard_normal((len(members), 30))
        copied = random.choice(len(members), len(members) // 20, replace=False)
        synthetic[copied] = members[copied] + 0.01 * random.standard_normal((len(copied), 30))
        audits.append(one_run_audit(*nearest_features(synthetic, members, others), delta=1e-6))
    assert refuted(audits) >= NEEDED

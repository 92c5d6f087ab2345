"""A private generator judged whole: 1,000 simulated patients of world B, 1,000 others, 1,000 drawn.

The seed is drawn at run time and printed. Scans of 16³ voxels; everything is simulated. The prior
of the generator lies about world A. What the judgement finds beyond its limits is printed, and
asserted only where the engine claims it: volumes as asked for, utility under a budget, and no more
copies than the detector sees among patients who were never trained on.
"""

import secrets

import numpy as np
import pytest
from scipy import stats

from experiments.synth.evaluate import evaluate
from experiments.synth.printing import separations
from generative.model import ScanProtocol
from generative.moments.engine import train_moments
from generative.privacy.ledger import GuardedCohort, Ledger
from generative.virtual_cohort import simulate_cohort
from generative.worlds import get_world

SIZE = 1000


@pytest.mark.parametrize(("epsilon", "loss"), [(8.0, 0.05), (1.0, 0.10)])
def test_a_generator_keeps_what_predicts_and_gives_no_patient_back(epsilon, loss):
    seed = secrets.randbelow(10**6)
    whole = simulate_cohort(get_world("B"), 2 * SIZE, seed=seed, side=16)
    members, test = whole.select(np.arange(SIZE)), whole.select(np.arange(SIZE, 2 * SIZE))
    print(f"\nseed {seed}, epsilon {epsilon:g}: {'; '.join(separations(whole))}")
    model = train_moments(
        GuardedCohort(members, Ledger(SIZE, epsilon)),
        ScanProtocol.of(members),
        members=2400,
        seed=seed,
        secret=np.random.default_rng(),
    )
    wanted = np.exp(np.random.default_rng(seed).uniform(np.log(4.0), np.log(18.0), 200))
    asked = model.sample(200, seed=seed + 1, volume_ml=wanted).volumes_ml[:, 0]
    fit = 1.0 - ((asked - wanted) ** 2).sum() / ((asked - asked.mean()) ** 2).sum()
    print(f"R² of measured on requested volume: {fit:.3f}")
    result = evaluate(model.sample(SIZE, seed=seed), test, members, epsilon=epsilon)
    for criterion in result.criteria:
        print(f"{criterion.name}: {criterion.found} ({criterion.status})")
    assert fit >= 0.95
    assert result.utility is not None and result.utility.difference.value >= -loss
    copies = result.copies
    assert copies is not None
    accused = int(copies.copied.sum()), int((copies.between_real >= copies.threshold).sum())
    print(
        f"accused as copies: {accused[0]} of {SIZE} synthetic, {accused[1]} of {SIZE} real others"
    )
    table = [[accused[0], SIZE - accused[0]], [accused[1], SIZE - accused[1]]]
    assert stats.fisher_exact(table, alternative="greater").pvalue > 0.01

"""A generator judged whole: 1,000 simulated patients of world B, 1,000 others, 1,000 drawn.

The seed is drawn at run time and printed. Scans of 16³ voxels; everything is simulated. The prior
of the generator lies about world A. What the judgement finds beyond its limits is printed, and
asserted only where the engine claims it: volumes as asked for, utility, no more copies than the
detector sees among patients who were never trained on, and more than three baselines have: the
prior before any training, a training on shuffled responses, and (in likeness) world A as it is.
"""

import secrets
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from experiments.synth.evaluate import evaluate
from experiments.synth.printing import separations
from generative.cohort import ScanCohort
from generative.metrics.distances import frechet_against_floor
from generative.metrics.features import features, first_scan_only
from generative.metrics.figure import Figure
from generative.metrics.utility import utility
from generative.model import Generator, ScanProtocol, synthetic_cohort
from generative.parallel import over_patients
from generative.privacy.ledger import GuardedCohort, Ledger
from generative.privacy.recommend import recommend
from generative.steering.prior import Pool, draw_scores
from generative.training import train_generator
from generative.virtual_cohort import simulate_cohort
from generative.worlds import get_world

SIZE, SEEDS = 1000, 3


def train(members: ScanCohort, epsilon: float | None, seed: int) -> Generator:
    engine = recommend(len(members), epsilon).engine
    assert engine is not None
    private = GuardedCohort(members, Ledger(len(members), epsilon))
    return train_generator(private, ScanProtocol.of(members), engine=engine, seed=seed)


def prior_alone(protocol: ScanProtocol, seed: int) -> ScanCohort:
    """Virtual patients before any training, who respond as their own simulation says."""
    scores = draw_scores(SIZE, np.random.default_rng(seed))
    pool = Pool(protocol, seed, scores, np.arange(SIZE))
    found = [one for one in over_patients(pool.patient, range(SIZE)) if one is not None]
    return synthetic_cohort(
        protocol,
        np.stack([one.images for one in found]),
        np.stack([one.masks for one in found]),
        np.array([one.responded for one in found]),
        volume_ml=None,
        source="the prior of the generator",
    )


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("repeat", range(SEEDS))
@pytest.mark.parametrize(("epsilon", "loss"), [(None, 0.03), (8.0, 0.05), (1.0, 0.10)])
def test_a_generator_keeps_what_predicts_and_gives_no_patient_back(epsilon, loss, repeat):
    seed = secrets.randbelow(10**6)
    whole = simulate_cohort(get_world("B"), 2 * SIZE, seed=seed, side=16)
    members, test = whole.select(np.arange(SIZE)), whole.select(np.arange(SIZE, 2 * SIZE))
    print(f"\nseed {seed}, epsilon {epsilon}, run {repeat}: {'; '.join(separations(whole))}")
    model = train(members, epsilon, seed)
    wanted = np.exp(np.random.default_rng(seed).uniform(np.log(4.0), np.log(18.0), 200))
    asked = model.sample(200, seed=seed + 1, volume_ml=wanted).volumes_ml[:, 0]
    fit = 1.0 - ((asked - wanted) ** 2).sum() / ((asked - asked.mean()) ** 2).sum()
    drawn = model.sample(SIZE, seed=seed)
    different = len({image.tobytes() for image in np.sort(drawn.images.reshape(SIZE, -1))})
    print(f"engine {model.privacy.engine}; different tumors: {different} of {SIZE}")
    print(f"R² of measured on requested volume: {fit:.3f}")
    result = evaluate(drawn, test, members, epsilon=epsilon)
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

    names, real = features(test)
    own = features(drawn)[1]
    first = first_scan_only(names)
    columns = tuple(name for name, used in zip(names, first, strict=True) if used)

    def over(other: ScanCohort, what: str) -> tuple[Figure, float]:
        """AUC gained over training on another cohort, and the Fréchet ratio of that."""
        made = features(other)[1]
        gain = utility(
            columns,
            (own[:, first], drawn.response),
            (made[:, first], other.response),
            (real[:, first], test.response),
        ).difference
        ratio = frechet_against_floor(real, made, draws=1).ratio.value
        print(f"AUC over {what}: {gain}; that has a Fréchet ratio of {ratio:.1f}")
        return gain, ratio

    assert result.frechet is not None
    before = simulate_cohort(get_world("A"), SIZE, seed=seed, side=16)
    assert result.frechet.ratio.value < over(before, "world A as it is")[1]
    assert over(prior_alone(ScanProtocol.of(members), seed), "the prior alone")[0].low > 0.0
    order = np.random.default_rng(seed).permutation(SIZE)
    shuffled = train(replace(members, response=members.response[order]), epsilon, seed)
    assert over(shuffled.sample(SIZE, seed=seed), "shuffled responses")[0].low > 0.0

"""Is a model that learned from synthetic patients as good on real ones as one that learned from
real patients? Predictions of the response from the radiomics of the first scan.

Trained on synthetic, tested on real (TSTR) against trained on real (TRTR), on the same test
patients: Esteban et al. 2017, https://arxiv.org/abs/1706.02633. The penalty of each model is
chosen by cross-validation of its own training set. Beside them stand a model that learned shuffled
labels, which must score as a coin, and models of the volume and of the mean intensity alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from generative.metrics.figure import Figure, auc, interval
from twin.errors import TwinError

PENALTIES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
"""Inverse strengths that are tried."""
VOLUME, INTENSITY = "shape_log_volume", "intensity_mean"
_FOLDS = 5
_SHUFFLES = 10


@dataclass(frozen=True)
class Utility:
    """AUC of the response of real test patients.

    Attributes:
        synthetic: of the model trained on synthetic patients.
        real: of the model trained on real patients.
        difference: the first minus the second, on the same draws of patients.
        shuffled: mean over models trained on synthetic patients with shuffled labels.
        volume, intensity: of models of one feature, trained on synthetic patients.
        trained_on: numbers of synthetic and of real patients.
        patients: that were tested.
    """

    synthetic: Figure
    real: Figure
    difference: Figure
    shuffled: float
    volume: Figure
    intensity: Figure
    trained_on: tuple[int, int]
    patients: int


Labeled = tuple[Float[np.ndarray, "n k"], Bool[np.ndarray, " n"]]


def utility(
    names: tuple[str, ...],
    synthetic: Labeled,
    real: Labeled,
    test: Labeled,
    *,
    draws: int = 1000,
    seed: int = 0,
) -> Utility:
    """Compare both models on real test patients.

    Args:
        names: of the features, all of the first scan.
        synthetic, real: features and responses to learn from.
        test: features and responses of real patients that neither holds.
        draws: of the paired bootstrap over test patients.
        seed: of folds, shuffles and draws.

    Raises:
        TwinError: a cohort with fewer than 5 responders or fewer than 5 others.
    """
    cohorts = {"synthetic": synthetic, "real training": real, "test": test}
    for name, (_, responded) in cohorts.items():
        _check(name, responded)
    inputs, responded = test
    one_feature = [names.index(VOLUME), names.index(INTENSITY)]
    with threadpool_limits(1):
        scores = [_scores(synthetic, inputs, seed=seed), _scores(real, inputs, seed=seed)]
        for column in one_feature:
            alone = synthetic[0][:, [column]], synthetic[1]
            scores.append(_scores(alone, inputs[:, [column]], seed=seed))
        shuffled = _shuffled(synthetic, test, seed)
    values = [auc(s[responded], s[~responded])[0] for s in scores]
    drawn = _resampled(np.array(scores), responded, draws, seed)
    figures = [interval(v, d) for v, d in zip(values, drawn, strict=True)]
    return Utility(
        synthetic=figures[0],
        real=figures[1],
        difference=interval(values[0] - values[1], drawn[0] - drawn[1]),
        shuffled=shuffled,
        volume=figures[2],
        intensity=figures[3],
        trained_on=(len(synthetic[0]), len(real[0])),
        patients=len(inputs),
    )


def fitted(training: Labeled, *, seed: int):
    """Logistic model of standardized features, its penalty chosen within the training set."""
    inputs, labels = training
    split = list(StratifiedKFold(_FOLDS, shuffle=True, random_state=seed).split(inputs, labels))
    losses = [
        np.mean([_loss(_model(penalty), training, train, test) for train, test in split])
        for penalty in PENALTIES
    ]
    return _model(PENALTIES[int(np.argmin(losses))]).fit(inputs, labels)


def _scores(training: Labeled, inputs: np.ndarray, *, seed: int) -> np.ndarray:
    return fitted(training, seed=seed).decision_function(inputs)


def _loss(model, training: Labeled, train: np.ndarray, test: np.ndarray) -> float:
    """Mean negative log likelihood of held-out patients."""
    inputs, labels = training
    scores = model.fit(inputs[train], labels[train]).decision_function(inputs[test])
    return float(np.logaddexp(0.0, np.where(labels[test], -scores, scores)).mean())


def _model(penalty: float):
    return make_pipeline(StandardScaler(), LogisticRegression(C=penalty, solver="newton-cholesky"))


def _shuffled(synthetic: Labeled, test: Labeled, seed: int) -> float:
    random = np.random.default_rng(seed)
    inputs, responded = test
    found = []
    for _ in range(_SHUFFLES):
        scores = _model(PENALTIES[0]).fit(synthetic[0], random.permutation(synthetic[1]))
        scores = scores.decision_function(inputs)
        found.append(auc(scores[responded], scores[~responded])[0])
    return float(np.mean(found))


def _resampled(
    scores: Float[np.ndarray, "m n"], responded: np.ndarray, draws: int, seed: int
) -> Float[np.ndarray, "m b"]:
    """AUC of every model on the same draws of responders and others."""
    random = np.random.default_rng(seed)
    groups = np.flatnonzero(responded), np.flatnonzero(~responded)
    weights = [random.multinomial(len(g), np.full(len(g), 1.0 / len(g)), draws) for g in groups]
    found = []
    for row in scores:
        difference = row[groups[0]][:, None] - row[groups[1]][None, :]
        right = np.where(difference == 0.0, 0.5, difference > 0.0)
        found.append(((weights[0] @ right) * weights[1]).sum(axis=1) / right.size)
    return np.array(found)


def _check(name: str, responded: np.ndarray) -> None:
    fewest = int(min(responded.sum(), (~responded).sum()))
    if fewest < _FOLDS:
        raise TwinError(
            f"the {name} cohort cannot tell how useful it is",
            where="response",
            expected=f"at least {_FOLDS} patients that responded and {_FOLDS} that did not",
            got=f"{int(responded.sum())} of {len(responded)} responded",
        )

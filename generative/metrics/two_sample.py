"""Can a classifier tell synthetic from real patients? Its AUC is 0.5 where it cannot.

Lopez-Paz and Oquab 2017, https://arxiv.org/abs/1610.06545. Two classifiers, one smooth and one of
trees; the better one counts, so that the figure errs against the generator.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from generative.metrics.figure import Figure, auc_within_folds, normal_interval

FOLDS = 5


def two_sample_auc(
    real: Float[np.ndarray, "n k"], synthetic: Float[np.ndarray, "m k"], *, seed: int = 0
) -> Figure:
    """Cross-validated AUC of the better of two classifiers, equally many patients on each side."""
    random = np.random.default_rng(seed)
    size = min(len(real), len(synthetic))
    rows = [cohort[random.permutation(len(cohort))[:size]] for cohort in (real, synthetic)]
    inputs, labels = np.concatenate(rows), np.repeat([False, True], size)
    folds = np.empty(2 * size, int)
    split = StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(inputs, labels)
    for fold, (_, test) in enumerate(split):
        folds[test] = fold
    found = []
    with threadpool_limits(1):
        for classifier in _classifiers(seed):
            scores = np.empty(2 * size)
            for fold in range(FOLDS):
                test = folds == fold
                classifier.fit(inputs[~test], labels[~test])
                scores[test] = classifier.predict_proba(inputs[test])[:, 1]
            found.append(auc_within_folds(labels, scores, folds))
    return normal_interval(*max(found))


def _classifiers(seed: int) -> list:
    logistic = LogisticRegression(C=0.1, max_iter=500)
    trees = HistGradientBoostingClassifier(
        max_iter=40,
        max_leaf_nodes=8,
        min_samples_leaf=5,
        early_stopping=False,  # pyright: ignore[reportArgumentType]  (its default is a word)
        random_state=seed,
    )
    return [make_pipeline(StandardScaler(), logistic), trees]

"""Classical models as scikit-learn pipelines: whatever they learn from data, they learn in `fit`.

Imputation, scaling, selection of inputs and the choice of hyper-parameters (inner cross-validation)
are steps of one estimator, so that a fold that fits it cannot see another fold's patients.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_selection import SelectKBest, VarianceThreshold, f_classif
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler
from sksurv.ensemble import RandomSurvivalForest
from sksurv.linear_model import CoxPHSurvivalAnalysis

from experiments.predictors.evaluation.outcome import events, is_survival

MANY = 30
"""From this number of inputs on, a linear model selects among them inside the pipeline."""
_STRENGTHS = (0.01, 0.1, 1.0)
_RIDGES = (1.0, 10.0, 100.0)


class Search(GridSearchCV):
    """Grid search with folds that are stratified by event, for labels and survival alike."""

    def fit(self, X: Any, y: Any = None, **params: Any) -> Search:
        """Choose by inner cross-validation among the rows given, then fit all of them."""
        folds = StratifiedKFold(self.inner_folds, shuffle=True, random_state=self.seed)
        self.cv = list(folds.split(X, events(y)))
        super().fit(X, y, **params)
        self.cv = None
        return self

    def __init__(
        self,
        estimator: Any,
        param_grid: Any,
        *,
        scoring: str | None = None,
        inner_folds: int = 3,
        seed: int = 0,
    ) -> None:
        super().__init__(estimator, param_grid, scoring=scoring, error_score="raise")
        self.inner_folds, self.seed = inner_folds, seed


def build(
    kind: str,
    kinds: Sequence[str],
    *,
    interactions: bool = False,
    inner_folds: int = 3,
    seed: int = 0,
) -> Search:
    """An unfitted model with the choice of its hyper-parameters.

    Args:
        kind: logistic, gradient-boosting, cox or random-survival-forest.
        kinds: "number" or "category" of each input.
        interactions: products of two inputs too; the inner folds choose whether.
        inner_folds: folds of the inner cross-validation.
        seed: of inner folds and of forests.
    """
    linear = kind in ("logistic", "cox")
    steps: list[tuple[str, Any]] = [("inputs", _inputs(kinds, linear=linear))]
    grid: dict[str, list[Any]] = {}
    if linear and interactions:
        steps.append(("products", PolynomialFeatures(1, interaction_only=True, include_bias=False)))
        grid["products__degree"] = [1, 2]
    if linear and len(kinds) >= MANY:
        steps.append(("varying", VarianceThreshold()))
        steps.append(("selected", SelectKBest(_association)))
        grid["selected__k"] = [5, 20]
    estimator, own = _estimator(kind, seed)
    steps.append(("model", estimator))
    grid |= {f"model__{name}": values for name, values in own.items()}
    scoring = None if kind in ("cox", "random-survival-forest") else "neg_log_loss"
    return Search(Pipeline(steps), grid, scoring=scoring, inner_folds=inner_folds, seed=seed)


def risk(model: Any, inputs: Float[np.ndarray, "n p"]) -> Float[np.ndarray, " n"]:
    """(n,) score that ranks patients: probability of the label, or risk of the event."""
    if hasattr(model, "predict_proba"):
        return model.predict_proba(inputs)[:, 1]
    return np.asarray(model.predict(inputs), float)


def probability(
    model: Any, inputs: Float[np.ndarray, "n p"], horizon_days: float | None
) -> Float[np.ndarray, " n"]:
    """(n,) probability of the label, or of the event by the horizon."""
    if horizon_days is None:
        return model.predict_proba(inputs)[:, 1]
    curves = model.best_estimator_.predict_survival_function(inputs)
    return np.array([1.0 - _survival_at(curve, horizon_days) for curve in curves])


def _survival_at(curve: Any, day: float) -> float:
    low, high = curve.domain
    return 1.0 if day < low else float(curve(min(day, high)))


def _association(inputs: np.ndarray, outcome: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """F statistic of every input against the event."""
    return f_classif(inputs, events(outcome))


def _inputs(kinds: Sequence[str], *, linear: bool) -> ColumnTransformer:
    """Missing numbers become the median of the fold with an indicator, categories one column each.

    A missing category is a category; one unseen in the fold is none of its columns.
    """
    number = [i for i, kind in enumerate(kinds) if kind == "number"]
    category = [i for i, kind in enumerate(kinds) if kind == "category"]
    steps: list[tuple[str, Any]] = [
        ("impute", SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True))
    ]
    if linear:
        steps.append(("scale", StandardScaler()))
    one_column_each = OneHotEncoder(
        handle_unknown="ignore", drop="if_binary", sparse_output=False, dtype=np.float64
    )
    return ColumnTransformer(
        [("numbers", Pipeline(steps), number), ("categories", one_column_each, category)]
    )


def _estimator(kind: str, seed: int) -> tuple[Any, dict[str, list[Any]]]:
    if kind == "logistic":
        return LogisticRegression(max_iter=1000), {"C": list(_STRENGTHS)}
    if kind == "gradient-boosting":
        forest = HistGradientBoostingClassifier(
            max_leaf_nodes=4, min_samples_leaf=10, early_stopping=False, random_state=seed
        )
        return forest, {"learning_rate": [0.05], "max_iter": [25, 75]}
    if kind == "cox":
        return CoxPHSurvivalAnalysis(ties="efron"), {"alpha": list(_RIDGES)}
    trees = RandomSurvivalForest(n_estimators=100, random_state=seed, n_jobs=1)
    return trees, {"min_samples_leaf": [5, 15]}


__all__ = ["Search", "build", "is_survival", "probability", "risk"]

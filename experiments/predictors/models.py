"""Classical models whose every learned step is fitted together, inside the fold that fits them.

Imputation, scaling, selection of inputs and the choice of hyper-parameters (inner cross-validation)
are parts of one scikit-learn estimator, so that a fold that fits it cannot see another's patients.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from jaxtyping import Float
from sklearn.base import BaseEstimator
from sklearn.base import clone as sklearn_clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import SelectKBest, VarianceThreshold, f_classif
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import ParameterGrid, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sksurv.ensemble import RandomSurvivalForest
from sksurv.linear_model import CoxnetSurvivalAnalysis
from sksurv.linear_model.coxph import CoxPHOptimizer

from experiments.predictors.evaluation.outcome import events, is_survival
from twin.errors import TwinError

MANY = 50
"""From this number of inputs on, a linear model selects among them, inside the fold."""
_STRENGTHS = (0.03, 0.3, 3.0)
"""Prior variances of a logistic coefficient."""
_STRENGTHS_OF_MANY = (0.003, 0.03, 0.3)
"""The same where inputs are many: each can then say less."""
_RIDGES = (0.01, 0.05, 0.25)
"""Penalties of a Cox coefficient for each patient: with 150 patients, prior standard deviations of
0.8, 0.4 and 0.16 of a log hazard ratio."""
_RIDGE_ONLY = 1e-6
"""Share of the penalty that is absolute; Coxnet wants more than none, and is ten times as fast as
`CoxPHSurvivalAnalysis`."""
_COX_STEPS = 2000
"""Passes after which a Cox fit counts as one that does not converge; others need tens."""
_SELECTED = (5, 20)


def clone(estimator: Any) -> Any:
    """An unfitted copy: scikit-learn's, typed as what was given."""
    return sklearn_clone(estimator)


class TwoSpreads(StandardScaler):
    """Numbers in units of two standard deviations; columns of 0 and 1 stay as they are.

    One penalty then means the same for both (Gelman 2008, doi 10.1002/sim.3107), and a rare
    category is held back instead of being blown up by a small standard deviation.
    """

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> TwoSpreads:
        """Learn means and spreads of the patients given."""
        super().fit(X, y, sample_weight)
        two_valued = np.isin(X, (0.0, 1.0)).all(axis=0)
        self.mean_ = np.where(two_valued, 0.0, self.mean_)
        self.scale_ = np.where(two_valued, 1.0, 2.0 * np.asarray(self.scale_))
        return self


class Search(BaseEstimator):
    """A model with its preparation; `fit` chooses hyper-parameters by inner folds, then refits.

    What scikit-learn's GridSearchCV does, with two differences: the preparation, which no
    hyper-parameter touches, is fitted once for each inner fold instead of once for each candidate
    (2 to 4 times faster on cohorts of this size), and folds are stratified by event for survival
    too.

    Args:
        prepare: pipeline without hyper-parameters, fitted on inputs alone.
        model: pipeline whose parameters `grid` names.
        grid: candidates, as `sklearn.model_selection.ParameterGrid` takes them.
        inner_folds: folds of the inner cross-validation.
        seed: of the inner folds.
    """

    def __init__(
        self, prepare: Any, model: Any, grid: Any, *, inner_folds: int = 3, seed: int = 0
    ) -> None:
        self.prepare, self.model, self.grid = prepare, model, grid
        self.inner_folds, self.seed = inner_folds, seed

    def fit(self, inputs: Float[np.ndarray, "n p"], outcome: np.ndarray) -> Search:
        """Choose among the patients given and fit all of them.

        Raises:
            TwinError: if no candidate converges.
        """
        candidates = list(ParameterGrid(self.grid))
        folds = StratifiedKFold(self.inner_folds, shuffle=True, random_state=self.seed)
        scores = np.zeros(len(candidates))
        event = events(outcome)
        for learn, judge in folds.split(inputs, event):
            prepare = clone(self.prepare)
            learned = prepare.fit_transform(inputs[learn])
            judged = prepare.transform(inputs[judge])
            for number, candidate in enumerate(candidates):
                model = _fitted(self.model, candidate, learned, outcome[learn])
                known = model is not None
                scores[number] += _goodness(model, judged, outcome[judge]) if known else -np.inf
        self.prepare_ = clone(self.prepare)
        prepared = self.prepare_.fit_transform(inputs)
        for number in np.argsort(-scores, kind="stable"):
            self.model_ = _fitted(self.model, candidates[number], prepared, outcome)
            if self.model_ is not None:
                self.best_params_ = candidates[number]
                return self
        raise TwinError(
            "no candidate of the model converges on these patients",
            where="model",
            expected=f"one of {len(candidates)} that does",
            fix="Use fewer inputs, or another kind of model",
        )

    def risk(self, inputs: Float[np.ndarray, "n p"]) -> Float[np.ndarray, " n"]:
        """(n,) score that ranks patients: probability of the label, or risk of the event."""
        prepared = self.prepare_.transform(inputs)
        if hasattr(self.model_, "predict_proba"):
            return self.model_.predict_proba(prepared)[:, 1]
        return np.asarray(self.model_.predict(prepared), float)

    def probability(
        self, inputs: Float[np.ndarray, "n p"], horizon_days: float | None = None
    ) -> Float[np.ndarray, " n"]:
        """(n,) probability of the label, or of the event by the horizon."""
        if horizon_days is None:
            return self.risk(inputs)
        curves = self.model_.predict_survival_function(self.prepare_.transform(inputs))
        return np.array([1.0 - _survival_at(curve, horizon_days) for curve in curves])


def build(
    kind: str, inputs: int, *, interactions: bool = False, inner_folds: int = 3, seed: int = 0
) -> Search:
    """An unfitted model with the choice of its hyper-parameters.

    Args:
        kind: logistic, gradient-boosting, cox or random-survival-forest.
        inputs: how many there are.
        interactions: products of two inputs too; the inner folds choose whether.
        inner_folds: folds of the inner cross-validation.
        seed: of inner folds and of forests.
    """
    linear = kind in ("logistic", "cox")
    # Every empty cell becomes the median of the fold, and a column that says so.
    prepare: list[tuple[str, Any]] = [
        ("impute", SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True))
    ]
    steps: list[tuple[str, Any]] = []
    grid: dict[str, list[Any]] = {}
    if linear:
        prepare.append(("scale", TwoSpreads()))
    if linear and interactions:
        steps.append(("products", PolynomialFeatures(1, interaction_only=True, include_bias=False)))
        grid["products__degree"] = [1, 2]
    if linear and inputs >= MANY:
        steps.append(("varying", VarianceThreshold()))
        steps.append(("selected", SelectKBest(_association)))
        grid["selected__k"] = list(_SELECTED)
    estimator, own = _estimator(kind, seed, many=inputs >= MANY)
    steps.append(("model", estimator))
    grid |= {f"model__{name}": values for name, values in own.items()}
    return Search(Pipeline(prepare), Pipeline(steps), grid, inner_folds=inner_folds, seed=seed)


def _fitted(model: Any, candidate: dict, inputs: np.ndarray, outcome: np.ndarray) -> Any:
    """A fitted copy with a candidate's parameters; None where it does not converge with them."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        warnings.simplefilter("error", RuntimeWarning)
        try:
            return clone(model).set_params(**candidate).fit(inputs, outcome)
        except (ArithmeticError, ConvergenceWarning, RuntimeWarning):
            return None


def _goodness(model: Any, inputs: np.ndarray, outcome: np.ndarray) -> float:
    """Log likelihood of what was held out: of labels, or the partial one of Cox; concordance for a
    survival forest, which has none. More is better.

    Concordance would choose a Cox penalty badly: it is blind to how far risks are shrunk.
    """
    if not is_survival(outcome):
        chance = model.predict_proba(inputs)[np.arange(len(outcome)), outcome]
        return float(np.log(np.maximum(chance, np.finfo(float).tiny)).mean())
    if not events(outcome).any():
        return 0.0
    if not isinstance(model[-1], CoxnetSurvivalAnalysis):
        return float(model.score(inputs, outcome))
    log_hazard = np.asarray(model.predict(inputs), float)[:, None]
    no_penalty = np.zeros(1)
    held_out = CoxPHOptimizer(log_hazard, outcome["event"], outcome["time"], no_penalty, "efron")
    return -float(held_out.nlog_likelihood(np.ones(1)))


def _survival_at(curve: Any, day: float) -> float:
    low, high = curve.domain
    return 1.0 if day < low else float(curve(min(day, high)))


def _association(inputs: np.ndarray, outcome: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """F statistic of every input against the event."""
    return f_classif(inputs, events(outcome))


def _estimator(kind: str, seed: int, *, many: bool) -> tuple[Any, dict[str, list[Any]]]:
    if kind == "logistic":
        strengths = _STRENGTHS_OF_MANY if many else _STRENGTHS
        return LogisticRegression(solver="newton-cholesky"), {"C": list(strengths)}
    if kind == "gradient-boosting":
        trees = HistGradientBoostingClassifier(
            max_leaf_nodes=4,
            min_samples_leaf=10,
            early_stopping=False,  # pyright: ignore[reportArgumentType]  (its default is a word)
            random_state=seed,
        )
        return trees, {"learning_rate": [0.05], "max_iter": [25, 75]}
    if kind == "cox":
        cox = CoxnetSurvivalAnalysis(
            l1_ratio=_RIDGE_ONLY, fit_baseline_model=True, max_iter=_COX_STEPS
        )
        return cox, {"alphas": [[ridge] for ridge in _RIDGES]}
    forest = RandomSurvivalForest(n_estimators=100, random_state=seed, n_jobs=1)
    return forest, {"min_samples_leaf": [5, 15]}

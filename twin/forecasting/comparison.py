"""Several models of one patient: what the fitted visits say for each, and their average.

Each model is scored on fitted visits that it has not seen: from the third on, fitted to those
before (one step ahead; Bürkner, Gabry & Vehtari 2020, doi 10.1080/00949655.2020.1783262). Weights
follow from the summed log scores (pseudo-BMA; Yao et al. 2018, doi 10.1214/17-BA1091):

    w_m ∝ exp(Σ_visits log p_m(burden, outlined volume | earlier visits))

The average is the mixture of the models' forecasts in these weights. Visits held out from
calibration choose nothing; they only judge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from twin.calibration.calibrate import Method, calibrate
from twin.calibration.evidence import Evidence, evidence, normalized
from twin.calibration.posterior import Posterior
from twin.calibration.setting import make_setting
from twin.draws import setting_of
from twin.errors import TwinError
from twin.forecasting.forecast import (
    QUANTITIES,
    Forecast,
    PredictiveNoise,
    forecast,
    observed_ml,
)
from twin.forecasting.scores import crps, judge
from twin.models.model import TumorModel
from twin.patient import Patient

LEAST_VISITS = 3
"""Fitted visits: two to fit, one to predict."""
_REPEATS, _MIXTURE = 2000, 4096


@dataclass(frozen=True)
class Prediction:
    """Predictive distribution of one visit under one model: a mixture around its draws.

    Attributes:
        quantities: those that were observed.
        draws_ml: (S, Q) their simulated values.
        sd_ml: (Q,) noise around each draw, and what smooths over few draws.
        observed_ml: (Q,) what came.
    """

    quantities: tuple[str, ...]
    draws_ml: Float[np.ndarray, "s q"]
    sd_ml: Float[np.ndarray, " q"]
    observed_ml: Float[np.ndarray, " q"]

    def log_density(self, values_ml: Float[np.ndarray, "n q"]) -> Float[np.ndarray, " n"]:
        """Logarithm of the predictive density at N places, 1/mL^Q."""
        apart = (values_ml[:, None, :] - self.draws_ml) / self.sd_ml
        logs = -0.5 * (apart**2).sum(axis=-1) - np.log(self.sd_ml * np.sqrt(2.0 * np.pi)).sum()
        return np.logaddexp.reduce(logs, axis=-1) - np.log(len(self.draws_ml))

    def sample(self, count: int, random: np.random.Generator) -> Float[np.ndarray, "n q"]:
        """(N, Q) values that could have been observed."""
        chosen = self.draws_ml[random.integers(len(self.draws_ml), size=count)]
        return chosen + self.sd_ml * random.standard_normal(chosen.shape)


@dataclass(frozen=True)
class Comparison:
    """M models of one patient.

    Attributes:
        names: of the models.
        posteriors, forecasts: of each, fitted to all fitted visits.
        evidence: of each for all fitted visits, under one noise.
        scored: names of the fitted visits that were predicted from earlier ones.
        log_scores: (M, P) log predictive density of those visits.
        crps: by quantity, (M, P) on those visits, mL.
        weights: (M,) from the log scores.
        weight_interval: (M, 2) where 90 % of the weights would lie, had the same visits come out
            otherwise, as the average forecast allows.
        weight_if_true: (M,) mean weight of each model over visits drawn from itself: near 1 / M,
            these visits cannot tell the models apart.
        averaged: by held-out visit, scores of the average as in `VisitForecast.scores`.
    """

    names: tuple[str, ...]
    posteriors: tuple[Posterior, ...]
    forecasts: tuple[Forecast, ...]
    evidence: Evidence
    scored: tuple[str, ...]
    log_scores: Float[np.ndarray, "m p"]
    crps: Mapping[str, np.ndarray]
    weights: Float[np.ndarray, " m"]
    weight_interval: Float[np.ndarray, "m 2"]
    weight_if_true: Float[np.ndarray, " m"]
    averaged: Mapping[str, Mapping[str, float]]

    @property
    def converged(self) -> bool:
        """Whether every calibration did."""
        return all(posterior.converged for posterior in self.posteriors)

    def held_out_score(self, score: str) -> dict[str, float]:
        """Mean of a score over the held-out visits that have it, by model and for "average"."""
        found = {n: f.mean_score(score) for n, f in zip(self.names, self.forecasts, strict=True)}
        averaged = [scores[score] for scores in self.averaged.values() if score in scores]
        found["average"] = float(np.mean(averaged)) if averaged else None
        return {name: value for name, value in found.items() if value is not None}


def compare_models(
    patient: Patient,
    models: Mapping[str, TumorModel],
    *,
    visits: int | None = None,
    method: Method | None = None,
    draws: int = 64,
    seed: int = 0,
) -> Comparison:
    """Fit several models to the same visits, weigh them, and average their forecasts.

    Args:
        patient: cropped around the tumor.
        models: two or more by name.
        visits: how many to fit, at least three; the rest only judges. None fits all.
        method: of every calibration.
        draws: of every forecast.
        seed: of the draws.

    Raises:
        TwinError: one model, fewer than three fitted visits, nothing to score, or what `calibrate`
            and `forecast` refuse.
    """
    count = len(patient.visits) if visits is None else visits
    if len(models) < 2:
        raise TwinError(
            "nothing to compare", where="models", expected="two models", got=str(len(models))
        )
    if count < LEAST_VISITS:
        raise TwinError(
            "models are compared by predicting a fitted visit from earlier ones",
            where="visits",
            expected=f"at least {LEAST_VISITS}",
            got=str(count),
        )
    posteriors = {
        name: calibrate(patient, model, visits=visits, method=method)
        for name, model in models.items()
    }
    # Cut off before anything is scored: weights cannot see what was held out.
    fitted = replace(patient, visits=patient.visits[:count])
    found = {
        name: [
            one_step_ahead(fitted, model, k, method=method, draws=draws, seed=seed)
            for k in range(LEAST_VISITS - 1, count)
        ]
        for name, model in models.items()
    }
    settings = {name: (make_setting(fitted, models[name]), p) for name, p in posteriors.items()}
    log_scores = np.array(
        [[float(p.log_density(p.observed_ml[None])[0]) for p in row] for row in found.values()]
    )
    weights = normalized(log_scores.sum(axis=1))
    interval, if_true = weight_spread(list(found.values()), weights, seed)
    forecasts = [forecast(p, draws=draws, seed=seed) for p in posteriors.values()]
    return Comparison(
        names=tuple(models),
        posteriors=tuple(posteriors.values()),
        forecasts=tuple(forecasts),
        evidence=evidence(settings),
        scored=tuple(visit.name for visit in fitted.visits[LEAST_VISITS - 1 :]),
        log_scores=log_scores,
        crps=_crps(list(found.values()), seed),
        weights=weights,
        weight_interval=interval,
        weight_if_true=if_true,
        averaged=average_scores(forecasts, weights),
    )


def one_step_ahead(
    patient: Patient,
    model: TumorModel,
    count: int,
    *,
    method: Method | None = None,
    draws: int = 64,
    seed: int = 0,
) -> Prediction:
    """What a model fitted to the first visits predicts of the next one.

    Raises:
        TwinError: that visit shows neither density nor an outline.
    """
    known = replace(patient, visits=patient.visits[: count + 1])
    posterior = calibrate(known, model, visits=count, method=method)
    setting, visit = setting_of(posterior), known.visits[count]
    observed = observed_ml(setting, visit)
    seen = [q for q in QUANTITIES if observed[q] is not None]
    if not seen:
        raise TwinError(
            "a visit that models should predict shows no tumor",
            where=f"visit {visit.name}",
            expected="a mask, or an ADC or CELL_FRACTION image",
        )
    course = forecast(posterior, draws=draws, seed=seed)
    noise = PredictiveNoise.of(posterior, setting).sd
    simulated = {"burden": course.burden_ml[:, -1], "visible": course.visible_ml[:, -1]}
    values = np.stack([simulated[q] for q in seen], axis=1)
    # Scott 1992 (doi 10.1002/9780470316849): the width that suits so many draws of a Gaussian.
    width = values.std(axis=0, ddof=1) * draws ** (-1.0 / (len(seen) + 4.0))
    return Prediction(
        quantities=tuple(seen),
        draws_ml=values,
        sd_ml=np.maximum(np.hypot([noise[q] for q in seen], width), 1e-6),
        observed_ml=np.array([observed[q] for q in seen], float),
    )


def weight_spread(
    found: Sequence[Sequence[Prediction]], weights: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """How weights would vary over repeats of the scored visits.

    Args:
        found: predictions of M models, each of P visits.
        weights: (M,) of the mixture that repeats are drawn from.

    Returns:
        (M, 2) 90 % intervals, and (M,) mean weight of each model over repeats of its own.
    """
    random = np.random.default_rng([seed, 0x3E1])
    repeated = [_weights_of_repeats(found, model, random) for model in range(len(found))]
    mixed = [
        rows[: int(round(share * _REPEATS))] for rows, share in zip(repeated, weights, strict=True)
    ]
    interval = np.quantile(np.concatenate(mixed), [0.05, 0.95], axis=0).T
    return interval, np.array([rows[:, m].mean() for m, rows in enumerate(repeated)])


def _weights_of_repeats(
    found: Sequence[Sequence[Prediction]], truth: int, random: np.random.Generator
) -> np.ndarray:
    """(repeats, M) weights from visits drawn from one of the models."""
    logs = np.zeros((_REPEATS, len(found)))
    for visit, source in enumerate(found[truth]):
        values = source.sample(_REPEATS, random)
        logs += np.stack([row[visit].log_density(values) for row in found], axis=1)
    return normalized(logs)


def average_scores(
    forecasts: Sequence[Forecast], weights: np.ndarray
) -> dict[str, dict[str, float]]:
    """Scores of the mixture of forecasts on held-out visits, by visit."""
    averaged = {}
    for entries in zip(*(f.held_out for f in forecasts), strict=True):
        seen = {"burden": entries[0].observed_viable_ml, "visible": entries[0].observed_visible_ml}
        scores = {}
        for quantity, value in seen.items():
            if value is None:
                continue
            draws = [getattr(e, f"predicted_{quantity}_ml") for e in entries]
            judged = judge(mixture(draws, weights), value)
            scores |= {f"{quantity}_{key}": score for key, score in judged.items()}
        averaged[entries[0].name] = scores
    return averaged


def mixture(draws: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """(about 4,096,) equally likely values: all draws of each model, repeated by its weight.

    All of them: models share their random numbers, so that a few draws of each would be the same
    few draws again.
    """
    counts = np.round(weights * _MIXTURE).astype(int)
    return np.concatenate([np.resize(v, n) for v, n in zip(draws, counts, strict=True)])


def _crps(found: Sequence[Sequence[Prediction]], seed: int) -> dict[str, np.ndarray]:
    """CRPS (M, P) of each quantity on the scored visits."""
    random = np.random.default_rng([seed, 0x3E2])
    rows = {quantity: np.full((len(found), len(found[0])), np.nan) for quantity in QUANTITIES}
    for m, row in enumerate(found):
        for p, prediction in enumerate(row):
            values = prediction.sample(_REPEATS, random)
            for q, quantity in enumerate(prediction.quantities):
                rows[quantity][m, p] = crps(values[:, q], float(prediction.observed_ml[q]))
    return rows

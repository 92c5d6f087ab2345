"""Weights of models, how sure they are, and the average of their forecasts."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy import stats

from tests.twin.calibration.cases import KNOWN, adc_patient
from twin.calibration import calibrate
from twin.calibration.evidence import evidence, log_evidence, noise_of, normalized
from twin.calibration.gauss_newton import Fit
from twin.errors import TwinError
from twin.forecasting.comparison import (
    Comparison,
    Prediction,
    compare_models,
    mixture,
    one_step_ahead,
    weight_spread,
)
from twin.forecasting.scores import crps
from twin.models import FisherKPP, Gompertz
from twin.parameters import Fixed, ParameterTable


class Still(FisherKPP):
    """A tumor that hardly grows: wrong for a patient whose tumor does."""

    def table(self, site, drugs, tissues) -> ParameterTable:
        still = {"proliferation_rate": Fixed(1e-4)}
        return super().table(site, drugs, tissues).with_priors(still)


def predicted(mean: float, sd: float, observed: float) -> Prediction:
    draws = mean + sd * stats.norm.ppf((np.arange(400) + 0.5) / 400.0)
    return Prediction(("burden",), draws[:, None], np.array([0.1 * sd]), np.array([observed]))


def test_the_predictive_density_is_that_of_the_draws_and_their_noise():
    found = predicted(5.0, 2.0, 6.0)
    places = np.array([[2.0], [6.0], [9.0]])
    expected = stats.norm.logpdf(places[:, 0], 5.0, 2.0 * np.hypot(1.0, 0.1))
    np.testing.assert_allclose(found.log_density(places), expected, atol=0.02)
    drawn = found.sample(4000, np.random.default_rng(0))
    expected = stats.norm(5.0, 2.0 * np.hypot(1.0, 0.1))
    assert stats.kstest(drawn[:, 0], expected.cdf).pvalue > 0.01


def test_models_that_predict_alike_share_the_weight_and_no_visit_could_tell_them_apart():
    same = predicted(5.0, 2.0, 6.0)
    interval, if_true = weight_spread([[same], [same]], np.array([0.5, 0.5]), 0)
    np.testing.assert_allclose(interval, 0.5)
    np.testing.assert_allclose(if_true, 0.5)


def test_models_far_apart_are_told_apart_and_some_overlap_leaves_wide_intervals():
    def spread(apart: float) -> tuple[np.ndarray, np.ndarray]:
        rows = [[predicted(5.0, 1.0, 5.0)], [predicted(5.0 + apart, 1.0, 5.0)]]
        return weight_spread(rows, np.array([0.5, 0.5]), 0)

    interval, if_true = spread(20.0)
    assert (if_true > 0.99).all() and interval[0, 0] < 0.01 and interval[0, 1] > 0.99
    interval, if_true = spread(1.0)
    assert (if_true > 0.52).all() and (if_true < 0.7).all()
    assert (interval[:, 1] - interval[:, 0] > 0.4).all()


def test_the_mixture_holds_all_draws_in_proportion_to_the_weights():
    draws = [np.linspace(m, m + 0.9, 64) for m in range(3)]
    for weights in ([0.5, 0.3, 0.2], [1.0, 0.0, 0.0], [1 / 3, 1 / 3, 1 / 3]):
        mixed = mixture(draws, np.array(weights))
        for m, weight in enumerate(weights):
            assert (np.floor(mixed) == m).mean() == pytest.approx(weight, abs=1e-3)
            assert weight == 0.0 or set(draws[m]) <= set(mixed)


def test_the_average_is_never_worse_than_the_weighted_mean_of_the_scores():
    """CRPS is convex in the forecast, also where models share their random numbers."""
    common = np.random.default_rng(5).standard_normal(64)
    draws, weights = [common, 1.0 + 1.5 * common], np.array([0.45, 0.55])
    for observed in (-2.0, 0.3, 4.0):
        single = weights @ [crps(values, observed) for values in draws]
        assert crps(mixture(draws, weights), observed) <= single + 5e-3


def test_the_evidence_of_a_linear_model_is_exact():
    """One datum y = a z + e: Z is the normal density of y under variance a² + v."""
    a, v, y = 2.0, 0.5, 1.3
    precision = 1.0 + a**2 / v
    z = a * y / v / precision
    cost = 0.5 * (y - a * z) ** 2 / v + 0.5 * z**2
    found = Fit(np.array([z]), np.array([[1.0 / precision]]), {}, True, 1, 0.0, cost)
    exact = stats.norm.logpdf(y, 0.0, np.sqrt(a**2 + v))
    constant = -0.5 * np.log(2.0 * np.pi * v)
    assert log_evidence(found) + constant == pytest.approx(exact)


@cache
def compared() -> Comparison:
    """A model that is right and one that cannot grow, on a tumor that does."""
    models = {"fisher-kpp": FisherKPP(), "still": Still()}
    return compare_models(adc_patient(0), models, visits=3, draws=32)


def test_the_model_that_grows_wins_by_both_scores_on_a_tumor_that_grows():
    found = compared()
    assert found.scored == ("day 30",) and found.log_scores.shape == (2, 1)
    assert found.weights.sum() == pytest.approx(1.0)
    assert found.weights[0] > 0.8 and found.evidence.weights[0] > 0.8
    assert found.crps["burden"][0, 0] < found.crps["burden"][1, 0]
    assert set(found.evidence.noise_from.values()) == {"fisher-kpp"}
    for (low, high), weight in zip(found.weight_interval, found.weights, strict=True):
        assert 0.0 <= low <= high <= 1.0 and 0.0 <= weight <= 1.0


def test_the_average_is_scored_on_held_out_visits_beside_each_model():
    found = compared()
    assert list(found.averaged) == ["day 45"]
    scores = found.held_out_score("burden_crps")
    assert set(scores) == {"fisher-kpp", "still", "average"}
    draws = [f.held_out[0].predicted_burden_ml for f in found.forecasts]
    seen = found.forecasts[0].held_out[0].observed_viable_ml
    assert seen is not None
    assert scores["average"] == pytest.approx(crps(mixture(draws, found.weights), seen))
    assert scores["average"] < scores["still"]


def test_visits_held_out_change_no_weight():
    patient = adc_patient(0)
    last = patient.visits[-1]
    other = replace(last, masks={"gtv": np.roll(last.masks["gtv"], 3, axis=0)}, images={})
    changed = replace(patient, visits=(*patient.visits[:-1], other))
    again = one_step_ahead(changed, FisherKPP(), 2, draws=32)
    first = one_step_ahead(patient, FisherKPP(), 2, draws=32)
    np.testing.assert_array_equal(again.draws_ml, first.draws_ml)
    np.testing.assert_array_equal(again.observed_ml, first.observed_ml)


def test_evidence_is_compared_under_one_noise():
    fitted = {}
    for name, model in {"fisher-kpp": FisherKPP(), "gompertz": Gompertz()}.items():
        posterior = calibrate(adc_patient(0), model, visits=3, priors=KNOWN)
        assert posterior.setting is not None
        fitted[name] = (posterior.setting, posterior)
    found = evidence(fitted)
    own = {name: noise_of(posterior) for name, (_, posterior) in fitted.items()}
    for kind, name in found.noise_from.items():
        assert found.noise[kind] == own[name][kind]
        assert found.noise[kind].sd == min(noise[kind].sd for noise in own.values())
    np.testing.assert_allclose(found.weights, normalized(found.log))


def test_what_a_comparison_refuses():
    with pytest.raises(TwinError, match="nothing to compare .*expected two models, got 1"):
        compare_models(adc_patient(0), {"fisher-kpp": FisherKPP()})
    both = {"fisher-kpp": FisherKPP(), "gompertz": Gompertz()}
    with pytest.raises(TwinError, match="predicting a fitted visit .*at least 3, got 2"):
        compare_models(adc_patient(0), both, visits=2)

"""Residuals and their exact derivatives."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.twin.calibration.cases import KNOWN, adc_patient
from twin.calibration.objective import Problem, evaluate, make_problem, residuals
from twin.calibration.setting import make_setting
from twin.models import FisherKPP
from twin.treatments.schedule import Schedule


def _problem(patient=None, **choices) -> Problem:
    patient = patient or adc_patient(0)
    return make_problem(make_setting(patient, FisherKPP(), priors=KNOWN, **choices))


@eqx.filter_jit
def _slopes(problem: Problem, z) -> dict[str, jax.Array]:
    return jax.jacfwd(lambda x: residuals(problem, x))(z)


def _somewhere(problem: Problem, seed: int = 0) -> np.ndarray:
    return 0.3 * np.random.default_rng(seed).standard_normal(len(problem.names))


def test_adc_and_outlines_give_two_kinds_of_residuals_and_the_first_image_none():
    problem = _problem()
    e = evaluate(problem, _somewhere(problem))
    assert set(e.residual) == {"density", "outline"}
    assert e.weight["density"][0].sum() == 0.0
    assert e.weight["density"][1:].sum(axis=1).min() > 0.0
    assert e.weight["outline"].sum(axis=1).min() > 0.0


def test_normal_equations_are_sums_over_the_residual_fields():
    problem = _problem()
    z = _somewhere(problem)
    e = evaluate(problem, z)
    for kind, cost in e.cost.items():
        assert cost.sum() == pytest.approx((e.residual[kind] ** 2).sum(), rel=1e-5)
    slopes = _slopes(problem, jnp.asarray(z, jnp.float32))
    for kind, gradient in e.gradient.items():
        slope = np.asarray(slopes[kind], float).reshape(-1, z.size)
        assert gradient.sum(axis=0) == pytest.approx(
            slope.T @ e.residual[kind].reshape(-1), rel=1e-3, abs=1e-4
        )
        assert e.curvature[kind].sum(axis=0) == pytest.approx(slope.T @ slope, rel=1e-3, abs=1e-4)


def test_derivatives_agree_with_differences_in_double_precision():
    """Central differences at h = 1e-4 in float64, for every score: 1e-4 of the largest slope."""
    single = _problem()
    z = _somewhere(single)
    slopes = _slopes(single, jnp.asarray(z, jnp.float32))
    with jax.enable_x64(True):
        problem = jax.tree.map(
            lambda a: jnp.asarray(np.asarray(a, float)) if eqx.is_inexact_array(a) else a, single
        )
        at = eqx.filter_jit(lambda x: residuals(problem, x))
        for index, name in enumerate(single.names):
            step = np.zeros(z.size)
            step[index] = 1e-4
            above, below = at(jnp.asarray(z + step)), at(jnp.asarray(z - step))
            for kind, slope in slopes.items():
                assert above[kind].dtype == jnp.float64
                difference = (np.asarray(above[kind]) - np.asarray(below[kind])) / 2e-4
                exact = np.asarray(slope, float)[..., index]
                scale = np.abs(difference).max()
                error = np.abs(exact - difference).max()
                assert error <= 1e-4 * scale + 2e-6, (name, kind, error, scale)


def test_a_parameter_that_no_visit_can_show_is_not_fitted():
    names = _problem(visits=2).names
    assert "radiosensitivity_alpha" not in names
    assert "sensitivity_temozolomide" not in names
    assert "radiosensitivity_alpha" in _problem(visits=3).names


def test_without_treatment_only_growth_and_what_is_seen_are_fitted():
    untreated = replace(adc_patient(), treatments=Schedule())
    problem = make_problem(make_setting(untreated, FisherKPP()))
    assert set(problem.names) == {
        "diffusivity",
        "proliferation_rate",
        "initial_scale",
        "infiltration_length",
        "visibility_threshold_gtv",
    }

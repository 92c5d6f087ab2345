"""Lesion models: closed forms, recovery, limits, refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from twin.errors import TwinError
from twin.lesions import LESION_MODELS, LesionModel, fit_lesions, lesion_series

DAYS = np.array([0.0, 20.0, 45.0, 80.0, 130.0])


def medians(model):
    return {n: float(p.prior.transform(0.0)) for n, p in model.table().items()}


@pytest.mark.parametrize("name", sorted(LESION_MODELS))
def test_a_curve_is_the_solution_of_its_equation(name):
    """The model's own curve, closed where it has one, against diffrax on its right-hand side."""
    model = LESION_MODELS[name]()
    with jax.enable_x64(True):
        params = {n: jnp.asarray(v) for n, v in medians(model).items()}
        given = (jnp.asarray(DAYS), jnp.asarray(10.0), jnp.asarray(0.0), params)
        found = model.log_volume(*given)
        exact = LesionModel.log_volume(model, *given)
    np.testing.assert_allclose(found, exact, atol=2e-5)


def test_intervals_hold_the_growth_of_exact_readings_and_a_batch_is_a_loop():
    rates = np.array([0.001, 0.003, 0.006])
    volumes = [(5.0 * np.exp(rate * DAYS)).tolist() for rate in rates]
    days = DAYS.tolist()
    model = LESION_MODELS["exponential"]()
    together = fit_lesions(lesion_series([days] * 3, volumes), model)
    assert together.status_counts["converged"] == 3
    assert np.all(np.diff(together.point["growth_rate"]) > 0.0)
    low, high = together.interval("growth_rate")
    assert np.all((low < rates) & (rates < high))
    alone = fit_lesions(lesion_series([days], volumes[1:2]), model)
    np.testing.assert_allclose(
        alone.point["growth_rate"], together.point["growth_rate"][1:2], rtol=1e-3
    )


def test_two_readings_do_not_determine_growth_and_slowing_both():
    fits = fit_lesions(lesion_series([[0.0, 30.0]], [[5.0, 8.0]]), LESION_MODELS["gompertz"]())
    assert {"limit_ratio", "slowing_rate"} & set(fits.undetermined(0))
    assert all(np.isfinite(v).all() for v in fits.point.values())


@pytest.mark.parametrize(
    "times, volumes, message",
    [
        ([0.0, 10.0], [5.0, -1.0], "volume"),
        ([0.0, np.nan], [5.0, 6.0], "time|day"),
        ([0.0, 10.0], [5.0], "."),
    ],
)
def test_unusable_readings_are_refused(times, volumes, message):
    with pytest.raises(TwinError, match=message):
        lesion_series([times], [volumes])

"""What noise in the first density image does to a fit, by repeating the fit on simulated data.

The first image is both datum and initial state, so its noise enters the model (errors in
variables): the cut at the noise level biases the parameters, and no residual shows it.
The fitted model makes new visits with the same noise, the same steps turn them into a problem, and
one Gauss-Newton step from the known parameters tells how far the estimate strays. The mean is
taken off, the spread is added to the covariance (parametric bootstrap, Efron & Tibshirani 1993,
doi 10.1201/9780429246593).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from twin.calibration.gauss_newton import Fit
from twin.calibration.objective import Problem, evaluate, make_problem, predicted
from twin.calibration.setting import Setting, raw_density
from twin.observation.adc import adc
from twin.observation.denoise import CLEAN, pixel_noise

REPLICATES = 16


def corrected(setting: Setting, problem: Problem, result: Fit, seed: int = 0) -> Fit:
    """The fit without the bias, and with the spread, that noise in the initial state causes.

    Unchanged where the first visit has no density image or that image is clean.
    """
    first = raw_density(setting.patient, setting.fitted[0])
    noise_sd = 0.0 if first is None else pixel_noise(*first)
    if noise_sd < CLEAN:
        return result
    seen = predicted(problem, result.z)
    random = np.random.default_rng([seed, 0xB007])
    shifts = []
    for _ in range(REPLICATES):
        repeated = _with_images(setting, seen, noise_sd, random)
        e = evaluate(make_problem(repeated), result.z)
        gradient = e.gradient["density"].sum(axis=0) / result.noise["density"].variance
        shifts.append(-result.covariance @ gradient)
    bias, spread = np.mean(shifts, axis=0), np.cov(np.array(shifts).T)
    covariance = result.covariance + (1.0 + 1.0 / REPLICATES) * np.atleast_2d(spread)
    limit = np.sqrt(np.diag(covariance))
    return replace(result, z=result.z - np.clip(bias, -2 * limit, 2 * limit), covariance=covariance)


def _with_images(
    setting: Setting, seen: np.ndarray, noise_sd: float, random: np.random.Generator
) -> Setting:
    """The setting with density images that show `seen` (V, x, y, z) and new noise."""
    visits = []
    for visit, fraction in zip(setting.fitted, seen, strict=True):
        noisy = fraction + noise_sd * random.standard_normal(fraction.shape)
        images = dict(visit.images)
        if "CELL_FRACTION" in images:
            images["CELL_FRACTION"] = replace(images["CELL_FRACTION"], data=noisy)
        elif "ADC" in images:
            images["ADC"] = replace(images["ADC"], data=adc(noisy))
        visits.append(replace(visit, images=images))
    later = setting.patient.visits[len(visits) :]
    patient = replace(setting.patient, visits=(*visits, *later))
    return replace(setting, patient=patient, fitted=tuple(visits))

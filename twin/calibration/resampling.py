"""What noise in the first density image does to a fit, by repeating the fit on simulated data.

The first image is both datum and initial state, so its noise enters the model (errors in
variables): the cut at the noise level biases the parameters, and no residual shows it. The fitted
model makes new visits with noise like that of the residuals, part of it independent and part of it
shared by neighbors; the same steps turn them into a problem; and one Gauss-Newton step from the
known parameters tells how far the estimate strays. The mean is taken off, the spread is added to
the covariance (parametric bootstrap, Efron & Tibshirani 1993, doi 10.1201/9780429246593).
"""

from __future__ import annotations

from dataclasses import replace

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from twin.calibration.gauss_newton import Fit
from twin.calibration.noise import Noise
from twin.calibration.objective import Problem, evaluate, predicted
from twin.calibration.setting import Setting, initial_state, raw_density
from twin.grid import Grid
from twin.observation.denoise import CLEAN, pixel_noise
from twin.virtual_images import FWHM_PER_SD, smooth_noise

REPLICATES = 16


def corrected(setting: Setting, problem: Problem, result: Fit, seed: int = 0) -> Fit:
    """The fit without the bias, and with the spread, that noise in the initial state causes.

    Unchanged where the first visit has no density image or that image is clean.
    """
    first = raw_density(setting.patient, setting.fitted[0])
    if first is None or "density" not in result.noise or pixel_noise(*first) < CLEAN:
        return result
    noise = result.noise["density"]
    seen = predicted(problem, result.z)
    random = np.random.default_rng([seed, 0xB007])
    shifts = []
    for _ in range(REPLICATES):
        images = [image + _noise_like(noise, setting.patient.grid, random) for image in seen]
        repeated = _with_images(setting, problem, first[1], images)
        gradient = evaluate(repeated, result.z).gradient["density"].sum(axis=0) / noise.variance
        shifts.append(-result.covariance @ gradient)
    bias, spread = np.mean(shifts, axis=0), np.cov(np.array(shifts).T)
    covariance = result.covariance + (1.0 + 1.0 / REPLICATES) * np.atleast_2d(spread)
    limit = np.sqrt(np.diag(covariance))
    moved = np.clip(bias, -2 * limit, 2 * limit)
    draws = result.draws
    if draws is not None:
        more = (1.0 + 1.0 / REPLICATES) * np.atleast_2d(spread)
        none = np.zeros(len(bias))
        draws = draws - moved + random.multivariate_normal(none, more, len(draws))
    return replace(result, z=result.z - moved, covariance=covariance, draws=draws)


def _noise_like(noise: Noise, grid: Grid, random: np.random.Generator) -> np.ndarray:
    """Noise (x, y, z) with the independent and the shared part that the residuals showed.

    A Gaussian kernel of standard deviation s voxels makes noise whose correlation sums to
    (4 pi s²)^(3/2) voxels; s is chosen so that both parts together share what was estimated.
    """
    white = noise.noise_sd * random.standard_normal(grid.shape)
    share = (noise.discrepancy_sd / noise.sd) ** 2
    voxels = (noise.correlated_voxels - (1.0 - share)) / max(share, 1e-6)
    if share < _LEAST_SHARE or voxels < 2.0:
        return noise.sd / max(noise.noise_sd, 1e-12) * white
    kernel_voxels = np.cbrt(voxels) / np.sqrt(4.0 * np.pi)
    fwhm_mm = FWHM_PER_SD * kernel_voxels * float(np.cbrt(grid.voxel_volume_mm3))
    return white + noise.discrepancy_sd * smooth_noise(grid, fwhm_mm, random)


_LEAST_SHARE = 0.02


def _with_images(
    setting: Setting, problem: Problem, region: np.ndarray, images: list[np.ndarray]
) -> Problem:
    """The problem with other density images; the first one also makes its initial state."""
    flat = np.stack([image.reshape(-1) for image in images]).astype(np.float32)
    density = jnp.asarray(flat) * problem.density_weight
    first = images[0] if "CELL_FRACTION" in setting.fitted[0].images else np.clip(images[0], 0, 1)
    initial = initial_state(setting, (first, region))
    return eqx.tree_at(lambda p: (p.initial, p.density), problem, (initial, density))

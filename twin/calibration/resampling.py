"""What noise in the images does to a fit, by repeating the fit on simulated data.

The first image is both datum and initial state, so its noise enters the model (errors in
variables): the cut at the noise level biases the parameters, and no residual shows it. The fitted
model makes new images with noise like that of the residuals, part of it independent and part of it
shared by neighbors; the same steps turn them into a problem; and one Gauss-Newton step from the
known parameters tells how far the estimate strays, and the initial state with it (parametric
bootstrap, Efron & Tibshirani 1993, doi 10.1201/9780429246593). Their means are taken off, and with
H the curvature of the fit and H_o that of the outlines alone, the covariance becomes

    H⁻¹ (1 + H_o) H⁻¹ + A A'

What prior and outlines leave open is the first part, and the columns of A are how scores stray with
noise, and what may be left of the bias. H alone would count shared noise as if all that is looked
for varied slowly beside it (open-faced sandwich, Shaby 2014, doi 10.1080/10618600.2013.842174).
Scores and initial state stray together, and so are drawn together: a tumor that the first image
shows too large is fitted by too little growth, and what is forecast from both is better known than
either.
"""

from __future__ import annotations

from dataclasses import replace

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy import stats

from twin.calibration.gauss_newton import Fit, GaussNewton
from twin.calibration.noise import Noise
from twin.calibration.objective import Evaluation, Problem, evaluate, predicted, residuals
from twin.calibration.setting import Setting, initial_state, raw_density
from twin.grid import Grid
from twin.observation.denoise import CLEAN, pixel_noise
from twin.observation.initial_state import ImageError
from twin.virtual_images import FWHM_PER_SD, smooth_noise

REPLICATES = 20
BIAS_LEFT = 1.0 / 3.0
"""Share of the bias that may be left after its correction, which is of first order (assumed; a
tenth to a third where the truth is known, tests/validation/test_recovery.py)."""
_WIDER = float(stats.t.ppf(0.95, REPLICATES - 1) / stats.norm.ppf(0.95))
"""A deviation known from few replicates: their 90 % interval is Student's."""


def corrected(
    setting: Setting, problem: Problem, result: Fit, *, known: bool = False, seed: int = 0
) -> Fit:
    """The fit without the bias, and with the spread, that noise in the images causes.

    Unchanged where the first visit has no density image or that image is clean.

    Args:
        setting, problem, result: patient, arrays and fit.
        known: the noise was given; otherwise it is that of the residuals, which holds more.
        seed: of the repeated noise.
    """
    first = raw_density(setting.patient, setting.fitted[0])
    if first is None or "density" not in result.noise or pixel_noise(*first) < CLEAN:
        return result
    random = np.random.default_rng([seed, 0xB007])
    found = evaluate(problem, result.z)
    strayed, fields, level = _strayings(setting, problem, result, found, first[1], random)
    level = 1.0 if known else level
    # The cut follows the noise, and what it takes the cut.
    bias, displaced = level * strayed.mean(axis=0), level * fields.mean(axis=0)
    scale = level * _WIDER * np.sqrt((1.0 + 1.0 / REPLICATES) / (REPLICATES - 1.0))
    strays = np.vstack([scale * (strayed - strayed.mean(axis=0)), BIAS_LEFT * bias])
    modes = np.vstack([scale * (fields - fields.mean(axis=0)), BIAS_LEFT * displaced])
    gain = strays.T
    left = result.covariance
    # Few replicates show few of many directions (coefficients of maps): H⁻¹ stays for those.
    if len(result.z) <= REPLICATES // 2:
        stated = np.eye(len(result.z))
        if "outline" in result.noise:
            stated += found.curvature["outline"].sum(axis=0) / result.noise["outline"].variance
        left = left @ stated @ left
    limit = 2.0 * np.sqrt(np.diag(left + gain @ gain.T))
    z = result.z - np.clip(bias, -limit, limit)
    draws, image_draws = result.draws, None
    if draws is not None:
        reshape = np.linalg.cholesky(left) @ np.linalg.inv(np.linalg.cholesky(result.covariance))
        image_draws = random.standard_normal((len(draws), len(modes)))
        draws = z + (draws - result.z) @ reshape.T + image_draws @ gain.T
    return replace(
        result,
        z=z,
        covariance=left + gain @ gain.T,
        draws=draws,
        noise=result.noise | {"density": result.noise["density"].scaled(level)},
        image_error=ImageError(
            jnp.asarray(displaced, jnp.float32), jnp.asarray(modes, jnp.float32)
        ),
        image_gain=gain,
        image_draws=image_draws,
    )


def _strayings(
    setting: Setting,
    problem: Problem,
    result: Fit,
    found: Evaluation,
    region: np.ndarray,
    random: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, float]:
    """Scores (R, K) and initial states (R, N) less the true ones of repeated images, and the level
    of noise in the images relative to that of the residuals.

    Residuals hold the noise of their image and what became of that of the first one; images made
    with the noise of the residuals leave larger ones than were seen, by the level.
    """
    noise, count = result.noise["density"], float(found.weight["density"].sum())
    z = jnp.asarray(result.z, jnp.float32)
    params = problem.table.values_at(dict(zip(problem.names, result.z, strict=True)))
    start = np.asarray(problem.initial(params))
    seen, drawn = predicted(problem, result.z), _without_outline_residual(problem, z)
    strayed, fields, squares = [], [], []
    for _ in range(REPLICATES):
        images = [image + _noise_like(noise, setting.patient.grid, random) for image in seen]
        repeated = _with_images(setting, drawn, region, images)
        again = evaluate(repeated, result.z)
        slopes = [again.gradient[kind].sum(axis=0) / n.variance for kind, n in result.noise.items()]
        step = -result.covariance @ np.sum(slopes, axis=0)
        step *= min(1.0, GaussNewton.max_step / max(np.abs(step).max(), 1e-30))
        strayed.append(step)
        fields.append(np.asarray(repeated.initial(params)) - start)
        squares.append(float(again.cost["density"].sum()))
    # A fit explains part of the noise that it meets, and has of that of the residuals.
    told = result.covariance @ found.curvature["density"].sum(axis=0) / noise.variance
    explained = np.trace(2.0 * told - told @ told) / noise.effective_count
    left = np.mean(squares) / count * (1.0 - min(float(explained), 0.5))
    level = min(1.0, noise.sd / np.sqrt(left))
    return np.array(strayed), np.array(fields), float(level)


def _without_outline_residual(problem: Problem, z: Float[Array, " k"]) -> Problem:
    """The problem with outlines as the model itself would have them."""
    if not problem.labels:
        return problem
    missed = residuals(problem, z)["outline"]
    return eqx.tree_at(lambda p: p.drawn, problem, problem.drawn + missed)


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

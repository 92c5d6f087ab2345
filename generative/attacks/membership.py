"""Was this patient in the training? Attacks that see the synthetic cohort, and real patients.

- density ratio (DOMIAS, van Breugel et al. 2023, https://arxiv.org/abs/2302.12580): where synthetic
  patients are denser than real ones, the generator has overfitted. Densities are those of nearest
  neighbors or of a Gaussian kernel, in principal components of the features;
- nearest synthetic patient, by features, by voxels, or by what flips and shifts do not change;
- any score that the caller brings, as of a discriminator.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from scipy.spatial.distance import cdist
from scipy.special import logsumexp

from generative.attacks.copies import Comparison
from generative.attacks.outcome import Membership, judge
from generative.cohort import ScanCohort
from generative.metrics.distances import standardized

COMPONENTS = 8
_VOXELS = 8

Scores = tuple[Float[np.ndarray, " m"], Float[np.ndarray, " q"]]


def membership_attacks(
    synthetic: ScanCohort,
    members: ScanCohort,
    nonmembers: ScanCohort,
    features: tuple[np.ndarray, np.ndarray, np.ndarray],
    *,
    extra: Mapping[str, Scores] | None = None,
    seed: int = 0,
) -> Membership:
    """Attack every member and as many non-members as there are.

    Args:
        synthetic: what the attacker holds.
        members: patients of the training.
        nonmembers: patients of the same law that the generator never saw.
        features: of the three, as `generative.metrics.features` gives them.
        extra: name -> scores of members and non-members, higher for members; an attack from inside,
            as by a discriminator.
        seed: of the bootstrap.
    """
    made, known, other = features
    scores = {
        "density ratio, nearest neighbors": density_ratio(made, known, other, kernel=False),
        "density ratio, kernel": density_ratio(made, known, other, kernel=True),
        "nearest features": nearest_features(made, known, other),
        "nearest voxels": nearest_voxels(synthetic, members, nonmembers),
        "nearest up to flips and shifts": nearest_turned(synthetic, members, nonmembers),
        **(extra or {}),
    }
    return judge(scores, seed=seed)


def density_ratio(
    synthetic: Float[np.ndarray, "s k"],
    members: Float[np.ndarray, "m k"],
    nonmembers: Float[np.ndarray, "q k"],
    *,
    kernel: bool,
) -> Scores:
    """Log density of synthetic over that of real patients, the patient itself left out.

    The real density is that of equally many members and non-members, so that it favors neither.
    """
    size = min(len(members), len(nonmembers))
    reference = np.concatenate([members[:size], nonmembers[:size]])
    turn = _components(reference)
    around, made = turn(reference), turn(synthetic)
    density = _kernel_density if kernel else _neighbor_density

    def score(rows: np.ndarray) -> np.ndarray:
        turned = turn(rows)
        apart = cdist(turned, around)
        apart[apart < 1e-9] = np.inf
        return density(cdist(turned, made), COMPONENTS) - density(apart, COMPONENTS)

    return score(members), score(nonmembers)


def nearest_features(
    synthetic: Float[np.ndarray, "s k"],
    members: Float[np.ndarray, "m k"],
    nonmembers: Float[np.ndarray, "q k"],
) -> Scores:
    """Minus the distance to the nearest synthetic patient, in standardized features."""
    scale = np.concatenate([members, nonmembers])
    _, made, known, other = standardized(scale, synthetic, members, nonmembers)
    return -cdist(known, made).min(axis=1), -cdist(other, made).min(axis=1)


def nearest_voxels(synthetic: ScanCohort, members: ScanCohort, nonmembers: ScanCohort) -> Scores:
    """Minus the distance to the nearest synthetic patient, over coarse voxels of all scans."""
    made, known, other = (_coarse(cohort) for cohort in (synthetic, members, nonmembers))
    return -cdist(known, made).min(axis=1), -cdist(other, made).min(axis=1)


def nearest_turned(synthetic: ScanCohort, members: ScanCohort, nonmembers: ScanCohort) -> Scores:
    """Largest similarity to any synthetic patient that flips, axes and shifts do not change."""
    compare = Comparison(synthetic)
    return compare.nearest(members)[0], compare.nearest(nonmembers)[0]


def _components(reference: np.ndarray):
    """A function to principal components of unit spread."""
    (rows,) = standardized(reference)
    middle, spread = reference.mean(axis=0), reference.std(axis=0)
    spread = np.where(spread > 1e-9, spread, 1.0)
    _, values, axes = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    count = min(COMPONENTS, len(values))
    scale = np.maximum(values[:count] / np.sqrt(len(rows)), 1e-6)
    return lambda cohort: np.clip((cohort - middle) / spread, -8.0, 8.0) @ axes[:count].T / scale


def _neighbor_density(distances: np.ndarray, dimensions: int) -> np.ndarray:
    """By the nearest patient alone: a generator that overfits puts one beside each member."""
    near = distances.min(axis=1)
    return -dimensions * np.log(near + 1e-6) - np.log(distances.shape[1])


def _kernel_density(distances: np.ndarray, dimensions: int) -> np.ndarray:
    """Gaussian kernel of Scott's width, for data of unit spread."""
    width = distances.shape[1] ** (-1.0 / (dimensions + 4))
    return logsumexp(-0.5 * (distances / width) ** 2, axis=1) - np.log(distances.shape[1])


def _coarse(cohort: ScanCohort) -> Float[np.ndarray, "n v"]:
    """Coarse voxels of all scans, each patient with mean 0 and spread 1."""
    images = cohort.images
    for axis in (2, 3, 4):
        count = images.shape[axis] // _VOXELS * _VOXELS
        step = max(count // _VOXELS, 1)
        kept = np.take(images, np.arange(images.shape[axis] // step * step), axis=axis)
        shape = [*kept.shape[:axis], kept.shape[axis] // step, step, *kept.shape[axis + 1 :]]
        images = kept.reshape(shape).mean(axis=axis + 1)
    rows = images.reshape(len(images), -1).astype(np.float64)
    rows = rows - rows.mean(axis=1, keepdims=True)
    return rows / np.maximum(rows.std(axis=1, keepdims=True), 1e-6)

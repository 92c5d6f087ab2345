"""How far apart two cohorts are in the space of their features.

    Fréchet:  d² = |μ₁ - μ₂|² + tr(C₁ + C₂ - 2 (C₁ C₂)^½)        (Dowson and Landau 1982)
    MMD²:     E k(x, x') + E k(y, y') - 2 E k(x, y),  k Gaussian   (Gretton et al. 2012, JMLR 13)

Fréchet distances depend on the number of patients. They are therefore read beside that of two
halves of the real cohort, and both are taken between equally many patients.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial.distance import cdist

from generative.metrics.figure import Figure, interval

SPLITS = 24
MOST = 1500
_SPLITS_A_DRAW = 8
_FARTHEST = 8.0


@dataclass(frozen=True)
class Frechet:
    """Fréchet distance of features.

    Attributes:
        distance: of synthetic to real patients.
        floor: of two halves of the real ones.
        ratio: the first over the second, with its interval.
        patients: how many on each side.
    """

    distance: float
    floor: float
    ratio: Figure
    patients: int


@dataclass(frozen=True)
class Mmd:
    """Unbiased squared maximum mean discrepancy, and how often chance gives as much."""

    value: float
    p_value: float


def standardized(
    real: Float[np.ndarray, "n k"], *others: Float[np.ndarray, "_ k"]
) -> tuple[np.ndarray, ...]:
    """Cohorts in units of the real one's spread, its mean at 0; far outliers are drawn in."""
    middle, spread = real.mean(axis=0), real.std(axis=0)
    spread = np.where(spread > 1e-9, spread, 1.0)
    return tuple(
        np.clip((rows - middle) / spread, -_FARTHEST, _FARTHEST) for rows in (real, *others)
    )


def frechet(one: Float[np.ndarray, "n k"], other: Float[np.ndarray, "m k"]) -> float:
    """Squared Fréchet distance of the normal laws of two cohorts, covariances shrunk."""
    first, second = shrunk_covariance(one), shrunk_covariance(other)
    values, vectors = np.linalg.eigh(first)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    both = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ second @ root), 0.0)).sum()
    apart = float(((one.mean(axis=0) - other.mean(axis=0)) ** 2).sum())
    return max(0.0, apart + float(np.trace(first) + np.trace(second) - 2.0 * both))


def shrunk_covariance(rows: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "k k"]:
    """Covariance drawn towards a multiple of the identity, by as much as few patients need
    (Ledoit and Wolf 2004, https://doi.org/10.1016/S0047-259X(03)00096-4)."""
    centered = rows - rows.mean(axis=0)
    count, size = rows.shape
    sample = centered.T @ centered / count
    middle = float(np.trace(sample)) / size
    away = float((sample**2).sum()) - size * middle**2
    noise = (float(((centered**2).sum(axis=1) ** 2).mean()) - float((sample**2).sum())) / count
    share = min(max(noise, 0.0) / away, 1.0) if away > 0.0 else 1.0
    return (1.0 - share) * sample + share * middle * np.eye(size)


def frechet_against_floor(
    real: Float[np.ndarray, "n k"],
    synthetic: Float[np.ndarray, "m k"],
    *,
    draws: int = 80,
    seed: int = 0,
) -> Frechet:
    """Fréchet distance of standardized features beside the floor of two real halves.

    Every split takes half of the real patients against the other half, and against as many
    synthetic ones. The interval is of cohorts drawn with replacement, each split a few times;
    copies of a patient stay in one half.
    """
    random = np.random.default_rng(seed)
    size = min(len(real) // 2, len(synthetic))
    found = np.mean([_split(real, synthetic, size, random) for _ in range(SPLITS)], axis=0)
    ratios = []
    for _ in range(draws):
        others = synthetic[random.integers(0, len(synthetic), len(synthetic))]
        rows = random.integers(0, len(real), len(real))
        parts = [_split(real, others, size, random, rows) for _ in range(_SPLITS_A_DRAW)]
        ratios.append(np.divide(*np.mean(parts, axis=0)))
    ratio = float(found[0] / found[1])
    # Repeated patients raise all distances alike: the interval is moved to the figure.
    drawn = np.array(ratios) * ratio / float(np.mean(ratios))
    return Frechet(float(found[0]), float(found[1]), interval(ratio, drawn), size)


def mmd(
    real: Float[np.ndarray, "n k"],
    synthetic: Float[np.ndarray, "m k"],
    *,
    permutations: int = 200,
    seed: int = 0,
) -> Mmd:
    """Unbiased MMD² with the median distance as width, and its permutation p-value.

    Of cohorts of more than `MOST` patients so many are drawn: the kernel holds all pairs.
    """
    random = np.random.default_rng(seed)
    real, synthetic = (rows[random.permutation(len(rows))[:MOST]] for rows in (real, synthetic))
    rows = np.concatenate([real, synthetic])
    squared = cdist(rows, rows, "sqeuclidean")
    width = float(np.median(squared[np.triu_indices(len(rows), 1)]))
    kernel = np.exp(-squared / max(width, 1e-12))
    np.fill_diagonal(kernel, 0.0)
    labels = np.zeros((permutations + 1, len(rows)))
    labels[:, : len(real)] = 1.0
    for order in labels[1:]:
        random.shuffle(order)
    n, m = len(real), len(synthetic)
    within = np.einsum("bi,bi->b", labels @ kernel, labels)
    across = np.einsum("bi,bi->b", labels @ kernel, 1.0 - labels)
    other = kernel.sum() - within - 2.0 * across
    values = within / (n * (n - 1)) + other / (m * (m - 1)) - 2.0 * across / (n * m)
    p_value = (1 + int((values[1:] >= values[0] - 1e-15).sum())) / (1 + permutations)
    return Mmd(float(values[0]), p_value)


def _split(
    real: np.ndarray,
    synthetic: np.ndarray,
    size: int,
    random: np.random.Generator,
    rows: np.ndarray | None = None,
) -> tuple[float, float]:
    """(synthetic against a real half, two real halves against each other)."""
    order = random.permutation(len(real))
    halves = [order[: len(order) // 2], order[len(order) // 2 :]]
    if rows is not None:
        halves = [rows[np.isin(rows, half)] for half in halves]
    one, other = (real[half[:size]] for half in halves)
    some = synthetic[random.permutation(len(synthetic))[: len(one)]]
    return frechet(one, some), frechet(one, other)

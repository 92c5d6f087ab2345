"""Radiomics of a patient as one vector: intensity, texture and shape at first, then their change.

A small, fast set, chosen to be invariant to flips and to permutations of axes of cubic voxels, so
that it judges cohorts of thousands. Texture is that of the Image Biomarker Standardisation
Initiative (Zwanenburg et al. 2020, https://doi.org/10.1148/radiol.2020191145) at 16 gray levels.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from generative.cohort import ScanCohort
from twin.radiomics.histogram import FixedBinCount
from twin.radiomics.region import OFFSETS
from twin.radiomics.shape import principal_axes_mm

LEVELS = 16
CHANGE = "change"
_MARGIN = 3
_BINS = FixedBinCount(LEVELS)
_I, _J = np.indices((LEVELS, LEVELS)) + 1.0


def features(cohort: ScanCohort) -> tuple[tuple[str, ...], Float[np.ndarray, "n k"]]:
    """Names and values of the features of every patient; all finite.

    Names that begin with `change_` look at later scans, all others at the first scan alone.
    """
    spacing_mm = np.asarray(cohort.spacing_mm, float)
    rows = [
        patient_features(images, masks, spacing_mm)
        for images, masks in zip(cohort.images, cohort.masks, strict=True)
    ]
    return tuple(rows[0]), np.array([list(row.values()) for row in rows])


def first_scan_only(names: tuple[str, ...]) -> Bool[np.ndarray, " k"]:
    """Which features need the first scan alone: what a prediction of the response may use."""
    return np.array([not name.startswith(CHANGE) for name in names])


def patient_features(
    images: Float[np.ndarray, "t x y z"],
    masks: Bool[np.ndarray, "t x y z"],
    spacing_mm: Float[np.ndarray, "3"],
) -> dict[str, float]:
    """Features of the scans of one patient, by name."""
    images, masks = _cropped(images, masks)
    images = images.astype(np.float64)
    first, mask = images[0], masks[0]
    values = first[mask]
    levels = np.zeros(mask.shape, np.int64)
    levels[mask] = _BINS.levels(values)
    found = _intensity(values, levels[mask]) | _texture(levels) | _shape(mask, spacing_mm)
    found |= _border(first, mask, spacing_mm)
    for scan in range(1, len(images)):
        changed = _change(images[scan], masks[scan], first, mask, spacing_mm)
        found |= {f"{CHANGE}{scan}_{name}": value for name, value in changed.items()}
    return found


def _intensity(values: np.ndarray, levels: np.ndarray) -> dict[str, float]:
    mean, spread = float(values.mean()), float(values.std())
    unit = (values - mean) / spread if spread > 1e-9 * max(abs(mean), 1e-9) else 0.0 * values
    low, middle, high = np.quantile(values, (0.1, 0.5, 0.9))
    share = np.bincount(levels, minlength=LEVELS + 1)[1:] / len(levels)
    return {
        "intensity_mean": mean,
        "intensity_sd": spread,
        "intensity_skewness": float((unit**3).mean()),
        "intensity_kurtosis": float((unit**4).mean()),
        "intensity_p10": float(low),
        "intensity_median": float(middle),
        "intensity_p90": float(high),
        "intensity_entropy": _entropy(share),
    }


def _texture(levels: np.ndarray) -> dict[str, float]:
    """Of the co-occurrence matrix of 13 directions in space."""
    counts = cooccurrence(levels)
    total = counts.sum()
    p = counts / total if total else counts
    distance = np.abs(_I - _J)
    marginal = p.sum(axis=1)
    mean = float((marginal * _I[:, 0]).sum())
    variance = float((marginal * (_I[:, 0] - mean) ** 2).sum())
    covariance = float((p * (_I - mean) * (_J - mean)).sum())
    return {
        "texture_contrast": float((p * distance**2).sum()),
        "texture_dissimilarity": float((p * distance).sum()),
        "texture_inverse_difference": float((p / (1.0 + distance)).sum()),
        "texture_correlation": covariance / variance if variance > 0.0 else 1.0,
        "texture_joint_entropy": _entropy(p),
        "texture_energy": float((p**2).sum()),
        "texture_cluster_shade": float(np.cbrt((p * (_I + _J - 2.0 * mean) ** 3).sum())),
    }


def cooccurrence(levels: np.ndarray) -> Float[np.ndarray, "levels levels"]:
    """Symmetric counts of neighboring gray levels, over all directions; 0 is outside."""
    padded = np.pad(levels, 1)
    middle = tuple(slice(1, -1) for _ in range(3))
    here = padded[middle].ravel()
    inside = here > 0
    here = here[inside] * (LEVELS + 1)
    cells = [
        here
        + padded[
            tuple(slice(1 + d, n - 1 + d) for d, n in zip(o, padded.shape, strict=True))
        ].ravel()[inside]
        for o in OFFSETS
    ]
    counts = np.bincount(np.concatenate(cells), minlength=(LEVELS + 1) ** 2)
    counts = counts.reshape(LEVELS + 1, LEVELS + 1)[1:, 1:].astype(float)
    return counts + counts.T


def _shape(mask: np.ndarray, spacing_mm: np.ndarray) -> dict[str, float]:
    index = np.argwhere(mask)
    voxel = float(spacing_mm.prod())
    volume = len(index) * voxel
    axes = principal_axes_mm(index * spacing_mm)
    longest = max(float(axes[0]), 1e-9)
    return {
        "shape_log_volume": float(np.log(volume / 1000.0)),
        "shape_roundness": (36.0 * np.pi * volume**2) ** (1 / 3) / _surface(mask, spacing_mm),
        "shape_elongation": float(axes[1]) / longest,
        "shape_flatness": float(axes[2]) / longest,
        "shape_fill": volume / max(float(np.pi / 6.0 * axes.prod()), voxel),
    }


def _surface(mask: np.ndarray, spacing_mm: np.ndarray) -> float:
    """Area of the faces between inside and outside, mm²."""
    padded = np.pad(mask, 1).astype(np.int8)
    voxel = float(spacing_mm.prod())
    return sum(
        float(np.abs(np.diff(padded, axis=axis)).sum()) * voxel / spacing_mm[axis]
        for axis in range(3)
    )


def _border(image: np.ndarray, mask: np.ndarray, spacing_mm: np.ndarray) -> dict[str, float]:
    """How the tumor's core differs from its rim, and how sharply it ends."""
    padded = np.pad(mask, 1)  # a tumor that reaches the end of the volume ends there
    depth = np.asarray(ndimage.distance_transform_edt(padded, sampling=spacing_mm))
    depth = depth[1:-1, 1:-1, 1:-1]
    away = np.asarray(ndimage.distance_transform_edt(~mask, sampling=spacing_mm))
    edge = float(spacing_mm.max())
    inside = image[mask]
    deep = depth[mask] >= np.quantile(depth[mask], 0.7)
    ring = (away > 0.0) & (away <= 2.5 * edge)
    steps = np.sqrt(sum(slope**2 for slope in np.gradient(image, *spacing_mm)))
    near = (depth > 0.0) & (depth <= 1.1 * edge) | (away > 0.0) & (away <= 1.1 * edge)
    return {
        "border_core_minus_rim": float(inside[deep].mean() - inside[~deep].mean())
        if not deep.all()
        else 0.0,
        "border_contrast": float(inside.mean() - image[ring].mean()) if ring.any() else 0.0,
        "border_ring_sd": float(image[ring].std()) if ring.any() else 0.0,
        "border_slope": float(steps[near].mean()),
        "border_inner_slope": float(steps[mask].mean()),
    }


def _change(
    image: np.ndarray,
    mask: np.ndarray,
    first: np.ndarray,
    first_mask: np.ndarray,
    spacing_mm: np.ndarray,
) -> dict[str, float]:
    """Of a later scan against the first; the first mask tells where to look in both."""
    before, after = first[first_mask], image[first_mask]
    counts = float(mask.sum()), float(first_mask.sum())
    shared = float((mask & first_mask).sum())
    spreads = float(before.std() * after.std())
    covariance = float(((before - before.mean()) * (after - after.mean())).mean())
    return {
        "log_volume": float(np.log((counts[0] + 1.0) / (counts[1] + 1.0))),
        "overlap": 2.0 * shared / (counts[0] + counts[1]),
        "mean": float(after.mean() - before.mean()),
        "sd": float(after.std() - before.std()),
        "p90": float(np.quantile(after, 0.9) - np.quantile(before, 0.9)),
        "correlation": covariance / spreads if spreads > 1e-9 else 0.0,
    }


def _cropped(images: np.ndarray, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The box around all masks of a patient, with a margin."""
    index = np.argwhere(masks.any(axis=0))
    low = np.maximum(index.min(axis=0) - _MARGIN, 0)
    high = index.max(axis=0) + 1 + _MARGIN
    box = (slice(None), *(slice(int(a), int(b)) for a, b in zip(low, high, strict=True)))
    return images[box], masks[box]


def _entropy(p: np.ndarray) -> float:
    held = p[p > 0.0]
    return float(-(held * np.log2(held)).sum())

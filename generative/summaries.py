"""A few numbers of each patient: size, shape, brightness, texture, border, course.

Each comes from one patient's scans alone, so that a sum over patients can be paid for under a
privacy budget. Brightness is in units of the modality's usual contrast.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from generative.cohort import ScanCohort
from generative.renderer import levels_of

FIRST = (
    "log_volume",
    "log_surface",
    "elongation",
    "flatness",
    "background",
    "background_spread",
    "log_contrast",
    "log_spread",
    "skewness",
    "log_kurtosis",
    "log_grain",
    "core",
    "inner_border",
    "outer_border",
    "log_noise",
    "log_noise_grain",
)
LATER = ("log_volume_ratio", "brightness_ratio", "spread_ratio", "overlap", "pattern")
_REACH = 3  # voxels around the tumor that the background is taken from
_TINY = 1e-3


def summary_names(scans: int) -> tuple[str, ...]:
    """Names of the numbers of a patient with so many scans."""
    later = [f"{name}_{scan}" for scan in range(1, scans) for name in LATER]
    return (*FIRST, *later)


def summarize(cohort: ScanCohort) -> Float[np.ndarray, "n k"]:
    """Numbers of each patient, in the order of `summary_names`."""
    return summarize_scans(cohort.images, cohort.masks, cohort.modality)


def summarize_scans(
    images: Float[np.ndarray, "n t x y z"], masks: Bool[np.ndarray, "n t x y z"], modality: str
) -> Float[np.ndarray, "n k"]:
    """Numbers of each patient, from arrays."""
    levels = levels_of(modality)
    scale = float(np.sqrt(levels.contrast[0] * levels.contrast[1]))
    scaled = (images - np.float32(levels.soft)) / np.float32(scale)
    return np.stack([_patient(*scans) for scans in zip(scaled, masks, strict=True)])


def _patient(
    images: Float[np.ndarray, "t x y z"], masks: Bool[np.ndarray, "t x y z"]
) -> Float[np.ndarray, " k"]:
    image, mask = _crop(images, masks)
    first, tumor = image[0], mask[0]
    depth = np.asarray(ndimage.distance_transform_edt(tumor))
    outside = np.asarray(ndimage.distance_transform_cdt(~tumor, "chessboard"))
    around = (outside > 1) & (outside <= _REACH)
    background = float(np.median(first[around])) if around.any() else 0.0
    values = first[tumor]
    mean, spread = float(values.mean()), float(values.std())
    contrast = max(mean - background, _TINY)
    volume = float(tumor.sum())
    deepest = depth >= np.quantile(depth[tumor], 0.75)
    rest = tumor & ~deepest
    rim, ring = tumor & (depth <= 1.0), outside == 1
    noise = first - np.asarray(ndimage.uniform_filter(first, 3))
    found = [
        np.log(volume),
        np.log(_faces(tumor) / volume ** (2.0 / 3.0)),
        *_axes(tumor),
        np.arcsinh(3.0 * background),
        np.log(float(first[around].std()) + 0.01) if around.any() else np.log(0.01),
        np.log(contrast),
        np.log(spread / contrast + 0.01),
        float(((values - mean) ** 3).mean()) / max(spread, _TINY) ** 3,
        np.log(float(((values - mean) ** 4).mean()) / max(spread, _TINY) ** 4 + 0.1),
        np.log(_neighbor_spread(first, tumor) / max(spread, _TINY) + 0.01),
        _mean(first, deepest, mean) / contrast - _mean(first, rest, mean) / contrast,
        (_mean(first, rim, mean) - background) / contrast,
        (_mean(first, ring, background) - background) / contrast,
        np.log(float(noise[around].std()) / contrast + 0.01) if around.any() else np.log(0.01),
        np.log(_neighbor_spread(noise, around) / max(float(noise[around].std()), _TINY) + 0.01)
        if around.any()
        else 0.0,
    ]
    for later, seen in zip(image[1:], mask[1:], strict=True):
        inside = later[tumor]
        found += [
            np.log((seen.sum() + 4.0) / (volume + 4.0)),
            (float(inside.mean()) - background) / contrast,
            np.log(float(inside.std()) / max(spread, _TINY) + 0.1),
            2.0 * float((seen & tumor).sum()) / (float(seen.sum()) + volume),
            _likeness(values, inside),
        ]
    return np.asarray(found)


def _crop(images: np.ndarray, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The box of the first mask and its surroundings: nothing else is looked at in detail."""
    box = tuple(
        slice(max(part.start - _REACH - 1, 0), part.stop + _REACH + 1)
        for part in ndimage.find_objects(masks[0].astype(np.int8))[0]
    )
    return images[(slice(None), *box)], masks[(slice(None), *box)]


def _faces(mask: np.ndarray) -> float:
    """Voxel faces of the surface."""
    padded = np.pad(mask, 1)
    return float(sum((np.diff(padded, axis=axis) != 0).sum() for axis in range(3)))


def _axes(mask: np.ndarray) -> tuple[float, float]:
    """Logarithms of the longest and of the middle principal axis by the shortest."""
    places = np.argwhere(mask)
    if len(places) < 4:
        return 0.0, 0.0
    axes = np.linalg.eigvalsh(np.cov(places.T) + np.eye(3) / 12.0)
    return float(0.5 * np.log(axes[2] / axes[0])), float(0.5 * np.log(axes[1] / axes[0]))


def _neighbor_spread(image: np.ndarray, where: np.ndarray) -> float:
    """Root mean square of differences to the next voxel, both inside `where`."""
    squares, count = 0.0, 0
    for axis in range(3):
        both = np.take(where, range(1, where.shape[axis]), axis) & np.take(
            where, range(where.shape[axis] - 1), axis
        )
        steps = np.diff(image, axis=axis)[both]
        squares, count = squares + float((steps**2).sum()), count + steps.size
    return float(np.sqrt(squares / max(count, 1)))


def _mean(image: np.ndarray, where: np.ndarray, otherwise: float) -> float:
    return float(image[where].mean()) if where.any() else otherwise


def _likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Correlation of the same voxels at two times, as Fisher's z."""
    away = one - one.mean(), other - other.mean()
    spread = float(np.sqrt((away[0] ** 2).sum() * (away[1] ** 2).sum()))
    correlation = float((away[0] * away[1]).sum()) / max(spread, _TINY)
    return float(np.arctanh(np.clip(correlation, -0.99, 0.99)))

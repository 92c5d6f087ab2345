"""What lies around a tumor and within it: its ring, its rim, and habitats of alike voxels.

    contrast = (mean of tumor - mean of ring) / mean of both

The ring is `twin.imaging.regions.peritumoral_ring`, habitats are k-means clusters of intensity. How
mixed they are is the share of faces between voxels of different habitats.
"""

from __future__ import annotations

import numpy as np

from twin.imaging.image import Image
from twin.imaging.regions import habitats, peritumoral_ring

FLAT = 1e-5
"""Relative range of intensities below which a tumor counts as uniform."""


def ring_features(image: Image, mask: Image, width_mm: float) -> dict[str, float]:
    """Intensity in a ring around the tumor, and how the tumor stands out from it.

    A mask that reaches the image's border everywhere has no ring: then a TwinError says so.
    """
    ring = peritumoral_ring(mask, width_mm=width_mm).data > 0
    around, tumor = image.data[ring].astype(float), image.data[mask.data > 0].astype(float)
    total = abs(tumor.mean()) + abs(around.mean())
    return {
        "mean": float(around.mean()),
        "std": float(around.std()),
        "max": float(around.max()),
        "p90": float(np.percentile(around, 90)),
        "contrast": float((tumor.mean() - around.mean()) / total) if total else 0.0,
    }


def habitat_features(image: Image, mask: Image, count: int) -> dict[str, float]:
    """Share, mean and mixing of habitats, from the darkest to the brightest.

    A tumor with fewer different intensities than habitats has one habitat, its whole.
    """
    inside = mask.data > 0
    values = image.data[inside].astype(float)
    if len(np.unique(values)) < count or np.ptp(values) <= FLAT * np.abs(values).max():
        labels = inside.astype(int)
    else:
        labels = habitats([image], mask, count).data.astype(int)
    found = {"mixing": _mixing(labels)}
    for number in range(1, count + 1):
        members = values[labels[inside] == number]
        found[f"{number}_share"] = len(members) / len(values)
        found[f"{number}_mean"] = float(members.mean()) if len(members) else float(values.mean())
    return found


def _mixing(labels: np.ndarray) -> float:
    """Share of the faces within a tumor that lie between voxels of different habitats."""
    faces = different = 0
    for axis in range(3):
        ahead, behind = np.moveaxis(labels, axis, 0)[1:], np.moveaxis(labels, axis, 0)[:-1]
        within = (ahead > 0) & (behind > 0)
        faces += int(within.sum())
        different += int((within & (ahead != behind)).sum())
    return different / faces if faces else 0.0

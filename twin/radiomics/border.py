"""How ragged a region's border is: fractal dimension and lacunarity.

    dimension: slope of log N(s) against log 1/s,   N(s): boxes of s voxels that hold border
    lacunarity(s): variance / mean² + 1 of the border voxels per box that holds any

Box counting after Mandelbrot 1982; lacunarity after Allain and Cloitre 1991,
doi 10.1103/PhysRevA.44.3552. Boxes are counted on cubic voxels, in two positions each.
"""

from __future__ import annotations

import numpy as np

from twin.radiomics.shape import crop_to

BOXES = (1, 2, 4, 8)
"""Edges of the boxes, in voxels."""


def border_features(mask: np.ndarray) -> dict[str, float]:
    """Fractal dimension of the border (2 for a smooth one, more for a ragged one) and lacunarity.

    Args:
        mask: (x, y, z), true inside, on voxels that are cubic or nearly so.
    """
    border = border_voxels(mask)
    largest = max(BOXES[1], max(border.shape) // 2)
    sizes = [s for s in BOXES if s <= largest]
    counts, lacunarities = [], []
    for size in sizes:
        boxes = [_in_boxes(border, size, shift) for shift in {0, size // 2}]
        occupied = [b[b > 0] for b in boxes]
        counts.append(min(len(b) for b in occupied))
        lacunarities.append(float(np.mean([1 + b.var() / b.mean() ** 2 for b in occupied])))
    slope = np.polyfit(np.log(sizes), np.log(counts), 1)[0]
    return {
        "fractal_dimension": float(-slope),
        "lacunarity": float(np.mean(lacunarities[1:])),
    }


def border_voxels(mask: np.ndarray) -> np.ndarray:
    """Voxels of a mask that share a face with the outside, in the box of the mask."""
    from scipy.ndimage import binary_erosion

    inside = crop_to(np.asarray(mask, bool))[0]
    return inside & np.logical_not(binary_erosion(inside))


def _in_boxes(border: np.ndarray, size: int, shift: int) -> np.ndarray:
    """Number of border voxels in each box of an edge, the grid of boxes moved by a shift."""
    widths = [(shift, -(n + shift) % size) for n in border.shape]
    padded = np.pad(border, widths)
    x, y, z = (n // size for n in padded.shape)
    return padded.reshape(x, size, y, size, z, size).sum(axis=(1, 3, 5)).ravel()

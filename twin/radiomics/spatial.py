"""How intensity lies in space: its center, clustering (Moran, Geary) and peaks.

    Moran's I = N / W sum w_ij (x_i - m)(x_j - m) / sum (x_i - m)²,   w_ij = 1 / distance

The sums over all pairs are convolutions with 1 / distance, so they take a Fourier transform instead
of N² steps. Zwanenburg et al., Radiology 2020, doi 10.1148/radiol.2020191145, sections 3.1 and 3.2
of the reference manual.
"""

from __future__ import annotations

import numpy as np

from twin.radiomics.shape import crop_to

PEAK_VOLUME_MM3 = 1000.0
"""Volume of the ball over which a peak is averaged: 1 cm³."""


def spatial_features(
    data: np.ndarray, mask: np.ndarray, spacing_mm: np.ndarray, mesh_volume_mm3: float
) -> dict[str, float]:
    """Center of mass shift (mm), integrated intensity, Moran's I and Geary's C.

    Args:
        data: (x, y, z) intensities.
        mask: (x, y, z), true inside.
        spacing_mm: (3,) edge lengths of a voxel.
        mesh_volume_mm3: volume of the region's mesh.
    """
    inside, box = crop_to(np.asarray(mask, bool))
    values = np.where(inside, data[box], 0).astype(np.float64)
    index = np.argwhere(inside) * spacing_mm
    total, mean = values.sum(), values[inside].mean()
    center = (index * values[inside][:, None]).sum(axis=0) / total if total else np.nan
    shift = np.linalg.norm(center - index.mean(axis=0)) if total else 0.0
    moran, geary = _autocorrelation(np.where(inside, values - mean, 0), inside, spacing_mm)
    return {
        "com": float(shift),
        "integ_int": float(mean * mesh_volume_mm3),
        "moran_i": moran,
        "geary_c": geary,
    }


def _autocorrelation(
    centered: np.ndarray, inside: np.ndarray, spacing_mm: np.ndarray
) -> tuple[float, float]:
    from scipy import fft

    shape = [int(fft.next_fast_len(2 * n - 1, real=True) or 0) for n in inside.shape]
    steps = [np.minimum(np.arange(n), n - np.arange(n)) for n in shape]
    squares = [(s * mm) ** 2 for s, mm in zip(steps, spacing_mm, strict=True)]
    distance = np.sqrt(
        squares[0][:, None, None] + squares[1][None, :, None] + squares[2][None, None, :]
    ).astype(np.float32)
    weights = np.zeros(shape, np.float32)
    np.divide(1, distance, out=weights, where=distance > 0)
    transformed = np.asarray(fft.rfftn(weights))

    def neighbors(field: np.ndarray) -> np.ndarray:
        product = np.asarray(fft.rfftn(field.astype(np.float32), shape)) * transformed
        box = tuple(slice(n) for n in field.shape)
        return np.asarray(fft.irfftn(product, shape))[box].astype(np.float64)

    of_ones, of_values = neighbors(inside), neighbors(centered)
    total, spread, count = (of_ones * inside).sum(), (centered**2).sum(), inside.sum()
    if total <= 0 or spread <= 0 or count < 2:
        return 0.0, 0.0
    cross = (centered * of_values).sum()
    squared = 2 * (centered**2 * of_ones).sum() - 2 * cross
    return (
        float(count / total * cross / spread),
        float((count - 1) / (2 * total) * squared / spread),
    )


def peak_features(data: np.ndarray, mask: np.ndarray, spacing_mm: np.ndarray) -> dict[str, float]:
    """Local and global intensity peak: means over a ball of 1 cm³, around the brightest voxel (the
    highest where several are as bright), and the highest around any voxel.

    The ball may reach beyond the mask, but not beyond the image.
    """
    from scipy.signal import oaconvolve

    mask = np.asarray(mask, bool)
    radius = (3 * PEAK_VOLUME_MM3 / (4 * np.pi)) ** (1 / 3)
    reach = np.floor(radius / np.asarray(spacing_mm) + 1e-6).astype(int)
    _, box = crop_to(mask)
    wide = tuple(slice(max(b.start - r, 0), b.stop + r) for b, r in zip(box, reach, strict=True))
    part, inside = data[wide].astype(np.float64), mask[wide]
    axes = np.ogrid[tuple(slice(-r, r + 1) for r in reach)]
    squared = sum((a * mm) ** 2 for a, mm in zip(axes, spacing_mm, strict=True))
    ball = (squared <= radius**2 + 1e-6).astype(np.float64)
    offset = part.mean()
    counts = oaconvolve(np.ones_like(part), ball, mode="same").round()
    means = (oaconvolve(part - offset, ball, mode="same") / counts + offset)[inside]
    brightest = part[inside] == part[inside].max()
    return {"peak_loc": float(means[brightest].max()), "peak_glob": float(means.max())}

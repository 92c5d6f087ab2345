"""Shape of a region: its surface mesh, axes, hull and box.

Zwanenburg et al., Radiology 2020, doi 10.1148/radiol.2020191145, section 3.1 of the manual. The
mesh is scikit-image's marching cubes, the hull SciPy's (Qhull). Oriented boxes and enclosing
ellipsoids, for which there is no consensus, are left out.
"""

from __future__ import annotations

import numpy as np

from twin.errors import TwinError


def shape_features(mask: np.ndarray, spacing_mm: np.ndarray) -> dict[str, float]:
    """Shape of a mask in millimeters.

    Args:
        mask: (x, y, z), true inside.
        spacing_mm: (3,) edge lengths of a voxel.

    Raises:
        TwinError: for an empty mask.
    """
    from scipy.spatial import ConvexHull
    from scipy.spatial.distance import pdist

    index = np.argwhere(mask)
    if not len(index):
        raise TwinError(
            "the mask is empty", where="mask", expected="at least one voxel", got="none"
        )
    spacing_mm = np.asarray(spacing_mm, dtype=float)
    vertices, faces = surface_mesh(mask, spacing_mm)
    volume, area = mesh_volume(vertices, faces), mesh_area(vertices, faces)
    hull = ConvexHull(vertices)
    box = np.ptp(vertices, axis=0)
    axes = principal_axes_mm(index * spacing_mm)
    ellipsoid_volume = np.pi / 6 * axes.prod()
    ellipsoid_area = _ellipsoid_area(axes / 2)
    box_area = 2 * (box[0] * box[1] + box[1] * box[2] + box[0] * box[2])
    roundness = 36 * np.pi * volume**2 / area**3
    return {
        "volume": volume,
        "vol_approx": len(index) * float(spacing_mm.prod()),
        "area_mesh": area,
        "av": area / volume,
        "comp_1": volume / (np.sqrt(np.pi) * area**1.5),
        "comp_2": roundness,
        "sph_dispr": roundness ** (-1 / 3),
        "sphericity": roundness ** (1 / 3),
        "asphericity": roundness ** (-1 / 3) - 1,
        "diam": float(pdist(vertices[hull.vertices]).max()),
        "pca_maj_axis": axes[0],
        "pca_min_axis": axes[1],
        "pca_least_axis": axes[2],
        "pca_elongation": _over(axes[1], axes[0]),
        "pca_flatness": _over(axes[2], axes[0]),
        "vol_dens_aabb": volume / float(box.prod()),
        "area_dens_aabb": area / box_area,
        "vol_dens_aee": _over(volume, ellipsoid_volume),
        "area_dens_aee": _over(area, ellipsoid_area),
        "vol_dens_conv_hull": volume / float(hull.volume),
        "area_dens_conv_hull": area / float(hull.area),
    }


def surface_mesh(mask: np.ndarray, spacing_mm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (n, 3) in mm and triangles (m, 3) half way between voxels inside and outside."""
    from skimage.measure import marching_cubes

    padded = np.pad(crop_to(mask)[0].astype(np.float32), 1)
    vertices, faces, _, _ = marching_cubes(padded, 0.5, spacing=tuple(map(float, spacing_mm)))
    return vertices.astype(np.float64), faces


def crop_to(mask: np.ndarray) -> tuple[np.ndarray, tuple[slice, ...]]:
    """The box of a mask around what is true, and where it lies."""
    index = np.argwhere(mask)
    low, high = index.min(axis=0), index.max(axis=0) + 1
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return mask[box], box


def mesh_volume(vertices: np.ndarray, faces: np.ndarray) -> float:
    """Volume enclosed by a mesh: the sum of its signed tetrahedra with the first vertex."""
    a, b, c = (vertices - vertices[0])[faces].swapaxes(0, 1)
    return float(abs(np.einsum("ij,ij->", a, np.cross(b, c))) / 6)


def mesh_area(vertices: np.ndarray, faces: np.ndarray) -> float:
    """Area of a mesh."""
    a, b, c = vertices[faces].swapaxes(0, 1)
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


def principal_axes_mm(points_mm: np.ndarray) -> np.ndarray:
    """Lengths of the three axes of the ellipsoid with the variance of points, longest first."""
    if len(points_mm) < 2:
        return np.zeros(3)
    variances = np.linalg.eigvalsh(np.cov(points_mm.T))[::-1]
    return 4 * np.sqrt(np.maximum(variances, 0))


def _ellipsoid_area(semi_axes_mm: np.ndarray, terms: int = 20) -> float:
    """Surface of an ellipsoid by the manual's Legendre series, cut after 20 terms."""
    from scipy.special import eval_legendre

    a, b, c = semi_axes_mm
    if c <= 0:
        return 2 * np.pi * a * b
    alpha, beta = np.sqrt(1 - (b / a) ** 2), np.sqrt(1 - (c / a) ** 2)
    if alpha * beta == 0:
        # A ball, or the limit of the series for a spheroid with two equal long axes.
        alpha = max(alpha, 1e-6)
        beta = max(beta, 1e-6)
    order = np.arange(terms + 1)
    argument = (alpha**2 + beta**2) / (2 * alpha * beta)
    series = (alpha * beta) ** order / (1 - 4 * order**2) * eval_legendre(order, argument)
    return float(4 * np.pi * a * b * series.sum())


def _over(above: float, below: float) -> float:
    return float(above / below) if below > 0 else 0.0

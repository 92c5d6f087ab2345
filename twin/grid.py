"""A voxel grid in patient space: shape and affine, the only place that holds spacing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twin.errors import TwinError


@dataclass(frozen=True, eq=False, repr=False)
class Grid:
    """A regular, possibly oblique voxel grid.

    Args:
        shape: number of voxels along x, y and z.
        affine: (4, 4) matrix from voxel index to millimeters in RAS+ (x to the right, y to
            the front, z to the head).

    Raises:
        TwinError: for a shape that is not three positive counts or a singular affine.
    """

    shape: tuple[int, int, int]
    affine: np.ndarray

    def __post_init__(self) -> None:
        shape = tuple(int(n) for n in self.shape)
        if len(shape) != 3 or min(shape) < 1:
            raise TwinError("not the shape of a grid", expected="3 positive counts", got=f"{shape}")
        affine = np.array(self.affine, dtype=np.float64)
        if affine.shape != (4, 4) or not np.isfinite(affine).all():
            raise TwinError(
                "not the affine of a grid", expected="a finite 4 x 4 matrix", got=f"{affine}"
            )
        lengths = np.linalg.norm(affine[:3, :3], axis=0)
        if lengths.min() <= 0 or abs(np.linalg.det(affine[:3, :3] / lengths)) < 1e-3:
            raise TwinError(
                "the affine is singular",
                expected="three independent voxel axes",
                got=str(affine[:3, :3].tolist()),
            )
        affine.setflags(write=False)
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "affine", affine)

    @classmethod
    def from_spacing(cls, shape: Sequence[int], spacing_mm: float | Sequence[float]) -> Grid:
        """An axis-aligned grid whose first voxel center lies at the origin."""
        spacing = np.broadcast_to(np.asarray(spacing_mm, dtype=float), (3,))
        nx, ny, nz = shape
        return cls((nx, ny, nz), np.diag([*spacing, 1.0]))

    @property
    def spacing_mm(self) -> np.ndarray:
        """Edge lengths of a voxel, (3,), mm."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)

    @property
    def voxel_volume_mm3(self) -> float:
        """Volume of a voxel, mm³."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    def same_as(self, other: Grid, tolerance_mm: float = 1e-3) -> bool:
        """Whether every voxel of both grids lies at the same place, within a tolerance."""
        if self.shape != other.shape:
            return False
        corners = np.array([[i, j, k, 1] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
        corners = corners * np.array([*(n - 1 for n in self.shape), 1])
        shift = corners @ (self.affine - other.affine).T
        return bool(np.abs(shift).max() <= tolerance_mm)

    def crop(self, start: Sequence[int], stop: Sequence[int]) -> Grid:
        """The grid of `array[start[0]:stop[0], start[1]:stop[1], start[2]:stop[2]]`.

        Raises:
            TwinError: if the box is empty or leaves the grid.
        """
        inside = all(0 <= a < b <= n for a, b, n in zip(start, stop, self.shape, strict=True))
        if not inside:
            raise TwinError(
                "a crop must lie in its grid",
                expected=f"0 <= start < stop <= {self.shape}",
                got=f"start {tuple(start)}, stop {tuple(stop)}",
            )
        return self._moved(start, [b - a for a, b in zip(start, stop, strict=True)])

    def pad(self, before: Sequence[int], after: Sequence[int]) -> Grid:
        """The grid with `before` and `after` further voxels at the ends of each axis."""
        if min(*before, *after) < 0:
            raise TwinError("padding cannot be negative", got=f"{tuple(before)}, {tuple(after)}")
        shape = [n + a + b for n, a, b in zip(self.shape, before, after, strict=True)]
        return self._moved([-b for b in before], shape)

    def _moved(self, origin: Sequence[int], shape: Sequence[int]) -> Grid:
        affine = self.affine.copy()
        affine[:3, 3] += affine[:3, :3] @ np.asarray(origin, dtype=float)
        nx, ny, nz = shape
        return Grid((nx, ny, nz), affine)

    def __repr__(self) -> str:
        shape = "x".join(str(n) for n in self.shape)
        spacing = " x ".join(f"{s:.4g}" for s in self.spacing_mm)
        origin = ", ".join(f"{o:.4g}" for o in self.affine[:3, 3])
        return f"Grid({shape} voxels of {spacing} mm, origin {origin} mm)"

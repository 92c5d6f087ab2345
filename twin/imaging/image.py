"""A scalar image: an array on a grid, with its modality and unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin.errors import TwinError
from twin.grid import Grid

MASK = "MASK"


@dataclass(frozen=True, eq=False, repr=False)
class Image:
    """Voxel values on a grid.

    Args:
        data: (x, y, z) values, kept as float32 and read-only.
        grid: where the voxels lie.
        modality: what was measured: T1, T2, FLAIR, CT, PET, ADC, CELL_FRACTION, MASK, ...
        unit: unit of the values, as in the patient file.

    Raises:
        TwinError: if the array does not fit the grid or holds NaN or Inf.
    """

    data: np.ndarray
    grid: Grid
    modality: str
    unit: str

    def __post_init__(self) -> None:
        with np.errstate(over="ignore"):
            data = np.array(self.data, dtype=np.float32)
        if data.shape != self.grid.shape:
            raise TwinError(
                "the array does not fit its grid",
                where=self.modality,
                expected=f"shape {self.grid.shape}",
                got=f"{data.shape}",
            )
        check_finite(data, where=self.modality)
        data.setflags(write=False)
        object.__setattr__(self, "data", data)

    def __repr__(self) -> str:
        low, high = float(self.data.min()), float(self.data.max())
        return f"Image({self.modality}, {low:.4g} to {high:.4g} {self.unit}, {self.grid!r})"


def check_finite(data: np.ndarray, *, where: str) -> None:
    """Raise a TwinError that counts the NaN and Inf voxels, if there are any."""
    if np.isfinite(data).all():
        return
    nan, inf = int(np.isnan(data).sum()), int(np.isinf(data).sum())
    first = tuple(int(i) for i in np.argwhere(~np.isfinite(data))[0])
    raise TwinError(
        "the image holds voxels that are no number",
        where=where,
        expected="finite values everywhere",
        got=f"{nan} NaN and {inf} Inf of {data.size} voxels, the first at index {first}",
        fix="Export the image again, or fill these voxels knowingly before loading",
    )

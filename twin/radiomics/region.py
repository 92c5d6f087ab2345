"""The voxels of a region as lists: where they lie, and who is next to whom.

Texture is computed on lists instead of boxes: a list is as long as the region, whatever its shape,
and its length is rounded up to one of a few, so that few programs are compiled.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from twin.errors import TwinError

OFFSETS = tuple(
    offset for offset in itertools.product((-1, 0, 1), repeat=3) if offset[::-1] > (0, 0, 0)
)
"""The 13 directions of a voxel's 26 neighbors, one of each opposite pair; those with the last
component 0 lie in the plane of a slice."""
DIRECTIONS = len(OFFSETS)
IN_PLANE = tuple(i for i, offset in enumerate(OFFSETS) if offset[2] == 0)
"""The 4 directions within a slice."""
FACES = tuple(i for i, offset in enumerate(OFFSETS) if sum(map(abs, offset)) == 1)
"""The 3 directions to neighbors that share a face."""
SHORTEST_LIST, SHORTEST_RUN, FEWEST_SLICES = 1024, 128, 4


@dataclass(frozen=True, eq=False)
class Region:
    """The voxels of a mask.

    Args:
        index: (voxels, 3) voxel indices.
        neighbors: (length, 26) places in the list, first along `OFFSETS`, then against them;
            `length` where there is no neighbor and in padding.
        slices: (length,) the slice of each voxel, counted from the first that holds any.
        longest: number of voxels that no straight run exceeds, rounded up.
        slice_count: number of slices, rounded up.
    """

    index: np.ndarray
    neighbors: np.ndarray
    slices: np.ndarray
    longest: int
    slice_count: int

    @property
    def length(self) -> int:
        """Length of the padded lists."""
        return len(self.neighbors)

    def pad(self, values: np.ndarray, fill: float = 0) -> np.ndarray:
        """(..., length) lists from (..., voxels) values."""
        missing = self.length - values.shape[-1]
        widths = [(0, 0)] * (values.ndim - 1) + [(0, missing)]
        return np.pad(values, widths, constant_values=fill)


def make_region(mask: np.ndarray) -> Region:
    """The list of voxels of a mask.

    Args:
        mask: (x, y, z), true inside.

    Raises:
        TwinError: for an empty mask.
    """
    mask = np.asarray(mask, dtype=bool)
    if not mask.any():
        raise TwinError(
            "the mask is empty", where="mask", expected="at least one voxel", got="none"
        )
    index = np.argwhere(mask)
    low, high = index.min(axis=0), index.max(axis=0)
    shape = high - low + 3
    strides = np.array([shape[1] * shape[2], shape[2], 1])
    flat = (index - low + 1) @ strides
    length = round_up(len(index), SHORTEST_LIST)
    places = np.full(int(shape.prod()), length, dtype=np.int32)
    places[flat] = np.arange(len(index), dtype=np.int32)
    steps = np.array(OFFSETS) @ strides
    neighbors = np.full((length, 2 * DIRECTIONS), length, dtype=np.int32)
    neighbors[: len(index)] = places[flat[:, None] + np.concatenate([steps, -steps])]
    slices = np.zeros(length, dtype=np.int32)
    slices[: len(index)] = index[:, 2] - low[2]
    return Region(
        index=index,
        neighbors=neighbors,
        slices=slices,
        longest=round_up(int((high - low).max()) + 1, SHORTEST_RUN),
        slice_count=round_up(int(high[2] - low[2]) + 1, FEWEST_SLICES),
    )


def round_up(count: int, smallest: int) -> int:
    """The first of smallest, 4 smallest, 16 smallest, ... that is not below a count."""
    size = smallest
    while size < count:
        size *= 4
    return size

"""A visit: the images and masks of one time, on the patient's grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from twin.errors import TwinError
from twin.grid import Grid
from twin.imaging.image import Image


@dataclass(frozen=True, eq=False, repr=False)
class Visit:
    """What was seen at one time.

    Args:
        name: name of the visit, unique in its patient.
        time_days: days since the patient's first visit.
        images: modality -> image, on the patient's grid.
        masks: label (gtv, enhancing, flair, ...) -> (x, y, z) bool, on the patient's grid.
        simulated: whether the images come from a simulation.
    """

    name: str
    time_days: float
    images: Mapping[str, Image] = field(default_factory=dict)
    masks: Mapping[str, np.ndarray] = field(default_factory=dict)
    simulated: bool = False

    def __repr__(self) -> str:
        held = ", ".join([*self.images, *(f"mask {label}" for label in self.masks)])
        note = " (simulated)" if self.simulated else ""
        return f"Visit({self.name}, day {self.time_days:g}{note}: {held or 'nothing'})"


def check_distinct(visits: Sequence[Visit]) -> None:
    """Raise a TwinError if two visits share their time or their name."""
    for number, later in enumerate(visits):
        for earlier in visits[:number]:
            if later.time_days == earlier.time_days:
                raise TwinError(
                    f"visits {earlier.name} and {later.name} are at the same time",
                    where="visits",
                    expected="one visit per time",
                    got=f"both on day {later.time_days:g}",
                    fix="Merge them, or give their hours",
                )
            if later.name == earlier.name:
                raise TwinError(
                    f"two visits are named {later.name}",
                    where="visits",
                    got=f"on day {earlier.time_days:g} and on day {later.time_days:g}",
                    fix="Give each visit a name of its own",
                )


def check_same_grid(grid: Grid, frame: Grid, where: str) -> None:
    """Raise a TwinError that names both grids if they differ."""
    if not grid.same_as(frame):
        raise TwinError(
            "the image lies on another grid than the patient's tissue mask",
            where=where,
            expected=repr(frame),
            got=repr(grid),
            fix="Register and resample it to the frame of the tissue mask first: "
            "loading never moves an image",
        )

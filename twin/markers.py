"""Molecular markers of a patient, and what they say about a parameter before its images do.

A shift multiplies the median of one parameter's prior by a factor where a marker has a value, such
as the sensitivity to temozolomide where MGMT is methylated (Hegi et al. 2005, doi
10.1056/NEJMoa043331). Factors come from whoever writes the patient file, with their source.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from twin.errors import TwinError


@dataclass(frozen=True)
class PriorShift:
    """One row of the table that links markers to priors.

    Attributes:
        marker: name of the marker.
        value: the value of it that this row is for.
        parameter: whose prior is shifted.
        factor: what the median of the prior is multiplied by.
        source: where the factor comes from.

    Raises:
        TwinError: the factor is not a positive number.
    """

    marker: str
    value: str
    parameter: str
    factor: float
    source: str

    def __post_init__(self) -> None:
        if not (math.isfinite(self.factor) and self.factor > 0.0):
            raise TwinError(
                "the factor of a prior shift must be positive",
                where=f"prior shift of {self.parameter}",
                expected="a finite number above 0",
                got=f"{self.factor:g}",
            )

    def applies(self, markers: Mapping[str, str]) -> bool:
        """Whether the patient's marker has the value that this row is for.

        Raises:
            TwinError: the patient has no such marker.
        """
        if self.marker not in markers:
            raise TwinError(
                f"the patient has no marker {self.marker!r}",
                where=f"prior shift of {self.parameter}",
                expected=", ".join(markers) or "markers",
                got=repr(self.marker),
                fix="Add it to markers, or remove the shift.",
            )
        return markers[self.marker] == self.value

    def describe(self, markers: Mapping[str, str]) -> str:
        """One line: what it does to the prior, or why nothing."""
        if self.applies(markers):
            return (
                f"prior median x {self.factor:g}, since {self.marker} is {self.value}"
                f" ({self.source})"
            )
        return (
            f"not applied: {self.marker} is {markers[self.marker]}, the shift is for {self.value}"
        )

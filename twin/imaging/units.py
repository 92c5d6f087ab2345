"""Units of each modality, and whether values are plausible in the unit they claim.

ADC is kept in 1e-3 mm²/s. Tissue and tumors lie between about 0.5 and 2.5, free water at body
temperature at 3.0 (Le Bihan 2013, doi:10.1371/journal.pbio.1001569).
"""

from __future__ import annotations

import difflib
from dataclasses import replace

import numpy as np

from twin.errors import TwinError
from twin.imaging.image import Image

ADC_UNIT = "1e-3 mm2/s"
ADC_RANGE = (0.2, 3.5)
"""Plausible median ADC inside a tumor, 1e-3 mm²/s."""

_ARBITRARY = {"a.u.": 1.0}
UNITS: dict[str, dict[str, float]] = {
    "T1": _ARBITRARY,
    "T1C": _ARBITRARY,
    "T2": _ARBITRARY,
    "T2FS": _ARBITRARY,
    "STIR": _ARBITRARY,
    "FLAIR": _ARBITRARY,
    "CT": {"HU": 1.0},
    "PET": {"SUV": 1.0},
    "ADC": {ADC_UNIT: 1.0, "mm2/s": 1e3, "1e-6 mm2/s": 1e-3},
    "CELL_FRACTION": {"1": 1.0},
    "STIFFNESS": {"kPa": 1.0, "Pa": 1e-3},
    "PERFUSION": {"1": 1.0},
}
"""Modality -> unit -> factor to the unit kept, which is the first."""


def check_modality(modality: str, *, where: str) -> None:
    """Raise a TwinError that suggests the closest known modality for an unknown one."""
    if modality not in UNITS:
        close = difflib.get_close_matches(modality.upper(), UNITS, n=1)
        raise TwinError(
            f"unknown modality {modality}",
            where=where,
            expected=f"one of {', '.join(UNITS)}",
            got=modality,
            fix=f"Did you mean {close[0]}?" if close else "",
        )


def to_kept_unit(image: Image, *, where: str) -> Image:
    """The image in the unit that its modality is kept in.

    Raises:
        TwinError: for an unknown modality or unit, naming the known ones.
    """
    check_modality(image.modality, where=where)
    known = UNITS[image.modality]
    unit = image.unit.replace("²", "2")
    if unit not in known:
        raise TwinError(
            f"unknown unit of {image.modality}",
            where=where,
            expected=" or ".join(f'"{name}"' for name in known),
            got=f'"{image.unit}"',
            fix="Give the unit of the values in the file",
        )
    factor = known[unit]
    data = image.data if factor == 1.0 else image.data * np.float32(factor)
    return replace(image, data=data, unit=next(iter(known)))


def check_plausible(image: Image, tumor: np.ndarray, *, given_unit: str, where: str) -> None:
    """Check that the values inside the tumor can be what the unit says.

    Args:
        image: an image in its kept unit.
        tumor: (x, y, z) bool; without a voxel nothing is checked.
        given_unit: the unit that the file was said to have.
        where: for the message.

    Raises:
        TwinError: for an ADC map or a cell fraction whose median in the tumor is implausible;
            for ADC it names the unit that would make sense of the values.
    """
    if not tumor.any() or image.modality not in ("ADC", "CELL_FRACTION"):
        return
    median = float(np.median(image.data[tumor]))
    if image.modality == "CELL_FRACTION":
        if not 0.0 <= median <= 1.2:
            raise TwinError(
                "implausible cell fraction inside the tumor",
                where=where,
                expected="a median between 0 and 1",
                got=f"{median:.4g}",
                fix="Divide the cell counts by the carrying capacity of a voxel",
            )
        return
    low, high = ADC_RANGE
    if low <= median <= high:
        return
    stored = median / UNITS["ADC"].get(given_unit.replace("²", "2"), 1.0)
    likely = [unit for unit, factor in UNITS["ADC"].items() if low <= stored * factor <= high]
    fix = f'The values look like unit "{likely[0]}"' if likely else "Check that this is an ADC map"
    raise TwinError(
        "implausible ADC inside the tumor",
        where=where,
        expected=f"a median of {low} to {high} {ADC_UNIT}",
        got=f'{median:.4g} {ADC_UNIT} from values said to be in "{given_unit}"',
        fix=fix,
    )

"""Intensities that mean the same in every patient: SUV, normalized MR, windows of CT.

    SUV = c W / (D 2^(−t / T))

c is the activity concentration at the start of the scan, W the body weight, D the activity injected
a time t before and T the half-life; 1 g of body counts as 1 mL (Boellaard et al. 2015, doi
10.1007/s00259-014-2961-x). MR has no unit of its own: it is compared with the body or a tissue.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any

import numpy as np

from twin.errors import TwinError
from twin.imaging.image import MASK, Image
from twin.imaging.units import to_kept_unit

F18_HALF_LIFE_MINUTES = 109.77
"""Of fluorine-18 (Tilley et al. 1995, Nucl Phys A 595:1)."""
MR_MODALITIES = ("T1", "T1C", "T2", "T2FS", "STIR", "FLAIR")
ACTIVITY_UNITS = {"Bq/mL": 1.0, "kBq/mL": 1e3}
WEIGHT_RANGE_KG = (0.3, 500.0)
DOSE_RANGE_MBQ = (0.1, 5000.0)


@dataclass(frozen=True)
class Window:
    """A range of Hounsfield units.

    Attributes:
        level_hu: its middle.
        width_hu: its length.
    """

    level_hu: float
    width_hu: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.level_hu) and 0.0 < self.width_hu < np.inf):
            raise TwinError(
                "not a window",
                where="window",
                expected="a finite level and a width above 0 HU",
                got=f"level {self.level_hu}, width {self.width_hu}",
            )


WINDOWS = {
    "soft tissue": Window(40.0, 400.0),
    "lung": Window(-600.0, 1500.0),
    "bone": Window(400.0, 1800.0),
    "brain": Window(40.0, 80.0),
}
"""Customary ones; hospitals differ by some HU."""


def to_suv(
    image: Image,
    *,
    weight_kg: float,
    injected_dose_mbq: float,
    minutes_since_injection: float,
    half_life_minutes: float = F18_HALF_LIFE_MINUTES,
) -> Image:
    """Body-weight SUV of a PET image in activity concentration.

    Args:
        image: PET in "Bq/mL" or "kBq/mL", corrected for decay to the start of the scan.
        weight_kg: of the patient.
        injected_dose_mbq: activity at injection, less what stayed in the syringe.
        minutes_since_injection: until the start of the scan; 0 where the image was corrected for
            decay to the injection.
        half_life_minutes: of the nuclide, fluorine-18 by default.

    Raises:
        TwinError: another modality or unit, or numbers that no patient has.
    """
    if image.modality != "PET" or image.unit not in ACTIVITY_UNITS:
        raise TwinError(
            "not a PET image of activity",
            where=image.modality,
            expected=f"modality PET in {' or '.join(ACTIVITY_UNITS)}",
            got=f"{image.modality} in {image.unit}",
            fix="It is in SUV already" if image.unit == "SUV" else "",
        )
    _check_range("weight_kg", weight_kg, WEIGHT_RANGE_KG, "Give the weight in kg")
    _check_range("injected_dose_mbq", injected_dose_mbq, DOSE_RANGE_MBQ, "Give the dose in MBq")
    _check_range("half_life_minutes", half_life_minutes, (1e-3, 1e7), "Give it in minutes")
    limits = (0.0, 20.0 * half_life_minutes)
    _check_range("minutes_since_injection", minutes_since_injection, limits, "Give it in minutes")
    dose_bq = injected_dose_mbq * 1e6 * 2.0 ** (-minutes_since_injection / half_life_minutes)
    factor = ACTIVITY_UNITS[image.unit] * weight_kg * 1e3 / dose_bq
    return Image(image.data * np.float32(factor), image.grid, "PET", "SUV")


def foreground(image: Image) -> Image:
    """The body in an MR image: the largest region above Li's threshold, without holes.

    Li and Tam 1998, doi 10.1016/S0167-8655(98)00057-9.

    Raises:
        TwinError: an image of one value.
    """
    from scipy.ndimage import binary_fill_holes, label
    from skimage.filters import threshold_li

    if image.data.min() == image.data.max():
        raise TwinError("the image has one value only", where=image.modality)
    labelled: Any = label(image.data > threshold_li(image.data))
    labels, _ = labelled
    body = labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))
    return Image(np.asarray(binary_fill_holes(body)), image.grid, MASK, "1")


def standardized(image: Image, reference: Image | None = None) -> Image:
    """MR values less their mean, over their standard deviation, in the unit "sd".

    Args:
        image: an MR image in "a.u.".
        reference: mask in which both are taken; without, `foreground(image)`.

    Raises:
        TwinError: not MR, another grid, an empty mask, one value only in the mask.
    """
    values = _values_within(image, foreground(image) if reference is None else reference)
    spread = float(values.std())
    if spread <= 1e-6 * float(np.abs(values).max()):
        raise TwinError(
            "the values within the reference do not vary",
            where=image.modality,
            got=f"{values.size} voxels of {values[0]:g}",
            fix="Choose a larger reference",
        )
    return Image((image.data - values.mean()) / spread, image.grid, image.modality, "sd")


def relative_to_tissue(image: Image, tissue: Image) -> Image:
    """MR values over their median in a reference tissue such as fat or muscle, in the unit "1".

    Args:
        image: an MR image in "a.u.".
        tissue: mask of the reference tissue.

    Raises:
        TwinError: not MR, another grid, an empty mask, a median of 0 or below.
    """
    median = float(np.median(_values_within(image, tissue)))
    if median <= 0.0:
        raise TwinError(
            "the reference tissue gives no signal",
            where=image.modality,
            expected="a median above 0",
            got=f"{median:g}",
            fix="Choose another tissue",
        )
    return Image(image.data / median, image.grid, image.modality, "1")


def windowed(image: Image, window: str | Window) -> Image:
    """CT clipped to a window and scaled to 0 to 1, in the unit "1".

    Args:
        image: CT in "HU".
        window: a name in `WINDOWS`, or a range.

    Raises:
        TwinError: not CT, an unknown name, an image with nothing in the window.
    """
    _check_modality(image, ("CT",))
    image = to_kept_unit(image, where="CT")
    if isinstance(window, str):
        if window not in WINDOWS:
            close = difflib.get_close_matches(window, WINDOWS, n=1)
            raise TwinError(
                "unknown window",
                where="window",
                expected=" or ".join(f'"{name}"' for name in WINDOWS),
                got=f'"{window}"',
                fix=f'Did you mean "{close[0]}"?' if close else "",
            )
        window = WINDOWS[window]
    low = window.level_hu - 0.5 * window.width_hu
    scaled = np.clip((image.data - low) / window.width_hu, 0.0, 1.0)
    if scaled.min() == scaled.max():
        raise TwinError(
            "the window shows nothing of the image",
            where="CT",
            expected=f"values within {low:g} to {low + window.width_hu:g} HU",
            got=f"{image.data.min():g} to {image.data.max():g}",
            fix="Choose another window, or check that the values are HU",
        )
    return Image(scaled, image.grid, "CT", "1")


def _values_within(image: Image, mask: Image) -> np.ndarray:
    _check_modality(image, MR_MODALITIES)
    to_kept_unit(image, where=image.modality)
    if not image.grid.same_as(mask.grid):
        raise TwinError(
            "image and reference lie on different grids",
            where=image.modality,
            expected=f"{image.grid}",
            got=f"{mask.grid}",
            fix="Resample the mask to the image's grid",
        )
    values = image.data[mask.data > 0.5].astype(np.float64)
    if values.size == 0:
        raise TwinError("the reference mask is empty", where=image.modality)
    return values


def _check_modality(image: Image, known: tuple[str, ...]) -> None:
    if image.modality not in known:
        raise TwinError(
            "this preparation is not for the modality",
            where=image.modality,
            expected=" or ".join(known),
            got=image.modality,
        )


def _check_range(name: str, value: float, limits: tuple[float, float], fix: str) -> None:
    low, high = limits
    if not low <= value <= high:
        raise TwinError(
            "implausible number",
            where=name,
            expected=f"{low:g} to {high:g}",
            got=f"{value:g}",
            fix=fix,
        )

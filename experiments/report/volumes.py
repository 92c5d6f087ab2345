"""Voxels for the viewer: 8-bit NIfTI, gzip, base64, all on the patient's grid.

A screen shows 256 levels, so each volume is stored in 8 bits between the limits it is shown with;
slope and intercept of the NIfTI header give back its unit.
"""

import base64
import gzip
from dataclasses import dataclass

import nibabel as nib
import numpy as np

from experiments.report.material import Material
from twin.calibration.maps import map_names, map_posterior
from twin.errors import TwinError

_CT_WINDOW_HU = (-160.0, 240.0)


@dataclass(frozen=True)
class Volume:
    """One image, mask or map as the page carries it.

    Attributes:
        key: identifier inside the page.
        kind: base, mask, mean, sd, probability, or the name of a map of the model.
        label: what the reader sees.
        visit: name of the visit as shown; "" for what holds at all times.
        unit: unit as shown.
        low: value shown as black (or transparent).
        high: value shown as white (or the map's last color).
        content: base64 of the gzipped NIfTI file.
    """

    key: str
    kind: str
    label: str
    visit: str
    unit: str
    low: float
    high: float
    content: str


def collect_volumes(material: Material, budget_bytes: int) -> tuple[list[Volume], int]:
    """All volumes of a report, coarsened until they fit.

    Args:
        material: results of the run.
        budget_bytes: room in the page for the base64 text.

    Returns:
        The volumes, empty for a shareable report, and the factor by which voxels were merged
        along each axis.

    Raises:
        TwinError: if the volumes do not fit even at an eighth of the resolution, or if a forecast
            lies on another grid than the patient.
    """
    if material.shareable:
        return [], 1
    for factor in range(1, 9):
        for all_visits in (True, False) if factor == 1 else (False,):
            volumes = _encode_all(material, factor, all_visits=all_visits)
            if sum(len(volume.content) for volume in volumes) <= budget_bytes:
                return volumes, factor
    raise TwinError(
        "the report's images do not fit",
        expected=f"at most {budget_bytes / 1e6:.1f} MB",
        fix="Crop the patient closer around the tumor or report fewer visits.",
    )


def _encode_all(material: Material, factor: int, *, all_visits: bool) -> list[Volume]:
    names, affine = material.names, np.asarray(material.patient.grid.affine, dtype=float)
    volumes = []

    def add(data: np.ndarray, kind: str, label: str, visit: str, unit: str, limits) -> None:
        low, high = limits
        content = encode(data, affine, low, high, factor)
        key = f"v{len(volumes)}"
        volumes.append(Volume(key, kind, label, visit, unit, low, high, content))

    for index, visit in enumerate(material.patient.visits):
        shown = _visit_label(material, visit.name, visit.time_days)
        if index == 0 or all_visits:
            for modality, image in visit.images.items():
                unit = names.unit(image.unit)
                limits = _window(image.data, image.modality)
                add(image.data, "base", names.modality(modality), shown, unit, limits)
        for label, mask in visit.masks.items():
            add(mask, "mask", names.label(label), shown, "", (0.0, 255.0))
    for item in material.forecast.visits if material.forecast else ():
        if item.mean.shape != tuple(material.patient.grid.shape):
            raise TwinError(
                "the forecast lies on another grid than the patient",
                where=f"forecast of {item.name}",
                expected=str(tuple(material.patient.grid.shape)),
                got=str(item.mean.shape),
                fix="Forecast again from this patient folder.",
            )
        shown = _visit_label(material, item.name, item.time_days)
        spread = max(float(np.max(item.sd)), 1e-3)
        unit = "fraction of carrying capacity"
        add(item.mean, "mean", "forecast mean", shown, unit, (0.0, 1.0))
        add(item.sd, "sd", "uncertainty (standard deviation)", shown, unit, (0.0, spread))
        probability = item.visible_probability
        add(probability, "probability", "probability of visible tumor", shown, "", (0.0, 1.0))
    for name in map_names(material.posterior.table):
        found, unit = map_posterior(material.posterior, name), "factor"
        label = name.replace("_", " ")
        for kind, what, values in (
            (name, "mean", found.mean_factor),
            (f"{name}_sd", "standard deviation", found.factor_sd),
        ):
            inside = np.where(found.tumor, values, 0.0)
            add(inside, kind, f"{label}, {what}", "", unit, (0.0, float(inside.max())))
    return volumes


def encode(data: np.ndarray, affine: np.ndarray, low: float, high: float, factor: int = 1) -> str:
    """Base64 text of a gzipped 8-bit NIfTI file.

    Args:
        data: (x, y, z) values.
        affine: (4, 4) voxel index to mm (RAS+).
        low: value stored as 0; smaller ones are clipped.
        high: value stored as 255; larger ones are clipped.
        factor: voxels averaged along each axis.
    """
    data, affine = _coarsen(np.nan_to_num(np.asarray(data, dtype=np.float32)), affine, factor)
    slope = (high - low) / 255.0
    levels = np.clip(np.rint((data - low) / slope), 0, 255).astype(np.uint8)
    image = nib.Nifti1Image(levels, affine)
    image.header.set_slope_inter(slope, low)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, code=1)
    image.set_qform(affine, code=1)
    return base64.b64encode(gzip.compress(image.to_bytes(), 9, mtime=0)).decode("ascii")


def _coarsen(data: np.ndarray, affine: np.ndarray, factor: int) -> tuple[np.ndarray, np.ndarray]:
    if factor == 1:
        return data, affine
    padding = [(0, -size % factor) for size in data.shape]
    data = np.pad(data, padding, mode="edge")
    x, y, z = (size // factor for size in data.shape)
    data = data.reshape(x, factor, y, factor, z, factor).mean(axis=(1, 3, 5))
    coarse = affine.copy()
    coarse[:3, :3] *= factor
    coarse[:3, 3] = affine[:3, 3] + affine[:3, :3] @ np.full(3, (factor - 1) / 2)
    return data, coarse


def _window(data: np.ndarray, modality: str) -> tuple[float, float]:
    if modality.upper() == "CT":
        return _CT_WINDOW_HU
    values = np.asarray(data, dtype=np.float32)
    values = values[np.isfinite(values)]
    low, high = 0.0 if values.min() >= 0 else float(np.quantile(values, 0.005)), 0.0
    high = float(np.quantile(values, 0.998))
    return (low, high) if high > low else (low, low + max(float(values.max()) - low, 1.0))


def _visit_label(material: Material, name: str, time_days: float) -> str:
    marks = [f"day {time_days:.4g}"]
    if name not in material.posterior.fitted_visits:
        marks.append("held out")
    if material.simulated(name):
        marks.append("simulated")
    return f"{material.names.visit(name)} ({', '.join(marks)})"

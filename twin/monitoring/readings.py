"""What a scan shows, as readings that an ensemble can be compared with.

A reading is an observation (twin/observation), what it gave, and the noise that is known of it. For
cell fraction and outlines noise, discrepancy and correlation are those that calibration found at
the patient's earlier visits; other modalities bring the priors of their own observation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from twin.calibration.objective import outline_band
from twin.calibration.posterior import Posterior
from twin.calibration.setting import Setting, raw_density
from twin.draws import setting_of
from twin.errors import TwinError
from twin.observation.density import Density
from twin.observation.edema import Edema
from twin.observation.observation import Observation
from twin.observation.perfusion import Perfusion
from twin.observation.pet import Pet
from twin.observation.segmentation import Outline
from twin.observation.stiffness import Stiffness
from twin.observation.volume import Volume
from twin.parameters import ParameterTable
from twin.patient import Visit

MAP_PIECES = 30.0
"""Independent pieces of information in a PET, stiffness or perfusion map of a tumor (assumed)."""


@dataclass(frozen=True)
class Reading:
    """One kind of thing that a scan showed.

    Attributes:
        name: for messages.
        observation: how it follows from a state.
        observed: (N,) flat map in the observation's unit, or a number.
        given: parameters of the observation that are known, by name; the others are drawn.
    """

    name: str
    observation: Observation
    observed: Array
    given: Mapping[str, float] = field(default_factory=dict)


def readings_of(
    posterior: Posterior,
    visit: Visit,
    volumes_ml: Mapping[str, float] | None = None,
    edema: Edema | None = None,
) -> tuple[Reading, ...]:
    """Readings of a visit on the grid of the posterior's patient.

    Args:
        posterior: whose noise holds for cell fraction and outlines.
        visit: images CELL_FRACTION or ADC (within the outline), PET, STIFFNESS, PERFUSION; masks.
            An empty mask counts as a measured volume of 0.
        volumes_ml: label -> outlined volume, where only the number was kept.
        edema: swelling that outlines and ADC maps show with the cells.

    Raises:
        TwinError: nothing that can be used, or a volume that is no number.
    """
    setting = setting_of(posterior)
    found = [*_density(posterior, setting, visit, edema)]
    found += _outlines(posterior, setting, visit, edema)
    found += [_volume(setting, label, ml, edema) for label, ml in (volumes_ml or {}).items()]
    found += _maps(setting, visit)
    if not found:
        raise TwinError(
            "the scan holds nothing that can be compared with the twin",
            where=f"visit {visit.name}",
            expected="a mask, a volume, or one of CELL_FRACTION, ADC with a mask, PET, STIFFNESS,"
            " PERFUSION",
            got=", ".join(visit.images) or "no images",
            fix="Outline the tumor on this scan, or give its volume.",
        )
    return tuple(found)


def reading_parameters(setting: Setting) -> ParameterTable:
    """Every parameter that a reading of `readings_of` can bring in beside the model's."""
    domain, site = setting.domain, setting.patient.site
    kinds: list[Observation] = [Density(), Volume(domain), Pet(domain, "fdg"), Stiffness(site)]
    rows = [Perfusion(), Edema(domain), *kinds]
    return ParameterTable([p for kind in rows for p in kind.parameters()])


def _density(
    posterior: Posterior, setting: Setting, visit: Visit, edema: Edema | None
) -> list[Reading]:
    found = raw_density(setting.patient, visit)
    if found is None or not found[1].any():
        return []
    values, measured = found
    sd, shared = _known(posterior, "density", float(measured.sum()))
    swollen = None if "CELL_FRACTION" in visit.images else edema
    observation = Density(swollen, _flat(measured), shared)
    given = {} if sd is None else {"density_noise": sd}
    return [Reading("cell fraction", observation, _flat(np.where(measured, values, 0.0)), given)]


def _outlines(
    posterior: Posterior, setting: Setting, visit: Visit, edema: Edema | None
) -> list[Reading]:
    spacing = tuple(setting.patient.grid.spacing_mm)
    readings = []
    for label, mask in visit.masks.items():
        if not mask.any():
            readings.append(_volume(setting, label, 0.0, edema))
            continue
        band = outline_band(mask, spacing) & setting.patient.tissue
        sd, shared = _known(posterior, "outline", float(band.sum()))
        observation = Outline(label, edema, _flat(band), shared, min(sd or 0.5, 0.5))
        readings.append(Reading(f"outline {label}", observation, _flat(mask)))
    return readings


def _known(posterior: Posterior, kind: str, voxels: float) -> tuple[float | None, float]:
    """Deviation of a voxel and how many share one piece of information, as calibration found."""
    sd, variance = (posterior.noise.get(f"{kind}_{key}") for key in ("sd", "variance"))
    if sd is None or variance is None:
        return None, max(voxels / MAP_PIECES, 1.0)
    return sd, max(variance / sd**2, 1.0)


def _volume(setting: Setting, label: str, volume_ml: float, edema: Edema | None) -> Reading:
    if not (np.isfinite(volume_ml) and volume_ml >= 0.0):
        raise TwinError(
            "volume is not usable",
            where=f"volumes_ml.{label}",
            expected="finite and not negative, mL",
            got=f"{volume_ml:g}",
        )
    observation = Volume(setting.domain, label, edema)
    return Reading(f"volume {label}", observation, jnp.asarray(volume_ml, jnp.float32))


def _maps(setting: Setting, visit: Visit) -> list[Reading]:
    """Readings of the further modalities, near the tumor: far away they show other anatomy."""
    used = [modality for modality in ("PET", "STIFFNESS", "PERFUSION") if modality in visit.images]
    if not used:
        return []
    near = _neighborhood(setting, visit)
    weight, shared = _flat(near), max(float(near.sum()) / MAP_PIECES, 1.0)
    kinds: dict[str, Observation] = {
        "PET": Pet(setting.domain, "fdg", weight=weight, correlated_voxels=shared),
        "STIFFNESS": Stiffness(setting.patient.site, weight, shared),
        "PERFUSION": Perfusion(weight=weight, correlated_voxels=shared),
    }
    units = {"PET": _strongest_uptake(setting, visit)} if "PET" in used else {}
    return [
        Reading(name, kinds[name], _flat(visit.images[name].data) / units.get(name, 1.0))
        for name in used
    ]


def _neighborhood(setting: Setting, visit: Visit) -> np.ndarray:
    """Tissue near the tumor of this scan and of the fitted ones."""
    masks = [*visit.masks.values(), *(m for v in setting.fitted for m in v.masks.values())]
    drawn = [mask for mask in masks if mask.any()]
    if not drawn:
        return setting.patient.tissue
    tumor = np.logical_or.reduce(drawn)
    band = outline_band(tumor, tuple(setting.patient.grid.spacing_mm))
    return (tumor | band) & setting.patient.tissue


def _strongest_uptake(setting: Setting, visit: Visit) -> float:
    """SUV that counts as a signal of 1: the 99th percentile in the first outline with a PET."""
    for earlier in (*setting.fitted, visit):
        if "PET" in earlier.images and earlier.masks:
            tumor = np.logical_or.reduce(list(earlier.masks.values()))
            if tumor.any():
                return max(float(np.percentile(earlier.images["PET"].data[tumor], 99.0)), 1e-3)
    return max(float(visit.images["PET"].data.max()), 1e-3)


def _flat(array: np.ndarray) -> Array:
    return jnp.asarray(np.asarray(array, np.float32).reshape(-1))

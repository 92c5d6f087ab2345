"""A setting on voxels of half the edge, from the very same data: what the grid itself changes.

Each voxel becomes eight that inherit its tissue, its initial state and its distance from the
outline, so that nothing but the solver sees the finer grid.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from twin.calibration.setting import Setting
from twin.domain import Domain, make_domain
from twin.observation.initial_state import InitialState


@dataclass(frozen=True)
class RefinedSetting(Setting):
    """A setting whose voxels are those of `coarse`, each divided into eight.

    Attributes:
        coarse: the setting it refines.
    """

    coarse: Setting = field(kw_only=True)

    @cached_property
    def domain(self) -> Domain:
        """Tissue of the patient on the finer grid."""
        patient = self.patient
        x, y, z = (float(edge) / 2.0 for edge in patient.grid.spacing_mm)
        tissues = {name: halved(fraction) for name, fraction in patient.tissues.items()}
        tensor = None if patient.tensor is None else halved(patient.tensor)
        return make_domain(halved(patient.tissue), (x, y, z), tissues or None, tensor)

    @cached_property
    def initial(self) -> InitialState:
        """The initial state of the coarse setting, voxel by voxel."""

        def refine(leaf: Array) -> Array:
            fine = halved(np.asarray(self.coarse.domain.volume(leaf)))
            return jnp.asarray(fine.reshape(*leaf.shape[:-1], -1))

        return jax.tree.map(refine, self.coarse.initial)

    @cached_property
    def resectable_mm(self) -> np.ndarray | None:
        """(x, y, z) distance from the last fitted outline, as the coarse grid has it."""
        distance = self.coarse.resectable_mm
        return None if distance is None else halved(distance)


def refined(setting: Setting) -> RefinedSetting:
    """The setting on voxels of half the edge."""
    return RefinedSetting(
        setting.patient,
        setting.model,
        setting.fitted,
        setting.table,
        setting.max_step_days,
        coarse=setting,
    )


def halved(array: np.ndarray) -> np.ndarray:
    """(..., x, y, z) with every voxel divided into eight of its value."""
    for axis in (-3, -2, -1):
        array = np.repeat(array, 2, axis=axis)
    return array

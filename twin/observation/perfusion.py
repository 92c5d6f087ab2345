"""Perfusion of tissue by its vessels: blood volume or flow, relative or in its own unit.

    y = y_normal v + noise in proportion to y

v is the density of working vessels relative to normal tissue (`State.fields["vessels"]` of
twin/models/vessels). The blood volume of biopsies of gliomas follows the area of their vessels (r =
0.83), much less their number (0.32): Hu et al. 2012, doi 10.3174/ajnr.A2743. So v stands for area,
and flow for volume as long as blood passes at its normal speed.
"""

from __future__ import annotations

import equinox as eqx
from jaxtyping import Array, Float

from twin.errors import TwinError
from twin.models.model import Params
from twin.models.state import State
from twin.observation.relative_noise import relative_log_prob, relative_standardized
from twin.parameters import LogNormal, Parameter

FIELD = "vessels"


class Perfusion(eqx.Module):
    """A perfusion map as an observation (see `twin.observation.observation`).

    Attributes:
        normal: signal of normal tissue in the unit of the map; 1 for a relative map.
        unit: of the map, such as "1" or "mL/100 mL/min".
        weight: (N,) 1 where the map counts, or a number.
        correlated_voxels: voxels that share one independent piece of information.
    """

    normal: float = eqx.field(static=True, default=1.0)
    unit: str = eqx.field(static=True, default="1")
    weight: Float[Array, "..."] | float = 1.0
    correlated_voxels: float = eqx.field(static=True, default=1.0)

    def __check_init__(self) -> None:
        if not self.normal > 0.0:
            raise TwinError(
                "signal of normal tissue is not usable",
                where="Perfusion.normal",
                expected=f"above 0, {self.unit}",
                got=f"{self.normal:g}",
            )

    def parameters(self) -> list[Parameter]:
        """What normal tissue shows, and the noise."""
        return [
            Parameter(
                "perfusion_normal",
                self.unit,
                LogNormal(self.normal, 0.2),
                "perfusion of tissue with normal vessels",
                "median given; width after white matter in gliomas, 32 ± 6 mL/100 g/min and"
                " 1.84 ± 0.74 mL/100 g (PMC5801598)",
                "assumed",
            ),
            Parameter(
                "perfusion_variation",
                "1",
                LogNormal(0.31, 0.3),
                "coefficient of variation of the perfusion of a voxel between two scans",
                "0.31 for tumor blood volume by integration with leakage correction, 0.24 to 0.67"
                " by other methods: Prah et al. 2015, doi 10.3174/ajnr.A4374, table 2",
                "literature human",
            ),
        ]

    def predict(self, state: State, params: Params) -> Float[Array, "*t n"]:
        """Signal of each voxel, in the unit of the map.

        Raises:
            TwinError: a model that carries no vessels.
        """
        if FIELD not in state.fields:
            raise TwinError(
                "the model carries no vessels to be perfused",
                where="Perfusion",
                expected=f"a state with the field {FIELD!r}",
                got=", ".join(state.fields) or "no fields",
                fix="Use the model Vessels, or leave the perfusion map out.",
            )
        return perfusion(state.fields[FIELD], params["perfusion_normal"])

    def log_prob(self, predicted: Array, observed: Array, params: Params) -> Float[Array, ""]:
        """Of a map in the unit of the prediction."""
        variation = params["perfusion_variation"]
        return relative_log_prob(
            predicted, observed, variation, self.weight, self.correlated_voxels
        )

    def standardized(self, values: Array, params: Params) -> Float[Array, "*n"]:
        """Logarithms of maps in standard deviations of their noise."""
        variation = params["perfusion_variation"]
        return relative_standardized(values, variation, self.weight, self.correlated_voxels)


def perfusion(vessels: Float[Array, "*n"], normal: Array | float) -> Float[Array, "*n"]:
    """Signal of a density of vessels, in the unit of `normal`."""
    return normal * vessels


def vessel_density(signal: Float[Array, "*n"], normal: Array | float) -> Float[Array, "*n"]:
    """Density of vessels relative to normal, from a signal; the inverse of `perfusion`.

    To start `Vessels` from a perfusion map: put it into `State.fields["vessels"]`.
    """
    return signal / normal

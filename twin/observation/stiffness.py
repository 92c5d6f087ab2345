"""Stiffness of tissue by its cells, as elastography maps it: shear modulus of a mixture.

    G = G_tissue + (G_tumor − G_tissue) (u + w) + noise in proportion to G

u are viable cells, w dead ones not yet cleared. Glioblastomas are on average softer than the brain
around them, 1.32 ± 0.26 against 1.54 ± 0.27 kPa with 5 of 22 stiffer (Streitberger et al. 2014, doi
10.1371/journal.pone.0110588, magnitude of the complex modulus at 30 to 60 Hz); carcinomas of the
breast are stiffer. So either sign is allowed. Young's modulus is 2 (1 + ν) G, about 3 G.
"""

from __future__ import annotations

import equinox as eqx
from jaxtyping import Array, Float

from twin.errors import TwinError
from twin.models.model import Params
from twin.models.state import State
from twin.observation.relative_noise import relative_log_prob, relative_standardized
from twin.parameters import LogNormal, Parameter, Provenance
from twin.patient import SITES

_STREITBERGER = "Streitberger et al. 2014, doi 10.1371/journal.pone.0110588"
_MIXTURE = "; that it is reached at the carrying capacity is assumed"
_ASSUMED = "assumed, wide"
_BREAST = (
    "Karakaş & Poçan 2026, doi 10.12659/MSM.952112: fibroglandular tissue 2.95 ± 0.43 kPa, fatty"
    " 1.85 ± 0.32 kPa"
)
_MODULI: dict[str, tuple[tuple[LogNormal, str, Provenance], tuple[LogNormal, str, Provenance]]] = {
    "glioma": (
        (LogNormal(1.54, 0.18), _STREITBERGER, "literature human"),
        (LogNormal(1.32, 0.20), _STREITBERGER + _MIXTURE, "literature human"),
    ),
    "breast": (
        (LogNormal(2.95, 0.15), _BREAST, "literature human"),
        (LogNormal(7.0, 0.5), "assumed: a few times stiffer than the gland", "assumed"),
    ),
    "soft_tissue_sarcoma": (
        (LogNormal(3.0, 0.5), _ASSUMED, "assumed"),
        (LogNormal(6.0, 0.7), _ASSUMED, "assumed"),
    ),
    "generic": (
        (LogNormal(2.0, 0.7), _ASSUMED, "assumed"),
        (LogNormal(4.0, 1.0), _ASSUMED, "assumed"),
    ),
}
"""Shear modulus of the tissue and of the tumor by site, kPa."""


class Stiffness(eqx.Module):
    """A map of shear modulus in kPa as an observation (see `twin.observation.observation`).

    Attributes:
        site: whose moduli the priors are, one of `twin.patient.SITES`.
        weight: (N,) 1 where the map counts, or a number; elastography is blind near fluid.
        correlated_voxels: voxels that share one independent piece of information; the inversion of
            waves smooths over several.
    """

    site: str = eqx.field(static=True, default="generic")
    weight: Float[Array, "..."] | float = 1.0
    correlated_voxels: float = eqx.field(static=True, default=1.0)

    def __check_init__(self) -> None:
        if self.site not in _MODULI:
            raise TwinError(
                f"unknown tumor site {self.site!r}",
                where="Stiffness.site",
                expected=", ".join(SITES),
                got=repr(self.site),
            )

    def parameters(self) -> list[Parameter]:
        """Moduli of tissue and tumor, and the noise."""
        tissue, tumor = _MODULI[self.site]
        return [
            Parameter(
                "shear_modulus_tissue", "kPa", tissue[0], "of tissue without tumor", *tissue[1:]
            ),
            Parameter(
                "shear_modulus_tumor", "kPa", tumor[0], "at the carrying capacity", *tumor[1:]
            ),
            Parameter(
                "stiffness_variation",
                "1",
                LogNormal(0.08, 0.35),
                "coefficient of variation of the stiffness of a region between two scans",
                "brain 0.04, its regions 0.04 to 0.13: Svensson et al. 2021, doi"
                " 10.1002/jmri.27475",
                "literature human",
            ),
        ]

    def predict(self, state: State, params: Params) -> Float[Array, "*t n"]:
        """Shear modulus of each voxel, kPa."""
        tissue, tumor = params["shear_modulus_tissue"], params["shear_modulus_tumor"]
        return shear_modulus_kpa(state.seen, tissue, tumor)

    def log_prob(self, predicted: Array, observed: Array, params: Params) -> Float[Array, ""]:
        """Of a map in kPa."""
        variation = params["stiffness_variation"]
        return relative_log_prob(
            predicted, observed, variation, self.weight, self.correlated_voxels
        )

    def standardized(self, values: Array, params: Params) -> Float[Array, "*n"]:
        """Logarithms of maps in standard deviations of their noise."""
        variation = params["stiffness_variation"]
        return relative_standardized(values, variation, self.weight, self.correlated_voxels)


def shear_modulus_kpa(
    fraction: Float[Array, "*n"], tissue_kpa: Array | float, tumor_kpa: Array | float
) -> Float[Array, "*n"]:
    """Shear modulus of tissue of which cells take a fraction of their capacity."""
    return tissue_kpa + (tumor_kpa - tissue_kpa) * fraction

"""Oxygen of a voxel from its vessels and cells, neither of which is resolved.

    M u p / (p + K) = S v (p_v − p)                     consumption = supply, quadratic in p
    M / S = (M R² / 2D) (ln(R/r) / (1 − e²) − (3 − e²) / 4),   R = 1/√(π n),  e = r/R

A voxel is many times wider than the 0.1 mm that oxygen diffuses, and oxygen settles in seconds, so
its mean tension p is that at which the u viable cells consume what v vessels (1 = normal) supply.
M / S is the mean fall of tension in the tissue cylinder of a vessel of radius r among n vessels per
area, cells consuming M throughout (Krogh 1919, doi 10.1113/jphysiol.1919.sp001839). Exact where
consumption does not depend on the tension; tests/validation/test_oxygen.py tells the error where it
does. Oxygen makes a dose count more by

    OER(p) = (m p + k) / (p + k)                        Alper & Howard-Flanders 1956

(doi 10.1038/178978a0): divided by it α falls by OER and β by OER². Cells divide at a share of their
rate that rises with tension by Hill's law, 1 at p_v, about a half at the threshold of hypoxia.
"""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from twin.models.model import Params
from twin.parameters import Fixed, LogNormal, Parameter

SECONDS = 86400.0
"""Seconds in a day."""
UM = 1e-3
"""Millimeters in a micrometer."""


class Oxygen(eqx.Module):
    """Supply and effects of oxygen.

    Attributes:
        vessel_mmhg: p_v, tension in the vessels.
        deficit_mmhg: M / S, mean fall of tension in a voxel full of cells, normal vessels.
        half_mmhg: K, tension at which consumption is half of its maximum.
        hypoxia_mmhg: threshold of hypoxia.
        enhancement: m, largest oxygen enhancement ratio.
        enhancement_mmhg: k, tension of half of the enhancement.
    """

    vessel_mmhg: Float[Array, ""]
    deficit_mmhg: Float[Array, ""]
    half_mmhg: Float[Array, ""]
    hypoxia_mmhg: Float[Array, ""]
    enhancement: Float[Array, ""]
    enhancement_mmhg: Float[Array, ""]

    def tension(self, viable: Float[Array, "*n"], vessels: Array | float = 1.0) -> Array:
        """Mean tension relative to p_v, 0..1.

        The root is taken as a difference: in float32 it is right to 1e-4 mmHg, not to six digits.

        Args:
            viable: u, fraction of the capacity.
            vessels: v, vessel density relative to the normal one, above 0.
        """
        half = self.half_mmhg / self.vessel_mmhg
        deficit = self.deficit_mmhg / self.vessel_mmhg
        slope = deficit * (viable / vessels if isinstance(vessels, Array) else viable) + half - 1.0
        root = 0.5 * (jnp.sqrt(slope * slope + 4.0 * half) - slope)
        return jnp.where(root < 1.0, root, 1.0)

    def hypoxic(self, tension: Float[Array, "*n"]) -> Array:
        """Hill's law, 0..1: share of the cells that turn hypoxic, and by which growth is slower."""
        fourth = (tension * tension) ** 2
        return self.threshold * (1.0 - fourth) / (fourth + self.threshold)

    def fourth_power(self, hypoxic: Float[Array, "*n"]) -> Array:
        """Fourth power of the tension at a hypoxic share."""
        return self.threshold * (1.0 - hypoxic) / (hypoxic + self.threshold)

    @property
    def threshold(self) -> Array:
        """Fourth power of the threshold of hypoxia relative to p_v."""
        return (self.hypoxia_mmhg / self.vessel_mmhg) ** 4

    def protection(self, tension: Float[Array, "*n"]) -> Array:
        """Factor by which a dose counts less than at p_v, 1..m."""
        return self.ratio(jnp.ones(())) / self.ratio(tension)

    def ratio(self, tension: Float[Array, "*n"]) -> Array:
        """Oxygen enhancement ratio, 1..m."""
        half = self.enhancement_mmhg / self.vessel_mmhg
        return (self.enhancement * tension + half) / (tension + half)


def krogh_deficit_mmhg(
    density_per_mm2: Array, consumption_mmhg_s: Array, diffusivity_mm2_day: Array, radius_um: Array
) -> Array:
    """Mean fall of tension around a vessel, consumption everywhere at its maximum, mmHg.

    Args:
        density_per_mm2: n, vessels per area; below 1 / (π r²), where they fill the tissue.
        consumption_mmhg_s: M.
        diffusivity_mm2_day: D of oxygen.
        radius_um: r of a vessel.
    """
    outer_mm2 = 1.0 / (jnp.pi * density_per_mm2)
    square = (UM * radius_um) ** 2 / outer_mm2
    shape = -0.5 * jnp.log(square) / (1.0 - square) - 0.25 * (3.0 - square)
    return consumption_mmhg_s * SECONDS * outer_mm2 / (2.0 * diffusivity_mm2_day) * shape


def oxygen_of(params: Params) -> Oxygen:
    """Oxygen from the parameters of `oxygen_priors`."""
    return Oxygen(
        vessel_mmhg=params["vessel_oxygen"],
        deficit_mmhg=krogh_deficit_mmhg(
            params["vessel_density"],
            params["oxygen_consumption"],
            params["oxygen_diffusivity"],
            params["vessel_radius"],
        ),
        half_mmhg=params["consumption_half_point"],
        hypoxia_mmhg=params["hypoxia_threshold"],
        enhancement=params["oxygen_enhancement"],
        enhancement_mmhg=params["enhancement_half_point"],
    )


_GRIMES = "assumed after Grimes et al. 2014, doi 10.1098/rsif.2013.1124; not yet checked against it"


def oxygen_priors() -> list[Parameter]:
    """Supply, consumption and effects of oxygen; cells tell only their ratio, so one is free."""
    return [
        Parameter(
            "vessel_density",
            "1/mm²",
            LogNormal(50.0, 0.5),
            "vessels that supply oxygen, per area of a section through normal vessels",
            "assumed: a full voxel is then at 5 mmHg, the median in human gliomas by electrode"
            " (Lally et al. 2006, Cancer J 12:461)",
            "assumed",
        ),
        Parameter(
            "hypoxia_threshold",
            "mmHg",
            LogNormal(10.0, 0.3),
            "mean tension at which half of the cells are hypoxic and growth is halved",
            "assumed: hypoxia is usually said to begin at 10 mmHg",
            "assumed",
        ),
        Parameter(
            "enhancement_half_point",
            "mmHg",
            LogNormal(3.0, 0.3),
            "tension at which oxygen has half of its effect on radiosensitivity",
            "assumed: 3 mmHg, Alper & Howard-Flanders 1956, doi 10.1038/178978a0, not yet checked",
            "assumed",
            needs="radiotherapy",
        ),
        Parameter(
            "oxygen_enhancement",
            "1",
            Fixed(3.0),
            "largest oxygen enhancement ratio",
            "assumed: 2.5 to 3, Wouters & Brown 1997, doi 10.2307/3579430, not yet checked",
            "assumed",
        ),
        Parameter(
            "oxygen_consumption",
            "mmHg/s",
            Fixed(15.0),
            "largest consumption at the carrying capacity",
            _GRIMES + " (5 to 40)",
            "assumed",
        ),
        Parameter(
            "consumption_half_point",
            "mmHg",
            Fixed(2.0),
            "tension at which consumption is half of its maximum",
            "assumed: 1 to 2.5 mmHg",
            "assumed",
        ),
        Parameter(
            "vessel_oxygen",
            "mmHg",
            Fixed(40.0),
            "tension in the vessels",
            "inlet of the Krogh model of Kirkpatrick et al. 2003, doi"
            " 10.1667/0033-7587(2003)159[0336:AMMOTO]2.0.CO;2",
            "assumed",
        ),
        Parameter(
            "oxygen_diffusivity",
            "mm²/day",
            Fixed(173.0),
            "diffusivity of oxygen in tissue (2e-9 m²/s)",
            _GRIMES,
            "assumed",
        ),
        Parameter(
            "vessel_radius",
            "µm",
            Fixed(5.0),
            "radius of the vessels that supply oxygen",
            "assumed: capillaries",
            "assumed",
        ),
    ]

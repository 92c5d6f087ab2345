"""Swelling: water in and around a tumor that scans show although no cell is there.

    e = 1 − exp(−(a_u G_s u + a_w G_s w + a_v G_s v))        share of a voxel that is extra water
    shown = f + (1 − f) e                                     what is outlined as tumor
    ADC   = (1 − e) ADC(f) + e ADC_water                      what diffusion imaging measures

f is the seen cell fraction, u viable, w freshly killed cells and v necrotic debris (0 in models
that do not tell it apart, twin/models/clearance), G_s a Gaussian blur over the edema length. Leaky
vessels of the living tumor make vasogenic edema; dying cells make treatment-related swelling, which
comes with radiotherapy and goes as they are cleared. So the outline may grow while the tumor dies
(pseudoprogression: 15 of 67 patients with glioblastoma within 12 weeks of chemoradiation, Rowe et
al. 2018, doi 10.1007/s11060-018-2855-z), and stay where debris lingers. All coefficients are
assumed.
"""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from twin.domain import Domain
from twin.models.clearance import DEBRIS
from twin.models.model import Params
from twin.models.state import State
from twin.observation.blur import blur
from twin.parameters import LogNormal, Parameter


class Edema(eqx.Module):
    """Extra water of a tumor.

    Attributes:
        domain: tissue that can swell.
    """

    domain: Domain

    def parameters(self) -> list[Parameter]:
        """Swelling per cell and its reach."""
        return [
            Parameter(
                "edema_per_viable_cell",
                "1",
                LogNormal(0.3, 0.7),
                "extra water around viable cells, per cell fraction, where there is little of it",
                "assumed, wide",
                "assumed",
            ),
            Parameter(
                "edema_per_dead_cell",
                "1",
                LogNormal(0.6, 0.7),
                "extra water around freshly killed cells, per cell fraction",
                "assumed, wide",
                "assumed",
                needs="treatment",
            ),
            Parameter(
                "edema_per_debris",
                "1",
                LogNormal(1.5, 0.7),
                "extra water around necrotic debris, per cell fraction, in models that have it",
                "assumed, wide",
                "assumed",
                needs="treatment",
            ),
            Parameter(
                "edema_length",
                "mm",
                LogNormal(5.0, 0.5),
                "distance over which extra water spreads from the cells that cause it",
                "assumed",
                "assumed",
            ),
        ]

    def fraction(self, state: State, params: Params) -> Float[Array, "*t n"]:
        """(..., N) share of each voxel that is extra water, 0..1."""
        debris = state.fields.get(DEBRIS, jnp.zeros_like(state.dead))
        source = (
            params["edema_per_viable_cell"] * state.viable
            + params["edema_per_dead_cell"] * (state.dead - debris)
            + params["edema_per_debris"] * debris
        )
        domain = self.domain
        spread = blur(source, domain.shape, domain.spacing_mm, params["edema_length"])
        return -jnp.expm1(-jnp.maximum(spread, 0.0)) * domain.mask


def shown(state: State, params: Params, edema: Edema | None = None) -> Float[Array, "*t n"]:
    """(..., N) what is outlined as tumor: seen cells, and the swelling beyond them."""
    if edema is None:
        return state.seen
    return state.seen + jnp.maximum(1.0 - state.seen, 0.0) * edema.fraction(state, params)

"""Outlines: a voxel is drawn as tumor where the seen cell fraction exceeds a threshold.

p(drawn) = 1 / (1 + exp(−(f − c) / width)). The width stands for readers and partial volumes.
Thresholds after Lipkova et al. 2019 (doi 10.1109/TMI.2019.2902044) for glioma, assumed elsewhere.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from twin.models.model import Params
from twin.models.state import State
from twin.observation.edema import Edema, shown
from twin.observation.observation import bernoulli_log_prob, in_deviations
from twin.parameters import Parameter, Prior, Uniform

UNLABELED = 0.1
"""Cell fraction counted as visible for a patient without any outline (assumed)."""
WIDTH = 0.05
"""Cell fraction over which an outline changes from unlikely to likely."""

_LIPKOVA = "Lipkova et al. 2019, doi 10.1109/TMI.2019.2902044"
_THRESHOLDS: dict[str, tuple[Prior, str]] = {
    "enhancing": (Uniform(0.5, 0.85), _LIPKOVA),
    "flair": (Uniform(0.05, 0.5), _LIPKOVA),
    "gtv": (Uniform(0.15, 0.6), "assumed"),
}


def threshold_parameter(label: str) -> Parameter:
    """Visibility threshold of a mask label, with its prior."""
    prior, citation = _THRESHOLDS.get(label, (Uniform(0.1, 0.7), "assumed"))
    return Parameter(
        f"visibility_threshold_{label}",
        "1",
        prior,
        f"cell fraction at which {label} is outlined",
        citation,
        "assumed" if citation == "assumed" else "literature human",
    )


def visibility_threshold(params: Params, label: str) -> Float[Array, ""]:
    """Cell fraction at which `label` is outlined; `UNLABELED` where there is no label."""
    return params[f"visibility_threshold_{label}"] if label else jnp.asarray(UNLABELED)


def drawn_probability(
    seen: Float[Array, "..."], threshold: Float[Array, "..."], width: float = WIDTH
) -> Float[Array, "..."]:
    """Probability that a voxel with cell fraction `seen` is drawn as tumor."""
    return jax.nn.sigmoid((seen - threshold) / width)


class Outline(eqx.Module):
    """A drawn mask as an observation (see `twin.observation.observation`).

    Attributes:
        label: mask label whose threshold holds.
        edema: swelling that is drawn with the cells; None for none.
        weight: (N,) 1 where the mask counts, or a number.
        correlated_voxels: voxels that share one independent piece of information.
        sd: standard deviation of a drawn voxel around its probability, at most 0.5.
    """

    label: str = eqx.field(static=True)
    edema: Edema | None = None
    weight: Float[Array, "..."] | float = 1.0
    correlated_voxels: float = eqx.field(static=True, default=1.0)
    sd: float = eqx.field(static=True, default=0.5)

    def parameters(self) -> list[Parameter]:
        """The threshold, and the swelling's."""
        return [threshold_parameter(self.label), *(self.edema.parameters() if self.edema else [])]

    def predict(self, state: State, params: Params) -> Float[Array, "*t n"]:
        """Probability of each voxel to be drawn."""
        seen = shown(state, params, self.edema)
        return drawn_probability(seen, visibility_threshold(params, self.label))

    def log_prob(self, predicted: Array, observed: Array, params: Params) -> Float[Array, ""]:
        """Of a mask."""
        return bernoulli_log_prob(predicted, observed, self.weight, self.correlated_voxels)

    def standardized(self, values: Array, params: Params) -> Float[Array, "*n"]:
        """Masks or probabilities in standard deviations of a voxel."""
        return in_deviations(values, self.sd, self.weight, self.correlated_voxels)

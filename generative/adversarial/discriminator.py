"""The network that tells private from simulated patients, and how it is trained.

It looks at summaries of a patient beside the response, a few dozen numbers, so that it has few
parameters: noise drowns large ones. There are no batch statistics: a patient's score depends on no
other's. Once it cannot be improved, exp(D) is how much more often such patients are among the
private ones than among the simulated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float

from generative.privacy.gradients import PrivateGradients
from generative.privacy.recommend import STEPS

_CUT = 3.0


class Discriminator(nnx.Module):
    """One hidden layer; starts at 0, where nothing tells patients apart."""

    def __init__(self, inputs: int, *, width: int, rngs: nnx.Rngs) -> None:
        self.hidden = nnx.Linear(inputs, width, rngs=rngs)
        self.score = nnx.Linear(width, 1, kernel_init=nnx.initializers.zeros, rngs=rngs)

    def __call__(self, inputs: Float[Array, "*n k"]) -> Float[Array, "*n"]:
        return self.score(jnp.tanh(self.hidden(inputs)))[..., 0]


def inputs_of(
    summaries: Float[Array, "*n k"],
    sign: Float[Array, "*n"],
    center: Float[Array, " k"],
    scale: Float[Array, " k"],
) -> Float[Array, "*n i"]:
    """What the discriminator sees: the response as ±1, summaries, their squares, by response."""
    values = jnp.clip((summaries - center) / scale, -_CUT, _CUT)
    side = sign[..., None]
    return jnp.concatenate([side, values, 0.5 * (values**2 - 1.0), side * values], axis=-1)


@dataclass(frozen=True)
class Virtual:
    """Simulated patients that the discriminator is trained against.

    Attributes:
        inputs: (M, I) of each patient with either response.
        chances: (M,) of each; sum to 1.
    """

    inputs: Float[Array, "m i"]
    chances: Float[Array, " m"]


@dataclass(frozen=True)
class Settings:
    """Sizes and rates.

    Attributes:
        width: of the hidden layer.
        steps: of the discriminator.
        batch: patients of each side in a step without privacy.
        learning_rate: of Adam.
        gamma: weight of R1 and R2.
    """

    width: int = 32
    steps: int = 1000
    batch: int = 256
    learning_rate: float = 5e-3
    gamma: float = 0.03


PRIVATE = Settings(width=16, steps=STEPS, learning_rate=2e-2)
"""Fewer parameters and steps where each costs noise."""


def start(inputs: int, settings: Settings) -> tuple[Any, Any]:
    """Graph and parameters of a discriminator that was not trained."""
    network = Discriminator(inputs, width=settings.width, rngs=nnx.Rngs(0))
    return nnx.split(network)


def train(
    real: Float[Array, "n i"], virtual: Virtual, settings: Settings, *, seed: int
) -> tuple[Any, Any]:
    """Graph and averaged parameters, trained on private patients as they are.

    Relativistic loss with R1 and R2: softplus(D(virtual) - D(real)) + γ/2 (|∇D|² on both sides)
    (Jolicoeur-Martineau 2019, https://arxiv.org/abs/1807.00734; Huang et al. 2024,
    https://arxiv.org/abs/2501.05441). Its optimum is the same as that of the logistic loss, up to
    a constant that weights do not feel.
    """
    graph, params = start(real.shape[1], settings)

    def loss(params: Any, one: Array, other: Array) -> Array:
        network = nnx.merge(graph, params)
        smooth = _steepness(network, one).mean() + _steepness(network, other).mean()
        gap = network(one) - network(other)
        return jax.nn.softplus(-gap).mean() + 0.5 * settings.gamma * smooth

    adam = optax.adam(settings.learning_rate)
    shape = (settings.batch,)

    def step(state: Any, key: Array) -> tuple[Any, None]:
        keys = jax.random.split(key)
        rows = jax.random.randint(keys[0], shape, 0, len(real))
        drawn = jax.random.choice(keys[1], len(virtual.inputs), shape, p=virtual.chances)
        slope = jax.grad(loss)(state[0], real[rows], virtual.inputs[drawn])
        return _advanced(state, slope, adam, settings), None

    keys = jax.random.split(jax.random.key(seed), settings.steps)
    run = jax.jit(lambda state: jax.lax.scan(step, state, keys)[0])
    return graph, run((params, adam.init(params), params))[2]


def train_private(
    gradients: PrivateGradients, graph: Any, public: Any, virtual: Virtual, params: Any
) -> Any:
    """Averaged parameters, trained by clipped, noisy gradients of private patients.

    Logistic loss: a relativistic one would set single private patients against simulated ones.

    Args:
        gradients: of `private_loss`, as many as `PRIVATE` has steps.
        graph: of the network.
        public: center and scale of the summaries.
        virtual: simulated patients, who cost nothing.
        params: to start from.
    """
    adam = optax.adam(PRIVATE.learning_rate)
    state = params, adam.init(params), params
    free = jax.jit(jax.grad(lambda params: _virtual_loss(graph, virtual, params)))
    for step in range(PRIVATE.steps):
        paid = gradients.mean(state[0], public, step=step)
        slope = jax.tree.map(jnp.add, paid, free(state[0]))
        state = _advanced(state, slope, adam, PRIVATE)
    return state[2]


def private_loss(graph: Any, params: Any, public: Any, patient: Any) -> Float[Array, ""]:
    """Loss of one private patient, given as summaries and the response as ±1."""
    summaries, sign = patient
    return jax.nn.softplus(-nnx.merge(graph, params)(inputs_of(summaries, sign, *public)))


def _advanced(
    state: Any, slope: Any, adam: optax.GradientTransformation, settings: Settings
) -> Any:
    """Parameters, moments of Adam, and the average of parameters over a tenth of the steps."""
    params, moments, average = state
    updates, moments = adam.update(slope, moments)
    params = optax.apply_updates(params, updates)
    new = 10.0 / settings.steps
    average = jax.tree.map(lambda a, p: (1.0 - new) * a + new * p, average, params)
    return params, moments, average


def _virtual_loss(graph: Any, virtual: Virtual, params: Any) -> Float[Array, ""]:
    network = nnx.merge(graph, params)
    each = jax.nn.softplus(network(virtual.inputs))
    each += 0.5 * PRIVATE.gamma * _steepness(network, virtual.inputs)
    return (virtual.chances * each).sum()


def scores(graph: Any, params: Any, inputs: Float[Array, "m i"]) -> Float[np.ndarray, " m"]:
    """D of each patient."""
    return np.asarray(nnx.merge(graph, params)(inputs), float)


def _steepness(network: Discriminator, inputs: Float[Array, "n i"]) -> Float[Array, " n"]:
    slopes = jax.grad(lambda x: network(x).sum())(inputs)
    return (slopes**2).sum(axis=1)

"""Generator and discriminator of codes, conditional on response and tumor volume.

Both are residual networks without batch statistics, so that one patient's output depends on no
other's. The generator refines a simulated tumor rather than inventing one: from the code x of a
virtual patient, a latent w and conditions c it gives x exp(s(w, c)) + t(x, w, c), and starts at
s = t = 0, the simulation as it is. The discriminator also sees the energy of groups of code numbers,
which texture and noise live in.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

CONDITIONS = 2
"""Response as ±1, and the logarithm of the volume in standard deviations of the prior."""
STYLES = 32
"""Numbers of the latent."""
_CUT = 6.0
_GROUP = 24
_LARGEST_STRETCH = 1.5


class Residual(nnx.Module):
    """x + W₂ σ(W₁ σ(x)); the second layer starts at 0."""

    def __init__(self, width: int, *, rngs: nnx.Rngs) -> None:
        self.first = nnx.Linear(width, width, rngs=rngs)
        self.second = nnx.Linear(width, width, kernel_init=nnx.initializers.zeros, rngs=rngs)

    def __call__(self, x: Float[Array, "n w"]) -> Float[Array, "n w"]:
        return x + self.second(nnx.leaky_relu(self.first(nnx.leaky_relu(x, 0.2)), 0.2))


class Generator(nnx.Module):
    """From the code of a virtual patient, a latent and conditions to a code.

    Arguments:
        size: numbers of a code.
        width: of the hidden layers.
        blocks: residual blocks.
    """

    def __init__(self, size: int, *, width: int, blocks: int, rngs: nnx.Rngs) -> None:
        zeros = nnx.initializers.zeros
        self.style = nnx.Linear(STYLES + CONDITIONS, width, rngs=rngs)
        self.detail = nnx.Linear(size, width, rngs=rngs)
        self.styled = nnx.List([Residual(width, rngs=rngs) for _ in range(blocks)])
        self.hidden = nnx.List([Residual(width, rngs=rngs) for _ in range(blocks)])
        self.stretch = nnx.Linear(width, size, kernel_init=zeros, rngs=rngs)
        self.shift = nnx.Linear(width, size, kernel_init=zeros, rngs=rngs)

    def __call__(
        self,
        virtual: Float[Array, "n k"],
        latent: Float[Array, "n l"],
        conditions: Float[Array, "n 2"],
    ) -> Float[Array, "n k"]:
        styled = self.style(jnp.concatenate([latent, conditions], axis=1))
        hidden = styled + self.detail(virtual)
        for block in self.styled:
            styled = block(styled)
        for block in self.hidden:
            hidden = block(hidden)
        stretch = self.stretch(nnx.leaky_relu(styled, 0.2)) / _LARGEST_STRETCH
        stretch = _LARGEST_STRETCH * jnp.tanh(stretch)
        return virtual * jnp.exp(stretch) + self.shift(nnx.leaky_relu(hidden, 0.2))


class Discriminator(nnx.Module):
    """From a code and its conditions to how real it seems."""

    def __init__(self, size: int, *, width: int, blocks: int, rngs: nnx.Rngs) -> None:
        groups = -(-size // _GROUP)
        self.enter = nnx.Linear(size + groups + CONDITIONS, width, rngs=rngs)
        self.blocks = nnx.List([Residual(width, rngs=rngs) for _ in range(blocks)])
        self.leave = nnx.Linear(width, 1, rngs=rngs)

    def __call__(
        self, codes: Float[Array, "n k"], conditions: Float[Array, "n 2"]
    ) -> Float[Array, " n"]:
        cut = _CUT * jnp.tanh(codes / _CUT)
        hidden = self.enter(jnp.concatenate([cut, energies(cut), conditions], axis=1))
        for block in self.blocks:
            hidden = block(hidden)
        return self.leave(nnx.leaky_relu(hidden, 0.2))[:, 0]


def energies(codes: Float[Array, "n k"]) -> Float[Array, "n g"]:
    """Logarithm of the mean square of each group of neighboring code numbers."""
    missing = -codes.shape[1] % _GROUP
    padded = jnp.pad(codes, ((0, 0), (0, missing)))
    grouped = padded.reshape(len(codes), -1, _GROUP)
    return 2.0 * jnp.log((grouped**2).mean(axis=2) + 0.05)


def penalty(
    discriminator: Discriminator, codes: Float[Array, "n k"], conditions: Float[Array, "n 2"]
) -> Float[Array, ""]:
    """Mean square norm of the gradient with respect to codes (R1 on real, R2 on synthetic ones)."""
    slopes = jax.grad(lambda x: discriminator(x, conditions).sum())(codes)
    return (slopes**2).sum(axis=1).mean()

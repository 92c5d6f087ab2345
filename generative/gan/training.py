"""Adversarial training: relativistic loss with R1 and R2 (Huang et al. 2024, arXiv:2501.05441).

Step i depends on the seed and i alone, so that a training which was interrupted goes on from its
last checkpoint to the same end, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float, Float32

from generative.gan.networks import STYLES, Discriminator, Generator, penalty
from twin.errors import TwinError

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class GanSettings:
    """Sizes and rates of a training.

    Attributes:
        steps: of discriminator and generator.
        batch: patients in a step, real and synthetic.
        width: of the hidden layers.
        blocks: residual blocks of each network.
        gamma: weight of R1 and R2.
        learning_rate: of Adam, for both.
        average: decay of the average of the generator's weights.
        every: steps between checkpoints.
    """

    steps: int = 6000
    batch: int = 64
    width: int = 256
    blocks: int = 2
    gamma: float = 0.5
    learning_rate: float = 5e-4
    average: float = 0.999
    every: int = 500


@dataclass(frozen=True)
class Codes:
    """Codes with conditions and the chance of each to be drawn.

    Attributes:
        codes: (N, S, K) in S orientations.
        conditions: (N, 2) as in `generative.gan.networks`.
        chances: (N,) summing to 1.
    """

    codes: Float32[np.ndarray, "n s k"]
    conditions: Float32[np.ndarray, "n 2"]
    chances: Float[np.ndarray, " n"]


def train_gan(
    real: Codes,
    virtual: Codes,
    settings: GanSettings,
    *,
    seed: int,
    checkpoints: Path | None = None,
    show: Callable[[int, nnx.State], None] | None = None,
    progress: Progress | None = None,
) -> nnx.State:
    """Averaged weights of the generator.

    Args:
        real: patients to learn.
        virtual: patients of the simulation, whom the generator refines.
        settings: sizes and rates.
        seed: of every draw.
        checkpoints: folder to keep the state in; a training of the same settings goes on from it.
        show: called with the step and the averaged weights at every checkpoint.
        progress: called with steps done and all of them.

    Raises:
        TwinError: the losses are not finite.
    """
    size = real.codes.shape[2]
    generator, discriminator = make_networks(size, settings, seed)
    shapes, weights = nnx.split(generator)
    judge_shapes, judge = nnx.split(discriminator)
    adam = optax.adam(settings.learning_rate, b1=0.0, b2=0.99)
    state: Any = (weights, judge, adam.init(weights), adam.init(judge), weights)
    tables = [
        (jnp.asarray(part.codes), jnp.asarray(part.conditions), jnp.asarray(part.chances))
        for part in (real, virtual)
    ]
    advance = partial(_advance, (shapes, judge_shapes), adam, settings)
    run = jax.jit(
        lambda state, tables, key, start, count: jax.lax.fori_loop(
            start, start + count, lambda i, s: advance(s, tables, jax.random.fold_in(key, i)), state
        )
    )
    keeper = None if checkpoints is None else Keeper(checkpoints, settings, seed)
    done = 0
    if keeper is not None:
        done, state = keeper.latest(state)
    while done < settings.steps:
        count = min(settings.every, settings.steps - done)
        state = run(state, tables, jax.random.key(seed), done, count)
        done += count
        if not all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(state[4])):
            raise TwinError(
                "training diverged",
                where=f"step {done}",
                expected="finite weights",
                got="NaN or infinity",
                fix="Lower the learning rate or raise gamma.",
            )
        if keeper is not None:
            keeper.keep(done, state)
        if show is not None:
            show(done, state[4])
        if progress is not None:
            progress(done, settings.steps)
    return state[4]


def make_networks(
    size: int, settings: GanSettings, seed: int
) -> tuple[Generator, Discriminator]:
    """Networks as they start."""
    keys = nnx.Rngs(seed)
    made = dict(width=settings.width, blocks=settings.blocks, rngs=keys)
    return Generator(size, **made), Discriminator(size, **made)


def _advance(
    shapes: tuple[Any, Any],
    adam: optax.GradientTransformation,
    settings: GanSettings,
    state: Any,
    tables: Any,
    key: Array,
) -> Any:
    """One step of the discriminator, then one of the generator."""
    weights, judge, moments, judge_moments, average = state
    keys = jax.random.split(key, 3)
    (real, c_real), (virtual, c_virtual) = (
        _draw(table, settings.batch, k) for table, k in zip(tables, keys[:2], strict=True)
    )
    latent = jax.random.normal(keys[2], (settings.batch, STYLES))

    def refine(weights: Any) -> Float[Array, "n k"]:
        return nnx.merge(shapes[0], weights)(virtual, latent, c_virtual)

    synthetic = refine(weights)

    def judge_loss(judge: Any) -> Float[Array, ""]:
        d = nnx.merge(shapes[1], judge)
        gap = d(real, c_real) - d(synthetic, c_virtual)
        smooth = penalty(d, real, c_real) + penalty(d, synthetic, c_virtual)
        return jax.nn.softplus(-gap).mean() + 0.5 * settings.gamma * smooth

    updates, judge_moments = adam.update(jax.grad(judge_loss)(judge), judge_moments)
    judge = optax.apply_updates(judge, updates)

    def loss(weights: Any) -> Float[Array, ""]:
        d = nnx.merge(shapes[1], judge)
        return jax.nn.softplus(d(real, c_real) - d(refine(weights), c_virtual)).mean()

    updates, moments = adam.update(jax.grad(loss)(weights), moments)
    weights = optax.apply_updates(weights, updates)
    kept = settings.average
    average = jax.tree.map(lambda a, w: kept * a + (1.0 - kept) * w, average, weights)
    return weights, judge, moments, judge_moments, average


def _draw(table: Any, count: int, key: Array) -> tuple[Array, Array]:
    codes, conditions, chances = table
    which, turn = jax.random.split(key)
    rows = jax.random.choice(which, len(codes), (count,), p=chances)
    turns = jax.random.randint(turn, (count,), 0, codes.shape[1])
    return codes[rows, turns], conditions[rows]

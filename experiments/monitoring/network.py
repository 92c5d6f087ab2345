"""A network that reads the scans of a course and says whether the tumor will respond.

Each scan (cone-beam CT and outline, 12³) is encoded by two strided convolutions; a gated recurrent
unit goes through the scans in order, and says after each of them the chance that the tumor will not
have responded when it is judged. It is trained on virtual courses and knows nothing of the model.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float

from experiments.monitoring.courses import BACKGROUND_HU, SCAN_DAYS, Course

_FEATURES, _HIDDEN, _BATCH, _SCALE_HU = 16, 32, 32, 50.0
_DAYS = 100.0


class ScanReader(nnx.Module):
    """Chances of no response after each scan."""

    def __init__(self, *, rngs: nnx.Rngs) -> None:
        size = (3, 3, 3)
        self.first = nnx.Conv(2, 8, size, strides=2, rngs=rngs)
        self.second = nnx.Conv(8, _FEATURES, size, strides=2, rngs=rngs)
        self.cell = nnx.GRUCell(27 * _FEATURES + 3, _HIDDEN, rngs=rngs)
        self.out = nnx.Linear(_HIDDEN, 1, rngs=rngs)

    def __call__(
        self, scans: Float[Array, "b t x y z 2"], facts: Float[Array, "b t 3"]
    ) -> Float[Array, "b t"]:
        """Log odds; `facts` are the day and the logarithms of two volumes."""
        batch, times = scans.shape[:2]
        x = scans.reshape(batch * times, *scans.shape[2:])
        x = nnx.relu(self.second(nnx.relu(self.first(x)))).reshape(batch, times, -1)
        x = jnp.concatenate([x, facts], axis=-1)
        carry = jnp.zeros((batch, _HIDDEN))
        odds = []
        for time in range(times):
            carry, _ = self.cell(carry, x[:, time])
            odds.append(self.out(carry)[:, 0])
        return jnp.stack(odds, axis=1)


def inputs_of(courses: Sequence[Course]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scans (B, T, x, y, z, 2), facts (B, T, 3) and whether each course did not respond (B,)."""
    scans, facts = [], []
    for course in courses:
        visits = course.patient.visits[2:]
        images = [(v.images["CT"].data - BACKGROUND_HU) / _SCALE_HU for v in visits]
        masks = [v.masks["gtv"].astype(np.float32) for v in visits]
        scans.append(np.stack([np.stack(pair, -1) for pair in zip(images, masks, strict=True)]))
        before, sizes = np.log(course.outlined_ml[1]), np.log(course.outlined_ml[2:])
        days = np.array(SCAN_DAYS) / _DAYS
        facts.append(np.stack([days, sizes - before, np.full(len(days), before / 3.0)], axis=-1))
    label = np.array([not course.responded for course in courses], np.float32)
    return np.stack(scans).astype(np.float32), np.stack(facts).astype(np.float32), label


def train_reader(courses: Sequence[Course], *, epochs: int = 30, seed: int = 0) -> ScanReader:
    """Train on virtual courses, cross-entropy after every scan; mirrored at random."""
    scans, facts, label = inputs_of(courses)
    reader = ScanReader(rngs=nnx.Rngs(seed))
    steps = epochs * (len(label) // _BATCH)
    schedule = optax.cosine_decay_schedule(2e-3, steps)
    optimizer = nnx.Optimizer(reader, optax.adamw(schedule, weight_decay=1e-3), wrt=nnx.Param)
    random = np.random.default_rng([seed, 0x7EAD])
    for _ in range(epochs):
        order = random.permutation(len(label))
        for first in range(0, len(order) - _BATCH + 1, _BATCH):
            rows = order[first : first + _BATCH]
            mirror = tuple(2 + axis for axis in range(3) if random.random() < 0.5)
            batch = np.flip(scans[rows], mirror), facts[rows], label[rows]
            _step(reader, optimizer, *map(jnp.asarray, batch))
    return reader


@nnx.jit
def _step(
    reader: ScanReader, optimizer: nnx.Optimizer, scans: Array, facts: Array, label: Array
) -> Array:
    def loss(model: ScanReader) -> Array:
        odds = model(scans, facts)
        target = jnp.broadcast_to(label[:, None], odds.shape)
        return optax.sigmoid_binary_cross_entropy(odds, target).mean()

    value, slopes = nnx.value_and_grad(loss)(reader)
    optimizer.update(reader, slopes)
    return value


def chances(reader: ScanReader, courses: Sequence[Course]) -> Float[np.ndarray, "b t"]:
    """Chance of no response after each scan of each course."""
    scans, facts, _ = inputs_of(courses)
    return np.asarray(jax.nn.sigmoid(reader(jnp.asarray(scans), jnp.asarray(facts))))

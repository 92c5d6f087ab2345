"""Random tensors and the reference stencil that the tests of tensor diffusion share."""

import jax.numpy as jnp
import numpy as np

from tests.twin.tumors import SHAPE, box


def flat(field):
    """A field in float64, flat."""
    return jnp.asarray(np.ascontiguousarray(field), jnp.float64).reshape(-1)


def random_tensors(count, ratio, seed=0):
    """Tensors of trace 3 in random directions with eigenvalues up to `ratio` apart."""
    random = np.random.default_rng(seed)
    turn = np.linalg.qr(random.standard_normal((count, 3, 3)))[0]
    values = np.exp(random.uniform(0.0, np.log(ratio), (count, 3)))
    values *= 3.0 / values.sum(axis=1, keepdims=True)
    return np.einsum("nia,na,nja->nij", turn, values, turn)


def fiber(directions, ratio):
    """Tensors of trace 3 that are `ratio` times larger along a direction than across it."""
    unit = directions / np.linalg.norm(directions, axis=-1, keepdims=True)
    along = np.einsum("...i,...j->...ij", unit, unit)
    return 3.0 * (np.eye(3) + (ratio - 1.0) * along) / (ratio + 2.0)


def random_case(seed, ratio=20.0):
    """A ragged mask, tensors that vary in size and shape, and a field on the mask."""
    random = np.random.default_rng(seed)
    mask = box() & (random.random(SHAPE) < random.uniform(0.3, 1.0))
    mask[4, 4, 3] = True
    size = np.exp(random.uniform(-3, 2, mask.size))
    tensors = size[:, None, None] * random_tensors(mask.size, ratio, seed)
    return mask, tensors, random.random(SHAPE) * mask


def by_hand(u, mask, tensors, decomposed):
    """The stencil of the docstring, one voxel and one pair at a time."""
    index = np.full(mask.shape, -1)
    index[mask] = np.arange(mask.sum())
    mean = np.trace(tensors, axis1=1, axis2=2).reshape(mask.shape) / 3.0
    result = np.zeros_like(u)
    for here in map(tuple, np.argwhere(mask)):
        for offset, weights in zip(decomposed.offsets, decomposed.weights, strict=True):
            for sign in (-1, 1):
                there = tuple(np.array(here) + sign * np.array(offset))
                inside = all(0 <= i < n for i, n in zip(there, mask.shape, strict=True))
                if inside and mask[there]:
                    a, b = mean[here], mean[there]
                    form = weights[index[here]] / a + weights[index[there]] / b
                    result[here] += 2.0 * a * b / (a + b) * form / 2.0 * (u[there] - u[here])
    return result

"""Filters whose answers have features of their own: Laplacian of Gaussian and wavelets.

    LoG(x) = s² (d²/dx² + d²/dy² + d²/dz²) G_s * x,   s in mm

Every filter is a sum of products of one-dimensional ones, so it is three small matrix products
along the axes: differentiable, batched, and mirrored at the image's border. IBSI 2: Whybra et al.,
Radiology 2024, doi 10.1148/radiol.231319; wavelet taps come from PyWavelets.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from twin.errors import TwinError

CUT = 4.0
"""Gaussians are cut off after this many standard deviations."""
COARSEST = 32
"""Boxes are padded to a multiple of this many voxels, so that few programs are compiled."""

Taps = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Odd numbers of weights along x, y and z, in the order of a correlation."""


@dataclass(frozen=True)
class LaplacianOfGaussian:
    """Blobs and edges of one size.

    Args:
        sigma_mm: standard deviation of the Gaussian.
    """

    sigma_mm: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.sigma_mm) and self.sigma_mm > 0):
            raise TwinError(
                "width of a filter", where="sigma_mm", expected="above 0", got=str(self.sigma_mm)
            )

    def terms(self, spacing_mm: np.ndarray) -> dict[str, list[Taps]]:
        """Terms of each answer, by name."""
        plain = [_gaussian(self.sigma_mm / s) for s in spacing_mm]
        curved = [_curved_gaussian(self.sigma_mm / s) for s in spacing_mm]
        terms: list[Taps] = []
        for axis in range(3):
            x, y, z = (curved[a] if a == axis else plain[a] for a in range(3))
            terms.append((x, y, z))
        return {f"log_{self.sigma_mm:g}mm": terms}


@dataclass(frozen=True)
class Wavelet:
    """The eight bands of an undecimated wavelet transform of one level.

    Args:
        name: a discrete wavelet that PyWavelets knows, such as "coif1" or "haar".
    """

    name: str = "coif1"

    def __post_init__(self) -> None:
        import pywt

        if self.name not in pywt.wavelist(kind="discrete"):  # pyright: ignore[reportAttributeAccessIssue]
            raise TwinError(
                "unknown wavelet", where="name", expected="a discrete wavelet", got=self.name
            )

    def terms(self, spacing_mm: np.ndarray) -> dict[str, list[Taps]]:
        """Terms of each answer, by name: low (L) or high (H) along x, y and z."""
        import pywt

        wavelet = pywt.Wavelet(self.name)  # pyright: ignore[reportAttributeAccessIssue]
        taps = {"L": _odd(wavelet.dec_lo), "H": _odd(wavelet.dec_hi)}
        return {
            f"{self.name}_{x}{y}{z}": [(taps[x], taps[y], taps[z])]
            for x, y, z in itertools.product("LH", repeat=3)
        }


Filter = LaplacianOfGaussian | Wavelet


def filter_image(
    data: Float[np.ndarray, "x y z"],
    filters: Sequence[Filter],
    spacing_mm: np.ndarray,
    box: tuple[slice, ...] | None = None,
) -> dict[str, Float[np.ndarray, "a b c"]]:
    """The answers of filters within a box of an image.

    Args:
        data: (x, y, z) intensities.
        filters: what to apply.
        spacing_mm: (3,) edge lengths of a voxel.
        box: where answers are wanted; everywhere by default.
    """
    named = [item for f in filters for item in f.terms(spacing_mm).items()]
    if not named:
        return {}
    box = box or tuple(slice(0, n) for n in data.shape)
    operators = separable_operators([terms for _, terms in named], data.shape, box)
    widths = [(0, _padded(n) - n) for n in data.shape]
    padded = jnp.asarray(np.pad(data, widths), jnp.float32)
    answers = np.asarray(apply_separable(padded, *operators))
    nx, ny, nz = (part.stop - part.start for part in box)
    return {name: answer[:nx, :ny, :nz] for (name, _), answer in zip(named, answers, strict=True)}


def separable_operators(
    filters: Sequence[Sequence[Taps]], shape: Sequence[int], box: Sequence[slice]
) -> tuple[Float[Array, "filters terms out in"], ...]:
    """The matrices along x, y and z of filters, each a sum of terms, from an image to a box of it;
    sizes are rounded up, the rest is zero."""
    terms = max(len(f) for f in filters)
    operators = []
    for axis, (size, part) in enumerate(zip(shape, box, strict=True)):
        length = part.stop - part.start
        matrices = np.zeros((len(filters), terms, _padded(length), _padded(size)), np.float32)
        for i, of_filter in enumerate(filters):
            for j, taps in enumerate(of_filter):
                matrices[i, j, :length, :size] = _operator(taps[axis], size)[part]
        operators.append(jnp.asarray(matrices))
    return tuple(operators)


@jax.jit
def apply_separable(
    data: Float[Array, "x y z"],
    x: Float[Array, "filters terms a x"],
    y: Float[Array, "filters terms b y"],
    z: Float[Array, "filters terms c z"],
) -> Float[Array, "filters a b c"]:
    """The answer of each filter: the sum of its terms, each three matrix products."""
    highest = jax.lax.Precision.HIGHEST

    def of_filter(operators: tuple[Array, Array, Array]) -> Array:
        def of_term(term: tuple[Array, Array, Array]) -> Array:
            x, y, z = term
            part = jnp.einsum("ai,ijk->ajk", x, data, precision=highest)
            part = jnp.einsum("bj,ajk->abk", y, part, precision=highest)
            return jnp.einsum("ck,abk->abc", z, part, precision=highest)

        return jax.lax.map(of_term, operators).sum(axis=0)

    return jax.lax.map(of_filter, (x, y, z))


def _operator(taps: np.ndarray, size: int) -> np.ndarray:
    """The (size, size) matrix of a correlation, mirrored at the borders (b a | a b c | c b)."""
    half = len(taps) // 2
    row = np.repeat(np.arange(size), len(taps))
    column = (np.arange(size)[:, None] + np.arange(-half, half + 1)).ravel() % (2 * size)
    column = np.minimum(column, 2 * size - 1 - column)
    matrix = np.zeros((size, size))
    np.add.at(matrix, (row, column), np.tile(taps, size))
    return matrix


def _padded(count: int) -> int:
    return -(-count // COARSEST) * COARSEST


def _gaussian(sigma: float) -> np.ndarray:
    """Weights of a Gaussian at voxel distances, adding up to 1."""
    x = np.arange(-int(CUT * sigma + 0.5), int(CUT * sigma + 0.5) + 1)
    weights = np.exp(-0.5 * (x / sigma) ** 2)
    return weights / weights.sum()


def _curved_gaussian(sigma: float) -> np.ndarray:
    """Weights of s² d²/dx² of a Gaussian; they add up to 0, so that a constant has no answer."""
    half = int(CUT * sigma + 0.5)
    x = np.arange(-half, half + 1)
    weights = ((x / sigma) ** 2 - 1) * _gaussian(sigma)
    return weights - weights.mean()


def _odd(taps: Sequence[float]) -> np.ndarray:
    """Taps of a convolution as an odd number of weights of a correlation."""
    reversed_taps = np.asarray(taps)[::-1]
    return np.append(reversed_taps, 0.0) if len(taps) % 2 == 0 else reversed_taps

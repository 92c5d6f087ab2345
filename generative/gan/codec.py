"""Scans of a patient as a short code, and back: the space in which the networks work.

A scan is (image - background) / contrast, and the signed distance to the outline; background and
contrast of the first scan are numbers of the code. Both are cut to the lower half of their cosine
frequencies, and projected on the principal components of a *public* cohort, so that the basis costs
no privacy. What is left of the image is noise: the code keeps its strength at each scan, the codec
its public spectrum.

Turning and flipping a patient permutes cosine coefficients and changes their signs; all 48
symmetries of the cube are free.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import permutations, product

import numpy as np
from jaxtyping import Bool, Float, Float32
from scipy import fft, ndimage
from sklearn.decomposition import PCA

from generative.cohort import ScanCohort
from generative.renderer import levels_of
from twin.virtual_images import largest_piece

SYMMETRIES = tuple(product(permutations(range(3)), product((1, -1), repeat=3)))
"""(order of axes, direction along each) of the 48 ways to turn and flip a cube."""
_AROUND = 3  # voxels about the tumor whose median is the background
_FAR = 5.0  # voxels at which the distance to the outline is cut
_NOISE_BINS = 24
_LEAST_CONTRAST = 0.05  # of the smallest usual one


@dataclass(frozen=True)
class Codec:
    """A public basis of scans.

    Attributes:
        side: voxels along each edge.
        scans: T of each patient.
        mean: (P,) of the public coefficients; P = 2 T F for F kept frequencies.
        basis: (K, P) principal components with rows of unit norm.
        spread: (K,) standard deviation of the public components.
        scalars: (2, 2 + T) mean and standard deviation of background, log contrast, log noise.
        noise_power: (bins,) mean square of the rest per cosine coefficient, by frequency.
    """

    side: int
    scans: int
    mean: Float32[np.ndarray, " p"]
    basis: Float32[np.ndarray, "k p"]
    spread: Float32[np.ndarray, " k"]
    scalars: Float32[np.ndarray, "2 s"]
    noise_power: Float32[np.ndarray, " b"]

    @property
    def size(self) -> int:
        """Numbers in a code."""
        return len(self.spread) + self.scalars.shape[1]

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything as named arrays."""
        names = ("mean", "basis", "spread", "scalars", "noise_power")
        return {f"codec_{name}": getattr(self, name) for name in names}

    @classmethod
    def restore(cls, side: int, scans: int, arrays: Mapping[str, np.ndarray]) -> Codec:
        """From `arrays`."""
        names = ("mean", "basis", "spread", "scalars", "noise_power")
        return cls(side, scans, *(arrays[f"codec_{name}"] for name in names))

    def encode(
        self, cohort: ScanCohort, symmetries: int = len(SYMMETRIES), seed: int = 0
    ) -> Float32[np.ndarray, "n s k"]:
        """Codes of each patient in several orientations, in units of the public spread.

        Args:
            cohort: on the codec's grid.
            symmetries: how many orientations, the first as it is, others drawn without repeat.
            seed: of that draw.
        """
        random = np.random.default_rng(seed)
        codes = np.empty((len(cohort), symmetries, self.size), np.float32)
        inside = _inside(self.side)
        for row in range(len(cohort)):
            fields, found = _scaled(cohort.images[row], cohort.masks[row], cohort.modality)
            kept = _kept(fields)
            scalars = np.array([*found, *_strength(_rest(fields, self.mean, self.basis))])
            turns = [0, *(1 + random.permutation(len(SYMMETRIES) - 1)[: symmetries - 1])]
            flat = np.stack([_turn(kept, *SYMMETRIES[turn])[:, inside].ravel() for turn in turns])
            codes[row, :, : len(self.spread)] = (flat - self.mean) @ self.basis.T / self.spread
            codes[row, :, len(self.spread) :] = (scalars - self.scalars[0]) / self.scalars[1]
        return codes

    def decode(
        self,
        codes: Float[np.ndarray, "n k"],
        random: np.random.Generator,
        voxels: Float[np.ndarray, " n"] | None = None,
    ) -> tuple[Float32[np.ndarray, "n t x y z"], Bool[np.ndarray, "n t x y z"]]:
        """Images in scaled units and masks of codes.

        Args:
            codes: in units of the public spread.
            random: of the noise.
            voxels: size of each first mask; the level of the outline is moved to it.
        """
        count, side, count_scans = len(codes), self.side, self.scans
        parts, scalars = np.split(np.asarray(codes, np.float32), [len(self.spread)], axis=1)
        scalars = scalars * self.scalars[1] + self.scalars[0]
        images = np.empty((count, count_scans, side, side, side), np.float32)
        masks = np.empty(images.shape, bool)
        inside = _inside(side)
        power = np.sqrt(self.noise_power[_bins(side)])
        for row in range(count):
            flat = (parts[row] * self.spread) @ self.basis + self.mean
            kept = np.zeros((2 * count_scans, *(side // 2,) * 3), np.float32)
            kept[:, inside] = flat.reshape(2 * count_scans, -1)
            whole = np.zeros((2 * count_scans, side, side, side), np.float32)
            half = slice(0, side // 2)
            whole[:, half, half, half] = kept
            noise = random.standard_normal((count_scans, side, side, side)).astype(np.float32)
            noise *= np.exp(scalars[row, 2:, None, None, None])
            whole[:count_scans] += noise * power
            fields = np.asarray(fft.idctn(whole, axes=(1, 2, 3), norm="ortho"))
            background, contrast = float(scalars[row, 0]), float(np.exp(scalars[row, 1]))
            images[row] = background + contrast * fields[:count_scans]
            wanted = None if voxels is None else float(voxels[row])
            masks[row] = _outlines(fields[count_scans:], wanted)
        return images, masks


def fit_codec(public: ScanCohort, components: int, *, seed: int = 0, turns: int = 2) -> Codec:
    """The codec of a public cohort, whose patients are seen in random orientations.

    Args:
        public: simulated from public knowledge alone.
        components: K, less than patients times `turns`.
        seed: of the orientations.
        turns: orientations of each patient.
    """
    random = np.random.default_rng(seed)
    scans, side = public.images.shape[1], public.images.shape[2]
    inside = _inside(side)
    rows, scalars, noise = [], [], []
    for images, masks in zip(public.images, public.masks, strict=True):
        fields, found = _scaled(images, masks, public.modality)
        kept = _kept(fields)
        for turn in random.permutation(len(SYMMETRIES))[:turns]:
            rows.append(_turn(kept, *SYMMETRIES[turn])[:, inside].ravel())
        scalars.append(found)
    vectors = np.stack(rows)
    mean = vectors.mean(axis=0)
    pca = PCA(components, svd_solver="randomized", random_state=seed).fit(vectors)
    basis = np.asarray(pca.components_, np.float32)
    power, strengths = [], []
    for images, masks in zip(public.images, public.masks, strict=True):
        rest = _rest(_scaled(images, masks, public.modality)[0], mean, basis)
        strengths.append(_strength(rest))
        noise = rest / np.exp(strengths[-1])[:, None, None, None]
        power.append(_power(noise))
    numbers = np.hstack([np.array(scalars), np.array(strengths)]).astype(np.float32)
    return Codec(
        side,
        scans,
        mean.astype(np.float32),
        basis,
        np.sqrt(pca.explained_variance_).astype(np.float32),
        np.stack([numbers.mean(axis=0), numbers.std(axis=0)]),
        np.mean(power, axis=0).astype(np.float32),
    )


def _scaled(
    images: Float32[np.ndarray, "t x y z"], masks: Bool[np.ndarray, "t x y z"], modality: str
) -> tuple[Float32[np.ndarray, "c x y z"], tuple[float, float]]:
    """Images in units of their contrast and distances to outlines; background, log contrast."""
    tumor = masks[0]
    away = np.asarray(ndimage.distance_transform_cdt(~tumor, "chessboard"))
    around = (away > 1) & (away <= _AROUND)
    background = float(np.median(images[0][around])) if around.any() else 0.0
    least = _LEAST_CONTRAST * levels_of(modality).contrast[0]
    contrast = max(float(images[0][tumor].mean()) - background, least)
    distances = np.stack([_distance(mask) for mask in masks])
    fields = np.concatenate([(images - background) / contrast, distances]).astype(np.float32)
    return fields, (background, float(np.log(contrast)))


def _distance(mask: np.ndarray) -> np.ndarray:
    """Signed distance to the outline in units of `_FAR`, above 0 inside; all -1 without tumor."""
    if not mask.any():
        return np.full(mask.shape, -1.0)
    inner = np.asarray(ndimage.distance_transform_edt(mask))
    outer = np.asarray(ndimage.distance_transform_edt(~mask))
    away = np.where(mask, inner - 0.5, 0.5 - outer)
    return np.tanh(away / _FAR)


def _kept(fields: np.ndarray) -> Float32[np.ndarray, "c h h h"]:
    half = slice(0, fields.shape[1] // 2)
    return np.asarray(fft.dctn(fields, axes=(1, 2, 3), norm="ortho"))[:, half, half, half]


@cache
def _inside(side: int) -> Bool[np.ndarray, "h h h"]:
    """Cosine frequencies that are kept: a ball of half the side."""
    index = np.indices((side // 2,) * 3)
    return (index**2).sum(axis=0) < (side // 2) ** 2


@cache
def _bins(side: int) -> np.ndarray:
    radius = np.sqrt((np.indices((side,) * 3) ** 2).sum(axis=0)) / (side * np.sqrt(3.0))
    return np.minimum((radius * _NOISE_BINS).astype(int), _NOISE_BINS - 1)


def _rest(fields: np.ndarray, mean: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """(T, x, y, z) cosine coefficients of the images that the basis does not hold."""
    side, scans = fields.shape[1], len(fields) // 2
    inside = _inside(side)
    whole = np.asarray(fft.dctn(fields, axes=(1, 2, 3), norm="ortho"))
    half = slice(0, side // 2)
    flat = whole[:, half, half, half][:, inside].ravel()
    left = flat - mean - ((flat - mean) @ basis.T) @ basis
    kept = whole[:scans, half, half, half]
    kept[:, inside] = left.reshape(2 * scans, -1)[:scans]
    whole[:scans, half, half, half] = kept
    return whole[:scans]


def _strength(rest: np.ndarray) -> Float[np.ndarray, " t"]:
    """Logarithm of the root mean square over all voxels."""
    return 0.5 * np.log((rest**2).mean(axis=(1, 2, 3)) + 1e-8)


def _power(rest: np.ndarray) -> np.ndarray:
    bins = _bins(rest.shape[1]).ravel()
    count = np.maximum(np.bincount(bins, minlength=_NOISE_BINS), 1) * len(rest)
    total = sum(np.bincount(bins, (scan**2).ravel(), _NOISE_BINS) for scan in rest)
    return np.asarray(total) / count


def _turn(kept: np.ndarray, order: tuple[int, ...], signs: tuple[int, ...]) -> np.ndarray:
    """Cosine coefficients of the turned and flipped scans."""
    turned = np.transpose(kept, (0, *(axis + 1 for axis in order)))
    for axis, sign in enumerate(signs):
        if sign < 0:
            odd = 1.0 - 2.0 * (np.arange(turned.shape[axis + 1]) % 2)
            turned = turned * np.expand_dims(odd, tuple(a for a in range(4) if a != axis + 1))
    return turned


def _outlines(distances: np.ndarray, voxels: float | None) -> Bool[np.ndarray, "t x y z"]:
    """Masks of the largest pieces; the first has `voxels` voxels, the level serves all scans."""
    first = distances[0]
    level = 0.0
    if voxels is not None:
        level = float(np.partition(first.ravel(), -round(voxels))[-round(voxels)])
    level = min(level, float(first.max()))
    masks = distances >= level
    masks[0] = largest_piece(masks[0])
    return masks

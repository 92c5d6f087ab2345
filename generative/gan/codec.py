"""Scans of a patient as a short code, and back: the space in which the networks work.

A scan is (image - background) / contrast, and the signed distance to the outline; background and
contrast of the first scan are numbers of the code. Both are cut to the lower half of their cosine
frequencies, and projected on the principal components of a *public* cohort, so that the basis costs
no privacy. What the components leave is drawn as noise: the code keeps its strength in the tumor,
around it and at the outline of each scan, the codec its public spectrum.

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
_BANDS = (3, 6, 9)  # first bins of the higher bands
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
        scalars: (2, 2 + 6 T) mean and standard deviation of background, log contrast, and
            logarithms, for each scan, of the noise around the tumor in four bands of frequency, in
            the tumor relative to around it, and at the outline.
        noise_power: (2, bins) mean square of the noise of images and of distances per cosine
            coefficient, by frequency; 1 over all coefficients.
    """

    side: int
    scans: int
    mean: Float32[np.ndarray, " p"]
    basis: Float32[np.ndarray, "k p"]
    spread: Float32[np.ndarray, " k"]
    scalars: Float32[np.ndarray, "2 s"]
    noise_power: Float32[np.ndarray, "2 b"]

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
            rest = _rest(fields, self.mean, self.basis)
            scalars = np.array([*found, *_strengths(rest, cohort.masks[row]).ravel()])
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
        bins = _bins(side)
        shape, edge_shape = np.sqrt(self.noise_power)[:, bins]
        band = np.searchsorted(_BANDS, bins, side="right")
        for row in range(count):
            flat = (parts[row] * self.spread) @ self.basis + self.mean
            whole = np.zeros((2 * count_scans, side, side, side), np.float32)
            half = slice(0, side // 2)
            whole[:, half, half, half][:, inside] = flat.reshape(2 * count_scans, -1)
            fields = np.asarray(fft.idctn(whole, axes=(1, 2, 3), norm="ortho"))
            noise = random.standard_normal(whole.shape).astype(np.float32)
            strengths = np.exp(scalars[row, 2:].reshape(-1, count_scans))
            for scan in range(count_scans):
                noise[scan] *= shape * strengths[:-2, scan][band]
                noise[count_scans + scan] *= edge_shape * strengths[-1, scan]
            noise = np.asarray(fft.idctn(noise, axes=(1, 2, 3), norm="ortho"))
            fields[count_scans:] += noise[count_scans:]
            share = np.clip(0.5 + 2.0 * fields[count_scans], 0.0, 1.0)
            inner = strengths[-2, :, None, None, None]
            fields[:count_scans] += (1.0 + (inner - 1.0) * share) * noise[:count_scans]
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
    rows, scalars = [], []
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
        strengths.append(_strengths(rest, masks).ravel())
        power.append([_power(part) for part in np.split(rest, 2)])
    numbers = np.hstack([np.array(scalars), np.array(strengths)]).astype(np.float32)
    return Codec(
        side,
        scans,
        mean.astype(np.float32),
        basis,
        np.sqrt(pca.explained_variance_).astype(np.float32),
        np.stack([numbers.mean(axis=0), numbers.std(axis=0)]),
        _normalized(np.mean(power, axis=0), side).astype(np.float32),
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
    """(2 T, x, y, z) what the basis does not hold, in space."""
    side, count = fields.shape[1], len(fields)
    inside, half = _inside(side), slice(0, fields.shape[1] // 2)
    whole = np.asarray(fft.dctn(fields, axes=(1, 2, 3), norm="ortho"))
    flat = whole[:, half, half, half][:, inside].ravel() - mean
    left = flat - (flat @ basis.T) @ basis
    whole[:, half, half, half][:, inside] = left.reshape(count, -1)
    return np.asarray(fft.idctn(whole, axes=(1, 2, 3), norm="ortho"))


def _strengths(rest: np.ndarray, masks: np.ndarray) -> Float[np.ndarray, "6 t"]:
    """Logarithms of the noise: its bands around the tumor, in the tumor relative, at outlines."""
    images, distances = np.split(rest, 2)
    tumor = masks[0]
    wide = np.asarray(ndimage.binary_dilation(tumor, iterations=2), bool)
    near = wide & ~np.asarray(ndimage.binary_erosion(tumor, iterations=2), bool)
    outer = (images**2)[:, ~wide].mean(axis=1) + 1e-8 if not wide.all() else np.full(len(images), 1)
    inner = np.sqrt(((images**2)[:, tumor].mean(axis=1) + 1e-8) / outer)
    even = images / np.where(tumor, inner[:, None, None, None], 1.0)
    bins = _bins(rest.shape[1])
    band = np.searchsorted(_BANDS, bins, side="right").ravel()
    squares = np.asarray(fft.dctn(even, axes=(1, 2, 3), norm="ortho")) ** 2
    bands = [
        np.bincount(band, scan.ravel(), len(_BANDS) + 1) / np.bincount(band) for scan in squares
    ]
    edge = (distances**2)[:, near].mean(axis=1)
    return 0.5 * np.log(np.stack([*np.transpose(bands), inner**2, edge]) + 1e-8)


def _normalized(power: Float[np.ndarray, "2 b"], side: int) -> Float[np.ndarray, "2 b"]:
    """Powers whose mean is 1: over each band for images, over everything for distances."""
    bins = _bins(side)
    band = np.searchsorted(_BANDS, bins, side="right").ravel()
    images, distances = power
    means = np.bincount(band, images[bins].ravel()) / np.bincount(band)
    own = means[np.searchsorted(_BANDS, np.arange(len(images)), side="right")]
    return np.stack([images / (own + 1e-12), distances / distances[bins].mean()])


def _power(rest: np.ndarray) -> Float[np.ndarray, " b"]:
    """Mean square of cosine coefficients by frequency, relative to their sum."""
    bins = _bins(rest.shape[1]).ravel()
    squares = (np.asarray(fft.dctn(rest, axes=(1, 2, 3), norm="ortho")) ** 2).sum(axis=0)
    count = np.maximum(np.bincount(bins, minlength=_NOISE_BINS), 1)
    return np.bincount(bins, squares.ravel(), _NOISE_BINS) / count / (squares.sum() + 1e-12)


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

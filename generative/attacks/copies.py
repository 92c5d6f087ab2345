"""Copies of real patients among synthetic ones, however they were turned, moved or rescaled.

The magnitude of a volume's Fourier transform does not change when the volume moves; flips and
permutations of axes permute it. Log magnitudes of low frequencies, less their mean over real
patients, are compared by cosine similarity over all 24 permutations; an affine change of intensity
only moves and scales, which the volume's own mean and spread take out.

A copy is more alike to a training patient than any of so many fresh patients would be: the
threshold is the quantile 1 - 0.01 / synthetic patients of a Gumbel law (Gumbel 1958) of the nearest
similarities between real patients.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32
from scipy import stats
from threadpoolctl import threadpool_limits

from generative.cohort import ScanCohort

LOWEST = 6
"""Frequencies up to this number of waves across the volume are compared, along each axis."""
FALSE_COPIES = 0.01
"""Chance that any copy is reported where there is none."""
_STEP = 256
_FLOOR = 0.02


@dataclass(frozen=True)
class Copies:
    """Synthetic patients that copy a training patient.

    Attributes:
        copied: (m,) which.
        similarity: (m,) largest similarity of each to any training patient.
        nearest: (m,) the training patient it is most alike to.
        threshold: similarity from which on it counts as a copy.
        between_real: (q,) largest similarity of each held-out real patient to any training patient.
    """

    copied: Bool[np.ndarray, " m"]
    similarity: Float[np.ndarray, " m"]
    nearest: np.ndarray
    threshold: float
    between_real: Float[np.ndarray, " q"]

    @property
    def count(self) -> int:
        """Number of copies."""
        return int(self.copied.sum())


def find_copies(synthetic: ScanCohort, members: ScanCohort, nonmembers: ScanCohort) -> Copies:
    """Compare scans of the same time; the most alike scan of a patient counts."""
    compare = Comparison(members, nonmembers)
    between = compare.nearest(nonmembers)[0]
    similarity, nearest = compare.nearest(synthetic)
    threshold = copy_threshold(between, len(synthetic))
    return Copies(similarity >= threshold, similarity, nearest, threshold, between)


def count_repeats(synthetic: ScanCohort, real: ScanCohort) -> int:
    """Synthetic patients that are another synthetic patient over again.

    Args:
        synthetic: the cohort.
        real: patients who are all different, and say how alike such are.
    """
    between = Comparison(real).nearest(real, itself=True)[0]
    similarity = Comparison(synthetic).nearest(synthetic, itself=True)[0]
    return int((similarity >= copy_threshold(between, len(synthetic))).sum())


def copy_threshold(between_real: Float[np.ndarray, " q"], synthetic: int) -> float:
    """Similarity that no one of so many fresh patients reaches, but for a chance of 1 %."""
    far = np.arctanh(np.clip(between_real, -0.999999, 0.999999))
    scale = max(float(far.std()) * np.sqrt(6.0) / np.pi, 1e-6)
    place = float(far.mean()) - np.euler_gamma * scale
    limit = stats.gumbel_r.ppf(1.0 - FALSE_COPIES / max(synthetic, 1), place, scale)
    return float(np.tanh(limit))


class Comparison:
    """Similarities of patients to the members of a cohort.

    Args:
        members: training patients.
        reference: other real patients; all say together what is common to patients. None where
            they are compared themselves, since it would make them alike to nobody.
    """

    def __init__(self, members: ScanCohort, reference: ScanCohort | None = None) -> None:
        known = magnitudes(members.images)
        both = known
        if reference is not None:
            both = np.concatenate([known, magnitudes(reference.images)])
        # What is common to all patients, in every orientation, says nothing of one of them.
        self._middle = np.mean([both.mean(axis=0)[:, order] for order in ORDERS], axis=0)
        self._known = self._unit(known)

    def similarities(self, cohort: ScanCohort) -> Float32[np.ndarray, "m n"]:
        """(m, n) similarity of each patient of a cohort to each member."""
        values = self._unit(magnitudes(cohort.images))
        found = np.full((len(values), len(self._known)), -1.0, np.float32)
        with threadpool_limits(1):  # many small products: threads would wait for each other
            for scan in range(min(values.shape[1], self._known.shape[1])):
                known = np.ascontiguousarray(self._known[:, scan, _HALF].T)
                made = np.ascontiguousarray(values[:, scan])
                for order in ORDERS:
                    np.maximum(found, np.take(made, order[_HALF], axis=1) @ known, out=found)
        return 2.0 * found  # the other half of the frequencies adds as much

    def nearest(
        self, cohort: ScanCohort, *, itself: bool = False
    ) -> tuple[Float[np.ndarray, " m"], np.ndarray]:
        """Largest similarity of each patient to any member, and which member it is.

        Args:
            cohort: patients to compare.
            itself: whether they are the members, each of whom is then compared with the others.
        """
        best, place = [], []
        for start in range(0, len(cohort), _STEP):
            rows = np.arange(start, min(start + _STEP, len(cohort)))
            found = self.similarities(cohort.select(rows))
            if itself:
                found[np.arange(len(rows)), rows] = -1.0
            place.append(found.argmax(axis=1))
            best.append(found.max(axis=1).astype(np.float64))
        return np.concatenate(best), np.concatenate(place)

    def _unit(self, values: np.ndarray) -> np.ndarray:
        centered = values - self._middle
        length = np.linalg.norm(centered, axis=-1, keepdims=True)
        return (centered / np.maximum(length, 1e-6)).astype(np.float32)


def magnitudes(images: Float[np.ndarray, "n t x y z"]) -> Float32[np.ndarray, "n t f"]:
    """Log magnitude of the low frequencies of each scan, of mean 0 and spread 1 before."""
    rows = [np.r_[0 : LOWEST + 1, -LOWEST:0] for _ in range(3)]
    found = np.empty((*images.shape[:2], (2 * LOWEST + 1) ** 3), np.float32)
    for patient, scans in enumerate(images):
        spread = scans.std(axis=(1, 2, 3), keepdims=True)
        unit = (scans - scans.mean(axis=(1, 2, 3), keepdims=True)) / np.maximum(spread, 1e-6)
        power = np.abs(np.fft.fftn(unit, axes=(1, 2, 3))) / np.sqrt(unit[0].size)
        kept = power[np.ix_(np.arange(len(scans)), *rows)]
        logs = np.log(kept.reshape(len(scans), -1) + _FLOOR)
        found[patient] = (
            logs - np.array([np.bincount(_SHELL, row) / _SHARE for row in logs])[:, _SHELL]
        )
    return found


def _orders() -> np.ndarray:
    """(24, f) where each permutation and reflection of axes takes the frequencies from.

    Of the eight reflections the transform of a real volume tells only four apart.
    """
    edge = 2 * LOWEST + 1
    places = np.arange(edge**3).reshape(edge, edge, edge)
    mirror = (-np.arange(edge)) % edge
    found = []
    for axes in itertools.permutations(range(3)):
        for x, y in itertools.product((False, True), repeat=2):
            turned = places.transpose(axes)
            turned = turned[mirror] if x else turned
            found.append((turned[:, mirror] if y else turned).ravel())
    return np.array(found)


def _shells() -> np.ndarray:
    waves = np.r_[0 : LOWEST + 1, -LOWEST:0]
    squared = waves[:, None, None] ** 2 + waves[None, :, None] ** 2 + waves[None, None, :] ** 2
    return np.rint(np.sqrt(squared)).astype(int).ravel()


def _half() -> Bool[np.ndarray, " f"]:
    """One of each pair of opposite frequencies, whose magnitudes are equal; not the mean."""
    waves = np.r_[0 : LOWEST + 1, -LOWEST:0]
    x, y, z = np.meshgrid(waves, waves, waves, indexing="ij")
    return ((x > 0) | (x == 0) & (y > 0) | (x == 0) & (y == 0) & (z > 0)).ravel()


ORDERS = _orders()
_SHELL = _shells()
_SHARE = np.bincount(_SHELL)
_HALF = np.flatnonzero(_half())

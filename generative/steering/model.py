"""The generator that draws from a steered population, by weight."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from generative.cohort import ScanCohort
from generative.model import ScanProtocol, synthetic_cohort, write_model
from generative.parallel import Progress, over_patients
from generative.privacy.ledger import PrivacyStatement
from generative.steering.prior import Pool
from twin.errors import TwinError

_KERNEL = 0.04
_LEAST_WEIGHT = 1e-9


@dataclass(frozen=True)
class SteeredModel:
    """Weights over patients of the pool, each once with either response.

    Attributes:
        privacy: which engine steered it, and what that cost.
        pool: simulated patients, who can be simulated again.
        weights: (M, 2) of pool patient i without and with response; sums to 1.
        volumes_ml: (M,) first tumor volumes of the pool, in the region of the protocol.
    """

    privacy: PrivacyStatement
    pool: Pool
    weights: Float[np.ndarray, "m 2"]
    volumes_ml: Float[np.ndarray, " m"]

    @property
    def protocol(self) -> ScanProtocol:
        """Of the scans."""
        return self.pool.protocol

    def save(self, folder: Path) -> None:
        """Write the model's folder."""
        write_model(
            folder,
            protocol=self.protocol,
            privacy=self.privacy,
            settings={"seed": self.pool.seed},
            arrays={
                "scores": self.pool.scores,
                "numbers": self.pool.numbers,
                "weights": self.weights,
                "volumes_ml": self.volumes_ml,
            },
        )

    @classmethod
    def restore(
        cls,
        protocol: ScanProtocol,
        privacy: PrivacyStatement,
        settings: Mapping[str, Any],
        arrays: Mapping[str, np.ndarray],
    ) -> SteeredModel:
        """From what `save` wrote."""
        pool = Pool(protocol, int(settings["seed"]), arrays["scores"], arrays["numbers"])
        return cls(privacy, pool, arrays["weights"], arrays["volumes_ml"])

    def sample(
        self,
        patients: int,
        *,
        seed: int,
        volume_ml: Float[np.ndarray, " n"] | None = None,
        response: bool | None = None,
        progress: Progress | None = None,
    ) -> ScanCohort:
        """Synthetic patients, see `generative.model.Generator.sample`."""
        random = np.random.default_rng([seed, self.pool.seed])
        weights = self.weights.copy()
        if response is not None:
            weights[:, 0 if response else 1] = 0.0
        if volume_ml is None:
            chosen = _systematic(weights.ravel(), patients, random)
        else:
            chosen = np.array([self._near(weights, float(wish), random) for wish in volume_ml])
        side, scans = self.protocol.side, len(self.protocol.days)
        images = np.empty((patients, scans, side, side, side), np.float32)
        masks = np.empty(images.shape, bool)
        different = np.unique(chosen // 2)
        found = over_patients(self.pool.patient, different.tolist(), progress)
        for index, patient in zip(different, found, strict=True):
            assert patient is not None, "the pool keeps patients that were seen"
            for again, row in enumerate(np.flatnonzero(chosen // 2 == index)):
                turn = _turn(np.random.default_rng([seed, int(row)]) if again else None)
                images[row], masks[row] = turn(patient.images), turn(patient.masks)
        return synthetic_cohort(
            self.protocol,
            images,
            masks,
            chosen % 2 == 1,
            volume_ml=volume_ml,
            source=f"drawn from simulated patients, steered by a cohort ({self.privacy.engine})",
        )

    def _near(
        self, weights: Float[np.ndarray, "m 2"], volume_ml: float, random: np.random.Generator
    ) -> int:
        away = np.log(self.volumes_ml / volume_ml) / _KERNEL
        near = (weights * np.exp(-0.5 * away**2)[:, None]).ravel()
        if near.sum() < _LEAST_WEIGHT:
            likely = self.volumes_ml[weights.sum(axis=1) > 1e-6]
            raise TwinError(
                "no tumor of this volume was learned",
                where="volume",
                expected=f"{likely.min():.2g} to {likely.max():.2g} mL",
                got=f"{volume_ml:g} mL",
            )
        return int(random.choice(near.size, p=near / near.sum()))


def _systematic(
    weights: Float[np.ndarray, " m"], count: int, random: np.random.Generator
) -> np.ndarray:
    """Members by weight, each as often as expected or one time more; in random order."""
    edges = np.cumsum(weights / weights.sum())
    places = (np.arange(count) + random.uniform()) / count
    return random.permutation(np.searchsorted(edges, places).clip(0, len(weights) - 1))


def _turn(random: np.random.Generator | None) -> Callable[[np.ndarray], np.ndarray]:
    """Turns and flips all scans of a patient alike: no axis is told from another. Or does not."""
    if random is None:
        return lambda scans: scans
    order: list[int] = (random.permutation(3) + 1).tolist()
    flips = tuple(axis + 1 for axis in range(3) if random.random() < 0.5)
    return lambda scans: np.flip(np.transpose(scans, (0, *order)), flips)

"""The generator that refines simulated tumors, and what it needs to draw scans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Float, Float16

from generative.cohort import ScanCohort
from generative.gan.codec import Codec
from generative.gan.networks import STYLES
from generative.gan.training import GanSettings, make_networks
from generative.model import Progress, ScanProtocol, synthetic_cohort, write_model
from generative.privacy.ledger import PrivacyStatement
from twin.errors import TwinError

_KERNEL = 0.1  # relative width in which simulated tumors stand for a requested volume
_LEAST = 1e-12
_SOURCE = "simulated tumors, refined by an adversarial network that learned from a cohort"


@dataclass(frozen=True)
class Bank:
    """Codes of the simulated tumors that the generator refines.

    Attributes:
        codes: (M, S, K) in S orientations.
        chances: (M, 2) of each without and with response; sums to 1.
        volumes_ml: (M,) first volumes.
    """

    codes: Float16[np.ndarray, "m s k"]
    chances: Float[np.ndarray, "m 2"]
    volumes_ml: Float[np.ndarray, " m"]

    def conditions(
        self, response: np.ndarray, volumes_ml: Float[np.ndarray, " n"]
    ) -> Float[np.ndarray, "n 2"]:
        """Response as ±1, and the logarithm of the volume in standard deviations of the bank."""
        chances = self.chances.sum(axis=1)
        logs = np.log(self.volumes_ml)
        mean = float(chances @ logs)
        spread = float(np.sqrt(chances @ (logs - mean) ** 2)) or 1.0
        sign = np.where(response, 1.0, -1.0)
        return np.stack([sign, (np.log(volumes_ml) - mean) / spread], axis=1).astype(np.float32)


@dataclass(frozen=True)
class GanModel:
    """A trained generator with its codec and bank."""

    ENGINE: ClassVar[str] = "gan"
    protocol: ScanProtocol
    privacy: PrivacyStatement
    settings: GanSettings
    codec: Codec
    bank: Bank
    weights: nnx.State

    def save(self, folder: Path) -> None:
        """Write the model's folder."""
        leaves = jax.tree.leaves(self.weights)
        write_model(
            folder,
            engine=self.ENGINE,
            protocol=self.protocol,
            privacy=self.privacy,
            settings=asdict(self.settings),
            arrays={
                **self.codec.arrays(),
                "bank_codes": self.bank.codes,
                "bank_chances": self.bank.chances,
                "bank_volumes_ml": self.bank.volumes_ml,
                **{f"weight_{i:03d}": np.asarray(leaf) for i, leaf in enumerate(leaves)},
            },
        )

    @classmethod
    def restore(
        cls,
        protocol: ScanProtocol,
        privacy: PrivacyStatement,
        settings: Mapping[str, Any],
        arrays: Mapping[str, np.ndarray],
    ) -> GanModel:
        """From what `save` wrote."""
        own = GanSettings(**settings)
        codec = Codec.restore(protocol.side, len(protocol.days), arrays)
        bank = Bank(arrays["bank_codes"], arrays["bank_chances"], arrays["bank_volumes_ml"])
        start = nnx.state(make_networks(codec.size, own, 0)[0])
        leaves, tree = jax.tree.flatten(start)
        kept = [jnp.asarray(arrays[f"weight_{i:03d}"]) for i in range(len(leaves))]
        return cls(protocol, privacy, own, codec, bank, jax.tree.unflatten(tree, kept))

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
        random = np.random.default_rng(seed)
        chances = self.bank.chances.copy()
        if response is not None:
            chances[:, 0 if response else 1] = 0.0
        if volume_ml is None:
            chosen = random.choice(chances.size, patients, p=chances.ravel() / chances.sum())
            wanted = self.bank.volumes_ml[chosen // 2]
        else:
            wanted = np.asarray(volume_ml, float)
            chosen = np.array([self._near(chances, float(wish), random) for wish in wanted])
        responded = chosen % 2 == 1
        virtual = self.bank.codes[
            chosen // 2, random.integers(0, self.bank.codes.shape[1], patients)
        ]
        codes = self.refine(
            virtual.astype(np.float32),
            random.standard_normal((patients, STYLES)).astype(np.float32),
            self.bank.conditions(responded, wanted),
        )
        side, scans = self.protocol.side, len(self.protocol.days)
        images = np.empty((patients, scans, side, side, side), np.float32)
        masks = np.empty(images.shape, bool)
        voxels = np.maximum(wanted / self.protocol.voxel_ml, 1.0)
        for row in range(patients):
            one = slice(row, row + 1)
            images[one], masks[one] = self.codec.decode(codes[one], random, voxels[one])
            if progress is not None:
                progress(row + 1, patients)
        return synthetic_cohort(
            self.protocol, images, masks, responded, volume_ml=volume_ml, source=_SOURCE
        )

    def refine(
        self,
        virtual: Float[np.ndarray, "n k"],
        latent: Float[np.ndarray, "n l"],
        conditions: Float[np.ndarray, "n 2"],
    ) -> Float[np.ndarray, "n k"]:
        """Codes of synthetic patients from those of simulated ones."""
        network = make_networks(self.codec.size, self.settings, 0)[0]
        nnx.update(network, self.weights)
        return np.asarray(
            network(jnp.asarray(virtual), jnp.asarray(latent), jnp.asarray(conditions))
        )

    def _near(
        self, chances: Float[np.ndarray, "m 2"], volume_ml: float, random: np.random.Generator
    ) -> int:
        away = np.log(self.bank.volumes_ml / volume_ml) / _KERNEL
        near = (chances * np.exp(-0.5 * away**2)[:, None]).ravel()
        if near.sum() < _LEAST:
            raise TwinError(
                "no tumor of this volume was learned",
                where="volume",
                expected=f"{self.bank.volumes_ml.min():.2g} to {self.bank.volumes_ml.max():.2g} mL",
                got=f"{volume_ml:g} mL",
            )
        return int(random.choice(near.size, p=near / near.sum()))

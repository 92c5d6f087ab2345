"""Train the refining network: moments first, then adversarial steps on codes of real scans.

The simulation is steered by the moments of the cohort (`generative.moments`), the codec's basis is
taken from the steered simulation, and the network then learns what the moments do not name. It sees
the scans themselves, so it claims no privacy.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from generative.cohort import ScanCohort
from generative.gan.codec import SYMMETRIES, Codec, fit_codec
from generative.gan.model import Bank, GanModel
from generative.gan.training import Codes, GanSettings, train_gan
from generative.model import Progress, ScanProtocol, synthetic_cohort
from generative.moments.engine import train_moments
from generative.moments.model import MomentsModel
from generative.privacy.ledger import GuardedCohort

COMPONENTS = 256
_BANK = 600
_ORIENTATIONS = 8
_SCANS = "scans as they are, in every step of the discriminator and of the generator"


def train_gan_model(
    private: GuardedCohort,
    protocol: ScanProtocol,
    *,
    members: int,
    settings: GanSettings,
    seed: int,
    checkpoints: Path | None = None,
    progress: Progress | None = None,
) -> GanModel:
    """Train on a cohort without privacy.

    Args:
        private: the cohort; its ledger must not claim privacy.
        protocol: of its scans.
        members: patients to simulate, see `generative.moments.engine`.
        settings: of the adversarial steps.
        seed: of every draw.
        checkpoints: folder to go on from when interrupted.
        progress: called with steps done and all of them.

    Raises:
        TwinError: privacy is claimed, too few patients, or training diverged.
    """
    cohort = private.scans(_SCANS)
    steered = train_moments(
        private,
        protocol,
        members=members,
        seed=seed,
        secret=np.random.default_rng(seed),
        progress=progress,
    )
    codec, bank = make_bank(steered, seed)
    own = bank.conditions(cohort.response, cohort.volumes_ml[:, 0])
    real = Codes(
        codec.encode(cohort, len(SYMMETRIES)), own, np.full(len(cohort), 1.0 / len(cohort))
    )
    weights = train_gan(
        real,
        bank_codes(bank),
        settings,
        seed=seed,
        checkpoints=checkpoints,
        progress=progress,
    )
    statement = private.ledger.statement(GanModel.ENGINE, steered.privacy.weakness)
    return GanModel(protocol, statement, settings, codec, bank, weights)


def make_bank(steered: MomentsModel, seed: int) -> tuple[Codec, Bank]:
    """Codec and bank of the simulated patients that are in play.

    The codec is fitted to every second one and the bank made of the others, so that codes of the
    bank fit the basis no better than those of patients it was not made from.
    """
    random = np.random.default_rng([seed, 3])
    shares = steered.weights.sum(axis=1)
    drawn = random.choice(len(shares), 10 * _BANK, p=shares / shares.sum())
    rows = random.permutation(np.unique(drawn))[: 2 * _BANK]
    others, rows = rows[::2], rows[1::2]
    components = min(COMPONENTS, len(others))
    codec = fit_codec(_simulated(steered, others), components, seed=seed, turns=4)
    chances = steered.weights[rows]
    bank = Bank(
        codec.encode(_simulated(steered, rows), _ORIENTATIONS, seed).astype(np.float16),
        chances / chances.sum(),
        steered.volumes_ml[rows],
    )
    return codec, bank


def _simulated(steered: MomentsModel, rows: np.ndarray) -> ScanCohort:
    """Patients of the pool, without a response."""
    found = [steered.pool.patient(int(row)) for row in rows]
    return synthetic_cohort(
        steered.protocol,
        np.stack([patient.images for patient in found if patient is not None]),
        np.stack([patient.masks for patient in found if patient is not None]),
        np.zeros(len(rows), bool),
        volume_ml=None,
        source="steered simulation",
    )


def bank_codes(bank: Bank) -> Codes:
    """The bank as a table to draw from, each patient once with either response."""
    count = len(bank.codes)
    return Codes(
        np.repeat(bank.codes.astype(np.float32), 2, axis=0),
        bank.conditions(np.tile([False, True], count), np.repeat(bank.volumes_ml, 2)),
        bank.chances.ravel(),
    )

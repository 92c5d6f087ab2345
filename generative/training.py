"""Train a generator on a private cohort: pick the judge, steer the population by it."""

from __future__ import annotations

import secrets
from pathlib import Path

from generative.model import ENGINES, ScanProtocol
from generative.parallel import Progress
from generative.privacy.ledger import GuardedCohort
from generative.steering.checkpoints import Keeper
from generative.steering.loop import Judge, Show, steer
from generative.steering.model import SteeredModel
from twin.errors import TwinError


def train_generator(
    private: GuardedCohort,
    protocol: ScanProtocol,
    *,
    engine: str = "moments",
    members: int = 3000,
    seed: int = 0,
    secret: int | None = None,
    checkpoints: Path | None = None,
    show: Show | None = None,
    progress: Progress | None = None,
) -> SteeredModel:
    """Steer simulated patients until they stand for a private cohort.

    Args:
        private: the cohort behind its ledger.
        protocol: of its scans.
        engine: moments, or adversarial.
        members: patients to simulate in the last round; a third of that in each before.
        seed: of the simulated patients.
        secret: seed of the privacy noise, drawn from the operating system unless given; whoever
            gets the model must not know it.
        checkpoints: folder to go on from when interrupted. It holds the seed of the noise, so it
            stays with the owner.
        show: called with the number of a round and the model as it is after it.
        progress: called with patients simulated and all of them.

    Raises:
        TwinError: an unknown engine, too few patients, a budget too small for so few, or
            checkpoints of another training.
    """
    if engine not in ENGINES:
        raise TwinError(
            "unknown engine", where="engine", expected=f"one of {', '.join(ENGINES)}", got=engine
        )
    keeper = None
    if checkpoints is not None:
        ledger = private.ledger
        settings = {"engine": engine, "members": members, "seed": seed, "delta": ledger.delta}
        keeper = Keeper(
            checkpoints,
            {**settings, "epsilon": ledger.epsilon, "patients": private.fingerprint()},
        )
        secret = keeper.secret
    elif secret is None:
        secret = secrets.randbits(128)
    judge = _judge(engine, private, secret)
    try:
        return steer(
            judge,
            protocol,
            members=members,
            seed=seed,
            keeper=keeper,
            show=show,
            progress=progress,
        )
    finally:
        if keeper is not None:
            keeper.close()


def _judge(engine: str, private: GuardedCohort, secret: int) -> Judge:
    if engine == "moments":
        from generative.moments.judge import MomentsJudge

        return MomentsJudge(private, secret)
    from generative.adversarial.judge import AdversarialJudge

    return AdversarialJudge(private, secret)

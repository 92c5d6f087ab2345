"""`oncotwin synth train`: from a cohort file and a budget to the folder of a model."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from generative.cohort import read_cohort
from generative.model import Generator, ScanProtocol
from generative.moments.engine import train_moments
from generative.parallel import Progress
from generative.privacy.ledger import GuardedCohort, Ledger
from twin.errors import TwinError


def parse_epsilon(text: str) -> float | None:
    """A budget as users type it.

    Raises:
        TwinError: neither a number nor none.
    """
    if text.lower() == "none":
        return None
    try:
        return float(text)
    except ValueError:
        raise TwinError(
            "not a privacy budget", where="--epsilon", expected="a number, or none", got=text
        ) from None


def train_model(
    path: Path,
    out: Path,
    *,
    epsilon: str,
    delta: float | None,
    members: int,
    seed: int,
    progress: Progress | None = None,
) -> Generator:
    """Train a generator and write it.

    Raises:
        TwinError: whatever is wrong with the cohort, the budget, or both together.
    """
    budget = parse_epsilon(epsilon)
    cohort = read_cohort(path)
    ledger = Ledger(len(cohort), budget, delta)
    model = train_moments(
        GuardedCohort(cohort, ledger),
        ScanProtocol.of(cohort),
        members=members,
        seed=seed,
        secret=np.random.default_rng(),
        progress=progress,
    )
    model.save(out)
    return model

"""`oncotwin synth train`: from a cohort file and a budget to the folder of a model."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from experiments.atomic_files import write_bytes
from experiments.synth.picture_sheet import sheet_png
from generative.cohort import read_cohort
from generative.model import ENGINES, Generator, ScanProtocol
from generative.parallel import Progress
from generative.privacy.ledger import GuardedCohort, Ledger
from generative.privacy.recommend import recommend
from generative.training import train_generator
from twin.errors import TwinError

_SHOWN = 6


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
    engine: str | None,
    members: int,
    seed: int,
    checkpoints: Path | None = None,
    progress: Progress | None = None,
) -> Generator:
    """Train a generator and write it.

    Args:
        path: cohort file.
        out: folder of the model.
        epsilon: budget, or none.
        delta: at which it holds.
        engine: of the training; the recommended one unless given.
        members: patients to simulate in the last round.
        seed: of the simulated patients.
        checkpoints: folder to go on from when interrupted; gets a picture after each round.
        progress: called with patients simulated and all of them.

    Raises:
        TwinError: whatever is wrong with the cohort, the budget, or both together.
    """
    budget = parse_epsilon(epsilon)
    cohort = read_cohort(path)
    ledger = Ledger(len(cohort), budget, delta)
    model = train_generator(
        GuardedCohort(cohort, ledger),
        ScanProtocol.of(cohort),
        engine=engine or recommend(len(cohort), budget, delta).engine or ENGINES[0],
        members=members,
        seed=seed,
        checkpoints=checkpoints,
        show=None if checkpoints is None else partial(_show, checkpoints),
        progress=progress,
    )
    model.save(out)
    return model


def _show(folder: Path, round_: int, model: Generator) -> None:
    """Keep a picture of patients that the model draws after a round."""
    drawn = model.sample(_SHOWN, seed=0)
    write_bytes(folder / f"patients-after-round-{round_}.png", sheet_png(drawn))

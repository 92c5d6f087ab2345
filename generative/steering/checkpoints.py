"""Checkpoints of a training, from which it goes on to the same end as without a break.

They hold what the noise was drawn from, so they stay with the owner of the patients.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from generative.steering.population import Population
from twin.errors import TwinError


@dataclass(frozen=True)
class Kept:
    """State between two rounds.

    Attributes:
        rounds: done.
        population: that the next one draws from.
        judge: what the judge needs of earlier rounds.
    """

    rounds: int
    population: Population
    judge: Mapping[str, np.ndarray]


class Keeper:
    """Keeps the newest state of a training in a folder.

    Arguments:
        folder: of this training alone.
        made_by: what must be equal for a state to fit: settings, seeds, patients.

    Raises:
        TwinError: the folder holds a training of other settings, or cannot be used.
    """

    def __init__(self, folder: Path, made_by: Mapping[str, Any]) -> None:
        import orbax.checkpoint as ocp  # takes seconds

        self._args = ocp.args
        options = ocp.CheckpointManagerOptions(max_to_keep=1, create=True)
        fresh = {**made_by, "secret": secrets.randbits(128).to_bytes(16, "big").hex()}
        try:
            self._manager = ocp.CheckpointManager(
                folder.absolute(), options=options, metadata=fresh
            )
            held = dict(self._manager.metadata().custom_metadata or fresh)
        except (OSError, ValueError) as error:
            raise TwinError("cannot keep checkpoints", where=str(folder), got=str(error)) from error
        changed = sorted(name for name, value in made_by.items() if held.get(name) != value)
        if changed:
            raise TwinError(
                "checkpoints of another training",
                where=str(folder),
                expected=", ".join(f"{name} {held.get(name)}" for name in changed),
                got=", ".join(f"{name} {made_by[name]}" for name in changed),
                fix="Train with the same patients and settings, or keep into another folder.",
            )
        self.secret = int(held["secret"], 16)

    def latest(self) -> Kept | None:
        """The newest state, if any round was done."""
        rounds = self._manager.latest_step()
        if rounds is None:
            return None
        held: Any = self._manager.restore(rounds, args=self._args.StandardRestore())
        arrays = {name: np.asarray(value) for name, value in held["population"].items()}
        judge = {name: np.asarray(value) for name, value in held["judge"].items()}
        return Kept(rounds, Population(**arrays), judge)

    def keep(self, kept: Kept) -> None:
        """Keep a state in place of the last one."""
        state = {"population": dict(vars(kept.population)), "judge": dict(kept.judge)}
        self._manager.save(kept.rounds, args=self._args.StandardSave(state))
        self._manager.wait_until_finished()

    def close(self) -> None:
        """Let go of the folder."""
        self._manager.close()

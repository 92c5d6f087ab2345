"""Checkpoints of a training, from which it goes on to the same end as without a break."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp

from twin.errors import TwinError


class Keeper:
    """Keeps the newest state of a training in a folder.

    Arguments:
        folder: of this training alone.
        made_by: what must be equal for a state to fit: settings, seed.

    Raises:
        TwinError: the folder holds a training of other settings.
    """

    def __init__(self, folder: Path, made_by: dict[str, Any]) -> None:
        self._manager = ocp.CheckpointManager(
            folder.absolute(),
            options=ocp.CheckpointManagerOptions(max_to_keep=1, create=True),
            metadata=made_by,
        )
        kept = self._manager.metadata().custom_metadata
        if kept and kept != made_by:
            changed = sorted(name for name in made_by if kept.get(name) != made_by[name])
            raise TwinError(
                "checkpoints of another training",
                where=str(folder),
                expected=", ".join(f"{name} {kept.get(name)}" for name in changed),
                got=", ".join(f"{name} {made_by[name]}" for name in changed),
                fix="Train with the same settings, or into another folder.",
            )

    def latest(self, like: Any) -> tuple[int, Any]:
        """Steps done and their state; 0 and the given one where nothing is kept."""
        step = self._manager.latest_step()
        if step is None:
            return 0, like
        shapes = jax.tree.map(ocp.utils.to_shape_dtype_struct, like)
        return step, self._manager.restore(step, args=ocp.args.StandardRestore(shapes))

    def keep(self, step: int, state: Any) -> None:
        """Keep a state."""
        self._manager.save(step, args=ocp.args.StandardSave(state))
        self._manager.wait_until_finished()

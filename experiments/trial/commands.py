"""`oncotwin trial`: the command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators


def trial(
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"], help="Folder of the trial.")],
    patients: Annotated[
        int,
        Parameter(help="Simulated patients of each world.", validator=validators.Number(gte=2)),
    ] = 100,
    strategies: Annotated[
        list[str] | None,
        Parameter(
            help="switch, robust, replanning, adaptive; the standard of care is always there."
        ),
    ] = None,
    world: Annotated[
        list[str] | None,
        Parameter(help="Simulators of patients; matched, two-clones, low-alpha-beta unless given."),
    ] = None,
    seed: Annotated[int, Parameter(help="Seed of every draw.")] = 0,
    restart: Annotated[
        bool, Parameter(negative="", help="Discard another trial in the folder.")
    ] = False,
) -> None:
    """Treat simulated patients of another simulator by strategies. Resumes where it was stopped."""
    from experiments import console
    from experiments.engines.local import use_every_core
    from experiments.trial.printing import print_trial
    from experiments.trial.workflow import run_trial
    from twin.scenarios.trial_strategies import DEFAULT
    from twin.scenarios.trial_worlds import DEFAULT_WORLDS

    use_every_core()
    with console.progress("Treating", "simulated patients") as progress:
        results = run_trial(
            out,
            worlds=world or DEFAULT_WORLDS,
            strategies=strategies or DEFAULT,
            patients=patients,
            seed=seed,
            restart=restart,
            progress=progress,
        )
    print_trial(results, out)

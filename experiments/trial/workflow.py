"""From the command to its files: patients on every core, kept one by one, and their summary."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import twin
from experiments.atomic_files import write_bytes
from experiments.console import NOT_CLINICAL
from experiments.engines.local import every_core
from experiments.json_text import to_json
from experiments.trial.files import open_folder, patient_path, read_patient, write_patient
from experiments.trial.page import trial_page
from experiments.trial.words import in_words
from twin.models import FisherKPP
from twin.scenarios.trial import PatientResult, treat_patient
from twin.scenarios.trial_patient import SIMULATED, enroll
from twin.scenarios.trial_protocol import TrialProtocol
from twin.scenarios.trial_result import TrialResult, summarize
from twin.scenarios.trial_strategies import make_strategies
from twin.scenarios.trial_worlds import get_trial_world

SCHEMA = "oncotwin-trial/1"


def run_trial(
    folder: Path,
    *,
    worlds: Sequence[str],
    strategies: Sequence[str],
    patients: int,
    seed: int = 0,
    restart: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[TrialResult, ...]:
    """Treat virtual patients of some worlds by every strategy and write what came out.

    Patients that the folder already holds are not treated again; more can be asked for later.

    Args:
        folder: of the trial.
        worlds: names of `twin.scenarios.trial_worlds.WORLDS`.
        strategies: names of `twin.scenarios.trial_strategies.DESCRIPTIONS`.
        patients: of each world, at least two.
        seed: of every draw.
        restart: discard another trial in the folder.
        progress: called with patients done and all of them.

    Raises:
        TwinError: unknown names, another trial in the folder, or a simulation that failed.
    """
    protocol, model = TrialProtocol(), FisherKPP()
    chosen = make_strategies(strategies, protocol, model, seed=seed)
    simulators = {name: get_trial_world(name) for name in worlds}
    configuration = {
        "schema": SCHEMA,
        "version": twin.__version__,
        "seed": seed,
        "strategies": [strategy.name for strategy in chosen],
        "candidates": protocol.candidates.names,
    }
    open_folder(folder, configuration, restart=restart)
    places = [(name, number) for name in simulators for number in range(patients)]
    missing = [place for place in places if not patient_path(folder, *place).exists()]

    def treat(place: tuple[str, int]) -> PatientResult:
        name, number = place
        return treat_patient(enroll(simulators[name], protocol, number, seed), chosen, model)

    done = len(places) - len(missing)
    for place, result in every_core(treat, missing):
        write_patient(patient_path(folder, *place), result)
        done += 1
        if progress is not None:
            progress(done, len(places))
    results = tuple(
        summarize(
            name,
            [read_patient(patient_path(folder, name, number)) for number in range(patients)],
            protocol,
        )
        for name in simulators
    )
    summary = {
        "schema": SCHEMA,
        "note": f"{SIMULATED} {NOT_CLINICAL}",
        "words": in_words(results),
        "worlds": results,
    }
    path = folder / "trial.json"
    write_bytes(path, to_json(summary, where=str(path), indent=1).encode())
    write_bytes(folder / "trial.html", trial_page(results).encode())
    return results

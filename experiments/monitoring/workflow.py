"""Monitoring on a run folder: every scan moves the ensemble that the run keeps.

filter.h5          members (scores, fields), what each scan said, treatments given since
monitoring.json    what each scan said, to be read
"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from experiments.runs import Run
from twin.calibration.posterior import Posterior
from twin.draws import setting_of
from twin.errors import TwinError
from twin.models.state import State
from twin.monitoring import Assimilation, Filter, Surprise
from twin.monitoring.filter import with_treatments
from twin.monitoring.readings import reading_parameters
from twin.observation.edema import Edema
from twin.observation.segmentation import threshold_parameter
from twin.parameters import ParameterTable
from twin.patient import Visit, coarsen_patient, crop_to_grid
from twin.patient_folder import load_patient, load_scan
from twin.patient_folder.names import SCAN_FILE
from twin.treatments.schedule import DrugDose, Fraction, Schedule, Surgery

FILTER, LOG = "filter.h5", "monitoring.json"


def assimilate_run(
    run: Run,
    posterior: Posterior,
    scan: str,
    *,
    members: int | None = None,
    swelling: bool | None = None,
    scans: int | None = None,
) -> Filter:
    """Bring the twin of a run to a scan, and keep it there.

    Args:
        run: calibrated; its filter starts at the last fitted visit.
        posterior: of the run.
        scan: a folder with `scan.yaml`, or the name of a visit that calibration did not see.
        members, swelling, scans: of a filter that starts now (see `Filter.of`).

    Raises:
        TwinError: a scan that is neither, settings that differ from those of a filter that the run
            holds already, or what `Filter.assimilate` refuses.
    """
    chosen = {"members": members, "swelling": swelling, "scans": scans}
    asked = {name: value for name, value in chosen.items() if value is not None}
    if run.has(FILTER):
        twin, given = load_filter(run, posterior)
        _check_settings(twin, asked)
    else:
        twin, given = Filter.of(posterior, seed=run.seed, **asked), Schedule()
    visit, volumes_ml, treatments, inputs = _scan(run, posterior, scan)
    moved = twin.treated(treatments).assimilate(visit, volumes_ml)
    _save(run, moved, given + treatments)
    run.record("assimilate", {"scan": visit.name, "day": visit.time_days, "inputs": inputs})
    return moved


def load_filter(run: Run, posterior: Posterior) -> tuple[Filter, Schedule]:
    """The filter kept in a run, and the treatments that came with its scans.

    Raises:
        TwinError: no scan was assimilated yet, or a damaged file.
    """
    arrays, stored = run.load_arrays(FILTER)
    given = _schedule(stored["treatments"])
    wide = with_treatments(posterior, given)
    known = reading_parameters(setting_of(wide))
    missing = [name for name in stored["names"] if name not in wide.names]
    label = "visibility_threshold_"
    rows = [
        threshold_parameter(name.removeprefix(label)) if name.startswith(label) else known[name]
        for name in missing
    ]
    wide = wide.extended(ParameterTable(rows))
    fields = {n: jnp.asarray(a) for n, a in arrays.items()}
    cells = sorted(n for n in fields if n.startswith("cells/"))
    twin = Filter(
        wide,
        stored["time_days"],
        arrays["scores"],
        State(
            tuple(fields[name] for name in cells),
            fields["dead"],
            {n.removeprefix("fields/"): f for n, f in fields.items() if n.startswith("fields/")},
            {n.removeprefix("memory/"): f for n, f in fields.items() if n.startswith("memory/")},
        ),
        seed=stored["seed"],
        history=tuple(_assimilation(entry) for entry in stored["history"]),
        edema=Edema(setting_of(wide).domain) if stored["swelling"] else None,
        scans=stored["scans"],
        false_alarm_rate=stored["false_alarm_rate"],
    )
    return twin, given


def _check_settings(twin: Filter, asked: dict[str, Any]) -> None:
    held = {"members": twin.members, "swelling": twin.edema is not None, "scans": twin.scans}
    for name, value in asked.items():
        if value != held[name]:
            raise TwinError(
                "the run is monitored already, with other settings",
                where=f"--{name}",
                expected=str(held[name]),
                got=str(value),
                fix="Leave it out, or start a new run.",
            )


def _save(run: Run, twin: Filter, given: Schedule) -> None:
    states = twin.states
    arrays = {
        "scores": twin.scores,
        "dead": np.asarray(states.dead),
        **{f"cells/{i}": np.asarray(c) for i, c in enumerate(states.cells)},
        **{f"fields/{n}": np.asarray(f) for n, f in states.fields.items()},
        **{f"memory/{n}": np.asarray(f) for n, f in states.memory.items()},
    }
    attributes = {
        "names": list(twin.posterior.names),
        "time_days": twin.time_days,
        "seed": twin.seed,
        "swelling": twin.edema is not None,
        "scans": twin.scans,
        "false_alarm_rate": twin.false_alarm_rate,
        "history": [asdict(said) for said in twin.history],
        "treatments": asdict(given),
    }
    run.save_arrays(FILTER, arrays, attributes)
    note = "Research use, not for clinical decisions."
    run.save_json(LOG, {"scans": attributes["history"], "note": note})


def _schedule(found: dict[str, Any]) -> Schedule:
    return Schedule(
        tuple(Fraction(**f) for f in found["fractions"]),
        tuple(DrugDose(**d) for d in found["drug_doses"]),
        tuple(Surgery(**s) for s in found["surgeries"]),
    )


def _assimilation(entry: dict[str, Any]) -> Assimilation:
    surprises = tuple(Surprise(**s) for s in entry["surprises"])
    return Assimilation(**{**entry, "surprises": surprises, "findings": tuple(entry["findings"])})


def _scan(
    run: Run, posterior: Posterior, scan: str
) -> tuple[Visit, dict[str, float], Schedule, dict[str, str]]:
    """Visit on the run's grid, volumes, treatments since, and SHA-256 of the files."""
    setting = setting_of(posterior)
    held_out = {v.name: v for v in setting.patient.visits[len(setting.fitted) :]}
    if scan in held_out:
        return held_out[scan], {}, Schedule(), {}
    if not (Path(scan) / SCAN_FILE).is_file():
        raise TwinError(
            f"no scan {scan!r}",
            where="SCAN",
            expected=f"a folder with {SCAN_FILE}, or a visit after the fitted ones: "
            + (", ".join(held_out) or "none is left"),
            got=scan,
        )
    chosen = run.configuration
    patient = load_patient(chosen["patient"])
    read = load_scan(scan, patient)
    patient = replace(patient, visits=(read.visit,))
    if chosen["spacing_mm"] is not None:
        patient = coarsen_patient(patient, chosen["spacing_mm"])
    visit = crop_to_grid(patient, setting.patient.grid).visits[0]
    return visit, dict(read.volumes_ml), read.treatments, dict(read.provenance)

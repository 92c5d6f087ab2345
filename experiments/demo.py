"""The main job on the embedded patient."""

from __future__ import annotations

import time
from importlib.resources import files
from pathlib import Path

from experiments import console, workflow
from twin.errors import TwinError

VISITS = 3


def demo_folder() -> Path:
    """Folder of the embedded patient. Raises `TwinError` where the installation lacks it."""
    folder = Path(str(files("experiments"))).parent / "patients" / "demo"
    if not folder.is_dir():
        raise TwinError(
            "the embedded patient is not installed",
            where=str(folder),
            fix="Clone the repository and run `make demo` in it.",
        )
    return folder


def run_demo(output: Path, *, plans: int, draws: int) -> Path:
    """Check, calibrate, forecast, sweep and report the embedded patient; returns the report."""
    from twin.patient_folder import check_patient

    started = time.perf_counter()
    folder = demo_folder()
    console.say(f"$ oncotwin check {folder.name}")
    console.print_findings(check_patient(folder))

    console.say(f"\n$ oncotwin calibrate {folder.name} -o {output} --visits {VISITS}")
    run, posterior = workflow.calibrate_run(folder, output, visits=VISITS, restart=True)
    assert posterior.setting is not None
    patient, domain = posterior.setting.patient, posterior.setting.domain
    console.say(f"SIMULATED: {patient.simulated_note}")
    shape = " x ".join(str(n) for n in domain.shape)
    console.say(
        f"Domain: {shape} voxels of {domain.spacing_mm[0]:g} mm, {domain.tissue_voxels:,} of tissue"
    )
    console.print_calibration(posterior)

    console.say(f"\n$ oncotwin forecast {output}")
    console.print_forecast(workflow.forecast_run(run, posterior), posterior)

    console.say(f"\n$ oncotwin sweep {output} --count {plans} --draws {draws}")
    candidates = workflow.plans_for(posterior, None, plans)
    with console.progress("Simulating") as progress:
        outcomes, ranking = workflow.sweep_run(
            run, posterior, candidates, draws=draws, progress=progress
        )
    console.say(
        f"Simulated {outcomes.status.size:,} scenarios: {len(candidates):,} plans x {draws}"
    )
    console.print_ranking(ranking)

    console.say(f"\n$ oncotwin report {output}")
    path = workflow.report_run(run, posterior)
    console.print_report(path, shareable=False)
    shared = workflow.report_run(run, posterior, shareable=True)
    console.print_report(shared, shareable=True)
    console.say(f"Done in {time.perf_counter() - started:.0f} s. {console.NOT_CLINICAL}")
    return path

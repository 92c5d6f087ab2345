"""The command line: check, calibrate, compare-models, forecast, assimilate, sweep, report,
sensitivity, credibility, features, predict, lesions, synth, trial, bench, demo.

JAX and everything that needs it are imported inside the commands, so that `--help` and `check`
start at once.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter, validators

from experiments.lesions.commands import lesions
from experiments.synth.commands import synth
from experiments.trial.commands import trial
from twin.errors import TwinError

if TYPE_CHECKING:
    from experiments.runs import Run
    from twin.calibration import Posterior

app = App(
    name="oncotwin",
    help="Digital twins of tumors, from scans to ranked treatment plans."
    " Research use, not for clinical decisions.",
    version_flags=["--version"],
    suppress_keyboard_interrupt=False,
)

predict = App(name="predict", help="Predictors of outcomes: train a task, score others once.")
app.command(predict)
app.command(lesions)
app.command(synth)
app.command(trial)

_AT_LEAST_ONE = validators.Number(gte=1)
RunFolder = Annotated[Path, Parameter(help="Run folder made by calibrate.")]
Restart = Annotated[bool, Parameter(negative="", help="Discard what an earlier try left.")]


@app.command
def check(patient: Annotated[Path, Parameter(help="Patient folder with patient.yaml.")]) -> int:
    """Say what a patient folder holds and what is wrong with it."""
    from experiments import console
    from twin.patient_folder import check_patient

    findings = check_patient(patient)
    console.print_findings(findings)
    return 2 if any(finding.level == "error" for finding in findings) else 0


@app.command
def calibrate(
    patient: Annotated[Path, Parameter(help="Patient folder with patient.yaml.")],
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="Run folder to make.")],
    model: Annotated[
        str, Parameter(help="Tumor model, see docs/reference/models.md; lesion-... fits volumes.")
    ] = "fisher-kpp",
    method: Annotated[
        str, Parameter(help="How to the posterior: laplace, nuts or ensemble-kalman.")
    ] = "laplace",
    visits: Annotated[
        int | None, Parameter(help="Visits to fit, from the first on; the rest is held out.")
    ] = None,
    spacing_mm: Annotated[
        float | None, Parameter(help="Resample to cubic voxels of this size first.")
    ] = None,
    parametrization: Annotated[
        str, Parameter(help="Coordinates of the fit: diffusivity-rate or length-speed.")
    ] = "diffusivity-rate",
    seed: Annotated[int, Parameter(help="Seed of every random draw of this run.")] = 0,
    restart: Restart = False,
) -> None:
    """Calibrate a tumor model to a patient and start a run folder."""
    from experiments import console, workflow

    _use_cores()
    chosen: dict[str, Any] = {"model": model, "visits": visits, "seed": seed, "restart": restart}
    if model.startswith(workflow.LESION):
        if method != "laplace":
            raise TwinError("lesion models have one method", where="--method", expected="laplace")
        with console.working("Fitting volumes"):
            _, lesion = workflow.calibrate_lesion_run(patient, output, **chosen)
        console.print_calibration(lesion)
        return
    if visits == 1:
        with console.working("Measuring the infiltration length"):
            _, one = workflow.infiltration_run(
                patient, output, model=model, spacing_mm=spacing_mm, seed=seed, restart=restart
            )
        console.print_calibration(one)
        return
    with console.working("Calibrating"):
        run, posterior = workflow.calibrate_run(
            patient,
            output,
            method=method,
            spacing_mm=spacing_mm,
            parametrization=parametrization,
            **chosen,
        )
    console.print_calibration(posterior)
    _next(run, "forecast")


@app.command
def compare_models(
    patient: Annotated[Path, Parameter(help="Patient folder with patient.yaml.")],
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="Run folder to make.")],
    model: Annotated[
        list[str] | None,
        Parameter(help="A spatial model; give it twice or more. Fisher-KPP and Gompertz else."),
    ] = None,
    visits: Annotated[
        int | None, Parameter(help="Visits to fit, at least 3; the rest only judges.")
    ] = None,
    spacing_mm: Annotated[
        float | None, Parameter(help="Resample to cubic voxels of this size first.")
    ] = None,
    draws: Annotated[int, Parameter(help="Posterior draws of every forecast.")] = 64,
    seed: Annotated[int, Parameter(help="Seed of every random draw of this run.")] = 0,
    restart: Restart = False,
) -> None:
    """Weigh several tumor models of one patient and score their average forecast."""
    from experiments import console
    from experiments.model_comparison import compare_run, print_comparison

    _use_cores()
    with console.working("Calibrating every model, twice and more"):
        _, found = compare_run(
            patient,
            output,
            models=model or ["fisher-kpp", "gompertz"],
            visits=visits,
            spacing_mm=spacing_mm,
            draws=draws,
            seed=seed,
            restart=restart,
        )
    print_comparison(found)


@app.command
def forecast(
    run: RunFolder,
    *,
    draws: Annotated[int, Parameter(help="Posterior draws.")] = 64,
    horizon_days: Annotated[
        float, Parameter(help="Days beyond the last visit.", validator=validators.Number(gte=0))
    ] = 0.0,
) -> None:
    """Forecast every visit with intervals and score those held out."""
    from experiments import console, workflow

    _use_cores()
    opened, posterior = _open(run)
    with console.working("Forecasting"):
        result = workflow.forecast_run(opened, posterior, draws=draws, horizon_days=horizon_days)
    console.print_forecast(result, posterior)
    _next(opened, "sweep")


@app.command
def assimilate(
    run: RunFolder,
    scan: Annotated[
        str, Parameter(help="Folder with scan.yaml, or a visit that calibration did not see.")
    ],
    *,
    members: Annotated[
        int | None, Parameter(help="Members of the ensemble; at the first scan, 64 by default.")
    ] = None,
    swelling: Annotated[
        bool | None,
        Parameter(negative="", help="Outlines show swelling too; chosen at the first scan."),
    ] = None,
    scans: Annotated[
        int | None,
        Parameter(help="Scans planned, which share the false-alarm rate; 5 by default."),
    ] = None,
) -> None:
    """Update the twin with a new scan, and say whether the scan was expected."""
    from experiments import console
    from experiments.monitoring.printing import print_monitoring
    from experiments.monitoring.workflow import assimilate_run

    _use_cores()
    opened, posterior = _open(run)
    with console.working("Assimilating"):
        twin = assimilate_run(
            opened, posterior, scan, members=members, swelling=swelling, scans=scans
        )
    print_monitoring(twin)


@app.command
def sweep(
    run: RunFolder,
    *,
    plans: Annotated[
        Path | None, Parameter(help="YAML file of plans; by default plans of the patient's site.")
    ] = None,
    draws: Annotated[
        int, Parameter(help="Posterior draws, common to all plans.", validator=_AT_LEAST_ONE)
    ] = 32,
    count: Annotated[int, Parameter(help="Number of default plans.")] = 1000,
    objective: Annotated[
        str, Parameter(help="Outcome to rank by; see docs/reference/plans.md.")
    ] = "residual_ml",
    ntcp: Annotated[
        float | None, Parameter(help="Highest complication probability of an organ, such as 0.05.")
    ] = None,
    neutrophil_nadir: Annotated[
        float | None, Parameter(help="Lowest neutrophil count, 1e9 per liter, such as 0.5.")
    ] = None,
    clinic_days: Annotated[float | None, Parameter(help="Most days in the clinic.")] = None,
    restart: Restart = False,
) -> None:
    """Simulate candidate plans under what is uncertain and rank them. Resumes after a crash."""
    from experiments import console, workflow
    from twin.scenarios.constraints import Limits

    limits = Limits(ntcp, neutrophil_nadir, clinic_days)
    _use_cores()
    opened, posterior = _open(run)
    candidates = workflow.plans_for(posterior, plans, count)
    with console.progress("Simulating") as progress:
        _, ranking = workflow.sweep_run(
            opened,
            posterior,
            candidates,
            draws=draws,
            objective=objective,
            limits=limits,
            restart=restart,
            progress=progress,
        )
    console.print_ranking(ranking)
    _next(opened, "report")


@app.command
def report(
    run: RunFolder,
    *,
    shareable: Annotated[
        bool, Parameter(negative="", help="Leave out every voxel and identifier.")
    ] = False,
) -> None:
    """Write one HTML file that opens offline."""
    from experiments import console, workflow

    opened, posterior = _open(run)
    path = workflow.report_run(opened, posterior, shareable=shareable)
    console.print_report(path, shareable=shareable)


@app.command
def sensitivity(
    run: RunFolder,
    *,
    samples: Annotated[
        int, Parameter(help="Base sample of the Sobol indices, a power of 2.")
    ] = 128,
    trajectories: Annotated[int, Parameter(help="Random walks of the Morris effects.")] = 16,
) -> None:
    """Say which parameters move the quantities of interest: Sobol and Morris tables."""
    from experiments import console
    from experiments.sensitivity import print_sensitivity, sensitivity_run

    _use_cores()
    opened, posterior = _open(run)
    with console.progress("Simulating") as progress:
        tables = sensitivity_run(
            opened, posterior, samples=samples, trajectories=trajectories, progress=progress
        )
    print_sensitivity(tables)
    _next(opened, "credibility")


@app.command
def credibility(run: RunFolder) -> None:
    """Write the credibility report: what was verified, calibrated, validated, and what was not."""
    from experiments import console
    from experiments.credibility import write_credibility

    _use_cores()
    opened, posterior = _open(run)
    with console.working("Verifying the code and the calculation"):
        path = write_credibility(opened, posterior)
    console.say(f"Credibility report: {path}; its figures: {path.with_suffix('.json')}")
    console.say(console.NOT_CLINICAL)


@predict.command(name="train")
def predict_train(
    task: Annotated[Path, Parameter(help="Task file, see docs/reference/tasks.md.")],
    *,
    output: Annotated[
        Path, Parameter(name=["--out", "--output", "-o"], help="Model folder to make.")
    ],
    cohort: Annotated[
        Path | None, Parameter(help="Folder or table to read instead of the task's own.")
    ] = None,
    permutations: Annotated[
        int | None,
        Parameter(
            help="Shuffled outcomes of the control; the task's number by default.",
            validator=validators.Number(gte=0),
        ),
    ] = None,
    restart: Restart = False,
) -> None:
    """Evaluate a task by nested cross-validation with its controls, and fit its model."""
    from experiments import console
    from experiments.predictors.printing import print_training
    from experiments.predictors.workflow import train_task

    with console.progress("Permutations", "permutations") as progress:
        result, survival = train_task(
            task,
            output,
            cohort=cohort,
            permutations=permutations,
            restart=restart,
            progress=progress,
        )
    print_training(result, survival=survival)
    console.say(f"Wrote {output}; its card is {output / 'card.md'}")


@predict.command(name="evaluate")
def predict_evaluate(
    model: Annotated[Path, Parameter(help="Model folder made by train.")],
    *,
    cohort: Annotated[
        Path | None, Parameter(help="Folder or table of patients that the model has not seen.")
    ] = None,
    external: Annotated[
        str | None, Parameter(help="External cohort that the task declares, by name.")
    ] = None,
    again: Annotated[
        str | None, Parameter(help="Why patients who were scored before are scored again.")
    ] = None,
) -> None:
    """Score an external cohort once; external.jsonl in the model folder keeps it."""
    from experiments.predictors.external import evaluate_external
    from experiments.predictors.model_folder import open_model
    from experiments.predictors.printing import print_external

    opened = open_model(model)
    result = evaluate_external(opened, cohort=cohort, external=external, again=again)
    print_external(result, survival=opened.task.outcome.is_survival)


@app.command
def features(
    patients: Annotated[
        Path,
        Parameter(help="Folder of patients: patient.yaml, or MODALITY_image.nii.gz and its _mask."),
    ],
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"], help="Table to write: .parquet or .csv.")],
    modality: Annotated[str | None, Parameter(help="PET, CT, T1, ...; all by default.")] = None,
) -> None:
    """Write the radiomics of every scan and its mask as a table."""
    from experiments import console
    from experiments.features import check_table_path, every_scan_table, write_table

    check_table_path(out)
    with console.progress("Extracting", "scans") as progress:
        table = every_scan_table(patients, modality=modality, progress=progress)
    write_table(table, out)
    console.print_features(table, out)


@app.command
def bench(*names: Annotated[str, Parameter(help="Figures to measure; all by default.")]) -> None:
    """Measure speed, memory and accuracy; one JSON line a figure."""
    from experiments.benchmarks import run_benchmarks

    run_benchmarks(list(names) or None)


@app.command
def demo(
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="Run folder to make.")] = Path(
        "runs/demo"
    ),
    plans: Annotated[int, Parameter(help="Number of candidate plans.")] = 1000,
    draws: Annotated[int, Parameter(help="Posterior draws.", validator=_AT_LEAST_ONE)] = 32,
) -> None:
    """Run everything on the embedded patient: check, calibrate, forecast, sweep, report."""
    from experiments.demo import run_demo

    _use_cores()
    run_demo(output, plans=plans, draws=draws)


def main(arguments: list[str] | None = None) -> int:
    """Entry point. A `TwinError` becomes one message on stderr and exit code 2."""
    try:
        return int(app(arguments, result_action="return_value") or 0)
    except TwinError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; run the same command again to go on where it was", file=sys.stderr)
        return 130


def _use_cores() -> None:
    from experiments.engines.local import use_every_core

    use_every_core()


def _open(folder: Path) -> tuple[Run, Posterior]:
    from experiments import workflow
    from experiments.runs import Run

    opened = Run.open(folder)
    return opened, workflow.load_posterior(opened)


def _next(run: Run, command: str) -> None:
    from experiments import console

    console.say(f"Next: oncotwin {command} {run.folder}")


if __name__ == "__main__":
    sys.exit(main())

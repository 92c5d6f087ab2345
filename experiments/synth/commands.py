"""`oncotwin synth`: cohorts, generators, releases, and their judgement."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter, validators

synth = App(name="synth", help="Synthetic scans: cohorts, generators, releases.")

_AT_LEAST_ONE = validators.Number(gte=1)


@synth.command
def cohort(
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"], help="HDF5 file to write.")],
    patients: Annotated[
        int, Parameter(help="How many virtual patients.", validator=_AT_LEAST_ONE)
    ] = 1000,
    world: Annotated[
        str, Parameter(help="Law of nature of virtual patients: A or B, see the documentation.")
    ] = "A",
    seed: Annotated[int, Parameter(help="Seed of every draw.")] = 0,
    scans: Annotated[
        Path | None, Parameter(help="Folder of real patients to read instead of simulating.")
    ] = None,
    labels: Annotated[
        Path | None, Parameter(help="Table with a column patient and the label of real patients.")
    ] = None,
    label: Annotated[str | None, Parameter(help="Column that is 1 where tumors responded.")] = None,
    columns: Annotated[
        list[str] | None, Parameter(help="Clinical columns of real patients to keep.")
    ] = None,
    modality: Annotated[str, Parameter(help="PET, CT or T1C.")] = "PET",
    side: Annotated[
        int, Parameter(help="Voxels along each edge of a scan.", validator=validators.Number(gte=8))
    ] = 32,
    region_mm: Annotated[
        float, Parameter(help="Edge of the cube around the tumor.", validator=_AT_LEAST_ONE)
    ] = 64.0,
) -> None:
    """Write a cohort of scans: simulated with known truth, or cut out of a folder of patients."""
    from experiments import console
    from experiments.synth.printing import print_cohort
    from experiments.synth.workflow import make_cohort

    with console.progress("Scanning", "patients") as progress:
        made = make_cohort(
            out,
            patients=patients,
            world=world,
            seed=seed,
            scans=scans,
            labels=labels,
            label=label,
            columns=columns or (),
            modality=modality,
            side=side,
            region_mm=region_mm,
            progress=progress,
        )
    print_cohort(made, out)


@synth.command
def train(
    cohort: Annotated[Path, Parameter(help="Cohort file to learn from.")],
    *,
    epsilon: Annotated[
        str, Parameter(help="Privacy budget of each patient, or none for no privacy.")
    ],
    out: Annotated[Path, Parameter(name=["--out", "-o"], help="Folder of the model.")],
    delta: Annotated[
        float | None, Parameter(help="Chance that the budget is broken; 1 / (10 patients).")
    ] = None,
    engine: Annotated[
        str | None,
        Parameter(help="moments or adversarial; what `synth recommend` says unless given."),
    ] = None,
    members: Annotated[
        int, Parameter(help="Patients to simulate in the last round.", validator=_AT_LEAST_ONE)
    ] = 3000,
    seed: Annotated[int, Parameter(help="Seed of all draws but the privacy noise.")] = 0,
    checkpoints: Annotated[
        Path | None,
        Parameter(
            help="Folder to go on from when interrupted, with a picture of every round. It holds"
            " the seed of the noise: it stays with you."
        ),
    ] = None,
) -> None:
    """Train a generator on a cohort, under a privacy budget."""
    from experiments import console
    from experiments.synth.printing import print_model
    from experiments.synth.training import train_model

    with console.progress("Training", "simulated patients") as progress:
        model = train_model(
            cohort,
            out,
            epsilon=epsilon,
            delta=delta,
            engine=engine,
            members=members,
            seed=seed,
            checkpoints=checkpoints,
            progress=progress,
        )
    print_model(model, out)


@synth.command
def recommend(
    *,
    patients: Annotated[int, Parameter(help="Patients of the cohort.", validator=_AT_LEAST_ONE)],
    epsilon: Annotated[str, Parameter(help="Privacy budget, or none.")],
    delta: Annotated[float | None, Parameter(help="1 / (10 patients) unless given.")] = None,
) -> None:
    """Say which engine suits so many patients and such a budget, or that none can work."""
    from experiments.console import say
    from experiments.synth.training import parse_epsilon
    from generative.privacy.recommend import recommend as advise

    advice = advise(patients, parse_epsilon(epsilon), delta)
    say(f"{advice.engine or 'no engine can work'}: {advice.reason}")


@synth.command
def sample(
    model: Annotated[Path, Parameter(help="Folder of a model.")],
    *,
    out: Annotated[
        Path, Parameter(name=["--out", "-o"], help="Cohort file (.h5), or folder of a release.")
    ],
    n: Annotated[
        int, Parameter(name=["--n", "-n"], help="Patients to draw.", validator=_AT_LEAST_ONE)
    ] = 1000,
    condition: Annotated[
        str | None,
        Parameter(help="volume=12 or volume=5:20 (mL), response=0 or 1, joined by a comma."),
    ] = None,
    seed: Annotated[int, Parameter(help="Seed of every draw.")] = 0,
    key: Annotated[
        Path | None, Parameter(help="Key that signs a release, made by `synth key`.")
    ] = None,
    title: Annotated[str, Parameter(help="Title of a release.")] = "Synthetic scans",
    owner: Annotated[str, Parameter(help="Who answers for a release.")] = "not stated",
    identifiers: Annotated[
        Path | None, Parameter(help="File of names and numbers, a line each, not to be in it.")
    ] = None,
    defaced: Annotated[
        bool, Parameter(help="Faces were removed from the scans of the training.", negative="")
    ] = False,
) -> None:
    """Draw synthetic patients from a model."""
    from experiments import console
    from experiments.synth.printing import print_cohort
    from experiments.synth.sampling import sample_model

    with console.progress("Drawing", "patients") as progress:
        drawn = sample_model(
            model,
            out,
            patients=n,
            condition=condition,
            seed=seed,
            key=key,
            title=title,
            owner=owner,
            identifiers=identifiers,
            defaced=defaced,
            progress=progress,
        )
    print_cohort(drawn, out)


@synth.command
def verify(
    release: Annotated[Path, Parameter(help="Folder of a release.")],
    *,
    key: Annotated[
        Path | None, Parameter(help="Public key of the owner, got by another way.")
    ] = None,
) -> int:
    """Check a release with nothing but its files: signature, privacy claim, headers, scans."""
    from experiments.synth.printing import print_verification
    from experiments.synth.workflow import verify_folder

    seen = verify_folder(release, key)
    print_verification(seen)
    return 0 if seen.passed else 2


@synth.command(name="key")
def signing_key(
    path: Annotated[Path, Parameter(help="File to make; the public half is PATH.pub.")],
) -> None:
    """Make the key that signs releases. Keep it secret, and give PATH.pub to receivers."""
    from experiments.synth.printing import print_key
    from experiments.synth.workflow import make_key

    print_key(make_key(path), path)


@synth.command
def evaluate(
    synthetic: Annotated[
        Path, Parameter(help="Cohort file, release folder, or folder of NIfTI volumes.")
    ],
    *,
    private: Annotated[Path, Parameter(help="Cohort file of real patients not trained on.")],
    members: Annotated[
        Path | None, Parameter(help="Cohort file of the training patients; attacks need it.")
    ] = None,
    out: Annotated[Path, Parameter(name=["--out", "-o"], help="Folder of the page.")] = Path(
        "evaluation"
    ),
    epsilon: Annotated[
        float | None, Parameter(help="Privacy budget of the generator; loosens the limits.")
    ] = None,
    labels: Annotated[
        Path | None, Parameter(help="Table with the responses of a folder of volumes.")
    ] = None,
    label: Annotated[
        str | None, Parameter(help="Its column that is 1 where they responded.")
    ] = None,
    seed: Annotated[int, Parameter(help="Seed of every draw.")] = 0,
) -> None:
    """Judge a synthetic cohort against private patients; the page stays with their owner."""
    from experiments import console
    from experiments.synth.evaluate_files import evaluate_files
    from experiments.synth.printing import print_evaluation

    with console.working("Judging"):
        result = evaluate_files(
            synthetic,
            private=private,
            members=members,
            out=out,
            epsilon=epsilon,
            labels=labels,
            label=label,
            seed=seed,
        )
    print_evaluation(result, out)

"""`oncotwin synth`: cohorts of scans that a generator learns from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter, validators

synth = App(name="synth", help="Synthetic scans: cohorts that a generator learns from.")

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

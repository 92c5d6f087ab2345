"""From files to a judgement and its files: a page, and its figures as JSON."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from experiments.atomic_files import make_folder, write_bytes
from experiments.json_text import to_json
from experiments.synth.evaluate import Evaluation, evaluate
from experiments.synth.evaluation_page import evaluation_page
from experiments.synth.real_cohort import read_real_cohort
from generative.cohort import ScanCohort, read_cohort
from generative.release import load_release
from twin.errors import TwinError

PAGE, FIGURES = "evaluation.html", "evaluation.json"


def evaluate_files(
    synthetic: Path,
    *,
    private: Path,
    members: Path | None,
    out: Path,
    epsilon: float | None = None,
    labels: Path | None = None,
    label: str | None = None,
    seed: int = 0,
) -> Evaluation:
    """Judge a synthetic cohort and write the page and its figures into a folder.

    Args:
        synthetic: cohort file, release folder, or folder of NIfTI volumes.
        private: cohort file of test patients.
        members: cohort file of training patients, or None.
        out: folder to write into.
        epsilon: budget of the generator, or None.
        labels, label: table and column of the responses of a folder of volumes, or None.
        seed: of every draw.

    Raises:
        TwinError: a file that cannot be read, or cohorts that cannot be compared.
    """
    test = read_cohort(private)
    made = read_synthetic(synthetic, like=test, labels=labels, label=label)
    known = None if members is None else read_cohort(members)
    result = evaluate(made, test, known, epsilon=epsilon, seed=seed)
    make_folder(out)
    write_bytes(out / PAGE, evaluation_page(result, made, test).encode("utf-8"))
    text = to_json(_figures(result), where=FIGURES, indent=1, empty_nan=True)
    write_bytes(out / FIGURES, text.encode("utf-8"))
    return result


def read_synthetic(
    path: Path, *, like: ScanCohort, labels: Path | None = None, label: str | None = None
) -> ScanCohort:
    """A synthetic cohort from a file, a release, or a folder of volumes on another's grid.

    Raises:
        TwinError: nothing that can be read there.
    """
    if not path.exists():
        raise TwinError(
            "no such cohort",
            where=str(path),
            expected="a cohort file, a release folder or a folder of volumes",
            got="nothing",
        )
    if path.is_file():
        return read_cohort(path)
    if any(path.glob("*.json")):
        return load_release(path)
    side = like.images.shape[-1]
    cohort = read_real_cohort(
        path,
        labels,
        label=label,
        modality=like.modality,
        side=side,
        region_mm=side * like.spacing_mm[0],
    )
    return replace(cohort, provenance="synthetic")


def _figures(result: Evaluation) -> dict[str, Any]:
    """All figures without what belongs to single patients."""
    found = {field.name: getattr(result, field.name) for field in fields(result)}
    copies = result.copies
    if copies is not None:
        found["copies"] = {
            "count": copies.count,
            "threshold": copies.threshold,
            "largest_similarity": float(copies.similarity.max()),
            "largest_between_real": float(copies.between_real.max()),
        }
    return {"verdicts": result.verdicts, **found}

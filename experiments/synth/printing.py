"""What the commands of synthetic scans print."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from experiments.console import NOT_CLINICAL, say
from generative.cohort import ScanCohort
from generative.model import Generator
from generative.release import Verification, public_path

if TYPE_CHECKING:
    from experiments.synth.evaluate import Evaluation


def print_cohort(cohort: ScanCohort, path: Path) -> None:
    """Size, volumes and labels of a cohort, and what knowing the truth would predict."""
    low, middle, high = np.quantile(cohort.volumes_ml[:, 0], (0.05, 0.5, 0.95))
    count, scans = cohort.images.shape[:2]
    shape = " x ".join(str(n) for n in cohort.images.shape[2:])
    say(f"{count} patients, {scans} {cohort.modality} scans each of {shape} voxels")
    say(f"  tumor at the first scan: median {middle:.1f} mL (5 to 95 %: {low:.1f} to {high:.1f})")
    say(f"  responded: {cohort.response.sum()} of {count}")
    if cohort.truth:
        for text in separations(cohort):
            say(f"  {text}")
    say(f"  provenance: {cohort.provenance}; {cohort.source}")
    say(f"Written to {path}. {NOT_CLINICAL}")


def print_verification(seen: Verification) -> None:
    """Every check of a release, its claim and who signed it."""
    for line in str(seen).splitlines():
        say(line)


def print_key(public: str, path: Path) -> None:
    """Where a key is and what to do with its halves."""
    say(f"Signing key in {path}: keep it secret, it has no password.")
    say(f"Public key in {public_path(path)}: give it to receivers by another way than releases.")
    say(f"  {public}")


def separations(cohort: ScanCohort) -> list[str]:
    """Simulated patients: AUC of what the traits say, and of volume and brightness alone."""
    from sklearn.metrics import roc_auc_score

    if cohort.response.all() or not cohort.response.any():
        return ["every tumor has the same response: too few patients to learn from"]
    brightness = np.array(
        [image[0][mask[0]].mean() for image, mask in zip(cohort.images, cohort.masks, strict=True)]
    )
    named = {
        "visible traits": cohort.truth["visible_score"],
        "volume alone": cohort.volumes_ml[:, 0],
        "mean intensity alone": brightness,
    }
    found = ", ".join(
        f"{name} {roc_auc_score(cohort.response, values):.2f}" for name, values in named.items()
    )
    return [f"AUC of response, simulated patients: {found}"]


def print_model(model: Generator, path: Path) -> None:
    """What a training spent, and what is weak about it."""
    privacy, protocol = model.privacy, model.protocol
    say(
        f"Engine {privacy.engine}, trained on {privacy.patients} patients: {len(protocol.days)} "
        f"{protocol.modality} scans of {protocol.side}³ voxels of {protocol.edge_mm:g} mm"
    )
    say(f"  {privacy.line}")
    for charge in privacy.charges:
        say(f"  paid: {charge.name}, noise {charge.noise_multiplier:.3g}, {charge.steps} times")
    for what in privacy.unpaid:
        say(f"  not paid: {what}")
    if privacy.weakness:
        say(f"  {privacy.weakness}")
    say(f"Written to {path}. {NOT_CLINICAL}")


def print_evaluation(result: Evaluation, out: Path) -> None:
    """The verdicts of a synthetic cohort, criterion by criterion."""
    from rich.table import Table

    from experiments.console import show

    table = Table(title=f"{result.synthetic} synthetic against {result.test} test patients")
    for column in ("", "criterion", "limit", "found (95 % interval)", ""):
        table.add_column(column)
    for c in result.criteria:
        table.add_row(c.group, c.name, c.demand, c.found, c.status)
    show(table)
    say("; ".join(f"{group}: {status}" for group, status in result.verdicts.items()))
    if result.without_utility:
        say(f"Utility was left out: {result.without_utility}.")
    if result.simulated:
        say("The patients judged against are simulated.")
    say(f"Page: {out / 'evaluation.html'}; it shows private patients and stays with their owner.")
    say(NOT_CLINICAL)

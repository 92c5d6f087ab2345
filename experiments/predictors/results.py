"""What training and external validation find out, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from experiments.predictors.evaluation.bootstrap import Figure
from experiments.predictors.evaluation.calibration import Calibration
from experiments.predictors.evaluation.claim import Claim
from experiments.predictors.evaluation.conformal import Coverage
from experiments.predictors.evaluation.decision import DecisionCurve
from experiments.predictors.evaluation.leakage import Leakage
from experiments.predictors.evaluation.permutation import PermutationControl


@dataclass(frozen=True)
class Group:
    """A hospital left out: patients, events, and the concordance among its own patients."""

    patients: int
    events: int
    model: float | None
    baseline: float | None


@dataclass(frozen=True)
class VoxelShuffle:
    """The whole pipeline on images whose voxels were permuted inside the mask, and what is lost."""

    shuffled: Figure
    lost: Figure


@dataclass(frozen=True)
class Comparison:
    """Model and baseline on the same patients.

    Attributes:
        patients, events: how many were scored.
        model, baseline: concordance (AUC of a label, C-index of a survival time).
        difference: model minus baseline, paired.
        calibration, decision, conformal: of the model; conformal is None where too few are known.
        voxel_shuffle: None without images.
    """

    patients: int
    events: int
    model: Figure
    baseline: Figure
    difference: Figure
    calibration: Calibration
    decision: DecisionCurve
    conformal: Coverage | None
    voxel_shuffle: VoxelShuffle | None


@dataclass(frozen=True)
class TrainingResult:
    """Everything that `train` found out.

    Attributes:
        task: its name.
        comparison: nested cross-validation.
        by_group: every group left out.
        permutation, leakage, claim: controls, and what they allow to say.
        left_out: rows that were not used, by reason.
        missing: empty cells of each column.
        columns: number of input columns.
        chosen: hyper-parameters of the final model.
        seconds: wall time.
    """

    task: str
    comparison: Comparison
    by_group: Mapping[str, Group]
    permutation: PermutationControl | None
    leakage: Leakage
    claim: Claim
    left_out: Mapping[str, int]
    missing: Mapping[str, int]
    columns: int
    chosen: Mapping[str, float]
    seconds: float


@dataclass(frozen=True)
class ExternalResult:
    """What one external cohort says.

    Attributes:
        name: declared name or file.
        digest: SHA-256 of the patients, inputs and outcomes used.
        comparison: model and baseline, as trained.
        claim: what may be said.
        left_out: rows that were not used, by reason.
        shifts: inputs that differ from the training cohort, and coverage that misses its promise.
    """

    name: str
    digest: str
    comparison: Comparison
    claim: Claim
    left_out: Mapping[str, int]
    shifts: tuple[str, ...]

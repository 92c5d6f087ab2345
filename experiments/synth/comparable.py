"""Which cohorts may be judged against each other, and what can be judged of them."""

from __future__ import annotations

import numpy as np

from generative.cohort import ScanCohort
from twin.errors import TwinError

FEWEST = 20
_FEWEST_LABELS = 10


def check_comparable(synthetic: ScanCohort, test: ScanCohort, members: ScanCohort | None) -> None:
    """Refuse cohorts of other shapes, voxels or modalities, too small ones, and shared patients.

    Raises:
        TwinError: naming what differs.
    """
    cohorts = {"synthetic": synthetic, "test": test}
    if members is not None:
        cohorts["members"] = members
    for name, cohort in cohorts.items():
        if len(cohort) < FEWEST:
            raise TwinError(
                "too few patients to judge",
                where=f"{name} cohort",
                expected=f"at least {FEWEST}",
                got=str(len(cohort)),
            )
        for what, value, wanted in (
            ("scans and voxels", cohort.images.shape[1:], test.images.shape[1:]),
            ("voxel size, mm", np.round(cohort.spacing_mm, 3), np.round(test.spacing_mm, 3)),
            ("modality", cohort.modality, test.modality),
        ):
            if not np.array_equal(value, wanted):
                raise TwinError(
                    f"cohorts differ in {what}",
                    where=f"{name} cohort",
                    expected=f"{wanted}, as the test cohort",
                    got=str(value),
                )
    shared = set(test.patients) & set(members.patients if members is not None else ())
    if shared:
        raise TwinError(
            "test patients were in the training",
            where="members",
            expected="other patients than those of the test cohort",
            got=f"{len(shared)} in both, {sorted(shared)[0]} among them",
            fix="Split the private cohort before training, and give each part to its purpose.",
        )


def why_without_utility(synthetic: ScanCohort, test: ScanCohort, members: ScanCohort | None) -> str:
    """Why a prediction of the response cannot be judged; empty where it can."""
    cohorts = {"synthetic": synthetic, "test": test}
    if members is not None:
        cohorts["training"] = members
    for name, cohort in cohorts.items():
        fewest = int(min(cohort.response.sum(), (~cohort.response).sum()))
        if fewest == 0:
            return f"the {name} cohort has no labels of response, or only one kind"
        if fewest < _FEWEST_LABELS:
            return f"the {name} cohort has only {fewest} patients of one response"
    return ""

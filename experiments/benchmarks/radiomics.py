"""Radiomics of PET: seconds a case with original and Laplacian-of-Gaussian features.

Cases are the shipped sarcomas (patients/cohorts/sts): read, resampled to 4 mm, and every feature of
the image and of three filters extracted.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from experiments.benchmarks.case import Case
from experiments.benchmarks.timing import Line
from experiments.features import extract_scans, find_scans
from twin.cores import available_cores

COHORT = "patients/cohorts/sts"


def measure(case: Case, names: Sequence[str]) -> Iterator[Line]:
    """Figures of the group "radiomics": the cohort once, compilation included, and again."""
    from experiments.benchmarks import ROOT

    scans = [s for s in find_scans(ROOT / COHORT) if s.modality == "PET"][: case.pet_cases]
    passes, features = [], 0
    for _ in range(2):
        begun = time.perf_counter()
        features = len(list(extract_scans(scans))[0])
        passes.append((time.perf_counter() - begun) / len(scans))
    details = f"{len(scans)} PET of {COHORT}, {features} features, {available_cores()} cores"
    yield "radiomics_pet_s_per_case", passes[1], "s", f"{details}; compiled"
    yield "radiomics_pet_first_s_per_case", passes[0], "s", f"{details}; empty compilation cache"

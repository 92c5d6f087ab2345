"""The judgement at full size: a fresh draw passes all, a copier fails privacy, a blank the rest.

900 training, 900 test and 900 synthetic patients of world A; everything is simulated.
"""

from functools import cache

import numpy as np
import pytest

from experiments.synth.evaluate import Evaluation, evaluate
from generative import ScanCohort
from generative.virtual_cohort import simulate_cohort
from generative.worlds import get_world
from tests.generative.cohorts import as_synthetic, blank, copying

SIZE = 900


@cache
def parts() -> tuple[ScanCohort, ScanCohort, ScanCohort]:
    whole = simulate_cohort(get_world("A"), 3 * SIZE, seed=77, side=16)
    members, test, fresh = (whole.select(np.arange(SIZE) + SIZE * k) for k in range(3))
    return members, test, as_synthetic(fresh)


@pytest.mark.parametrize(
    ("kind", "fidelity", "utility", "privacy"),
    [
        ("fresh", "passed", "passed", "passed"),
        ("blank", "failed", "failed", "passed"),
        ("copying", "passed", "passed", "failed"),
    ],
)
def test_verdicts_at_full_size(kind: str, fidelity: str, utility: str, privacy: str) -> None:
    members, test, fresh = parts()
    made = {"fresh": fresh, "blank": blank(fresh), "copying": copying(members)}[kind]
    result = evaluate(made, test, members)
    print_criteria(kind, result)
    assert result.verdicts == {"fidelity": fidelity, "utility": utility, "privacy": privacy}


def print_criteria(kind: str, result: Evaluation) -> None:
    for criterion in result.criteria:
        print(f"{kind}: {criterion.name}: {criterion.found} ({criterion.status})")

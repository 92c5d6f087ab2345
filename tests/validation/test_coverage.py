"""How often 90 % intervals hold what comes, where the model is right and where it is wrong.

1,000 simulated patients of each world of tests/validation/coverage_study.py, calibrated on three
visits with correlated noise and forecast 30 days ahead; the same with the naive likelihood, in
which voxels err independently. Nothing of the wrong worlds has sized noise or discrepancy. The
seed is drawn at run time and printed.
"""

import numpy as np
import pytest
from scipy import stats

from tests.validation.coverage_study import PARAMETERS, WORLDS, Held, held
from twin.cores import on_every_core

PATIENTS = 1000
FORECASTS = ("burden", "visible volume")


@pytest.mark.timeout(6 * 3600)
def test_intervals_hold_what_comes_in_the_matched_world_and_in_three_wrong_ones():
    seed = int(np.random.default_rng().integers(2**31))
    print(f"\nsimulated patients only; seed {seed}")
    cases = [(world, seed, index) for world in WORLDS for index in range(PATIENTS)]
    found = list(on_every_core(held, cases, worth_processes=2))
    judge({w: found[i * PATIENTS : (i + 1) * PATIENTS] for i, w in enumerate(WORLDS)})


def judge(by_world: dict[str, list[Held]]) -> None:
    """Print all coverages and hold those of the usual likelihood to the goals."""
    usual, naive = {}, {}
    for world, found in by_world.items():
        settled = np.mean([each.converged for each in found], axis=0)
        print(f"{world}: {len(found)} patients, converged {settled[0]:.3f}, naive {settled[1]:.3f}")
        for quantity in (*FORECASTS, *PARAMETERS):
            usual[world, quantity] = _share([each.usual[quantity] for each in found])
            naive[world, quantity] = _share([each.naive[quantity] for each in found])
            print(
                f"  {quantity}: {_text(found, usual[world, quantity])},"
                f" naive {_text(found, naive[world, quantity])}"
            )
    for (world, quantity), share in usual.items():
        if world == "matched":
            assert 0.87 <= share <= 0.93, (world, quantity)
        elif quantity in FORECASTS:
            assert share >= 0.80, (world, quantity)
    for world in by_world:
        for quantity in FORECASTS:
            assert naive[world, quantity] < 0.80, (world, quantity)


def _share(hits: list[bool]) -> float:
    return float(np.mean(hits))


def _text(found: list[Held], share: float) -> str:
    count = len(found)
    low, high = stats.binomtest(round(share * count), count).proportion_ci(0.95, method="exact")
    return f"{100 * share:.1f} % ({100 * low:.1f} to {100 * high:.1f})"

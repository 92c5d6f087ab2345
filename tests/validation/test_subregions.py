"""Resistant subregions in simulated patients: found, told with honest intervals, worth painting.

Ten patients with a region, and eight without, in whom no gain can be expected: there, what painting
does beyond an even escalation of the same mean dose has to be nothing or next to it.
"""

import numpy as np
import pytest

from tests.validation.subregion_study import EVEN, RESISTANT, result, saved


def told(name: str, values: np.ndarray) -> None:
    print(f"{name}: {values.mean():.3f} ({values.min():.3f} to {values.max():.3f})")


def ratio(logs: np.ndarray) -> tuple[float, float]:
    """95 % bootstrap interval of the mean ratio of cells that painting leaves."""
    random = np.random.default_rng(0)
    means = logs[random.integers(0, logs.size, (10_000, logs.size))].mean(axis=1)
    low, high = np.exp(np.quantile(means, [0.025, 0.975]))
    middle = np.exp(logs.mean())
    print(f"cells left, painted over even: {middle:.3f} ({low:.3f} to {high:.3f})")
    return float(low), float(high)


@pytest.mark.timeout(7200)
def test_planted_regions_are_found_and_painting_them_leaves_fewer_cells():
    found = [result(number, 0.35) for number in RESISTANT]
    assert all(r["converged"] for r in found)
    columns = {name: np.array([r[name] for r in found]) for name in found[0]}
    for name in ("auc", "residual_auc", "held", "learned", "boosted", "mean_dose"):
        told(name, columns[name])
    low, high = ratio(saved(found))
    best = np.log(columns["oracle"] / columns["uniform"])
    print(f"knowing the region, over even: {np.exp(best.mean()):.3f}")
    assert columns["auc"].min() > 0.9
    assert 0.85 < columns["held"].mean() < 0.97
    assert high < 0.9
    assert (columns["painted"] < columns["uniform"]).all()


@pytest.mark.timeout(7200)
def test_without_a_region_nothing_is_to_be_gained():
    found = [result(number, 1.0) for number in EVEN]
    columns = {name: np.array([r[name] for r in found]) for name in found[0]}
    for name in ("held", "learned", "boosted", "mean_dose"):
        told(name, columns[name])
    low, high = ratio(saved(found))
    assert columns["held"].mean() > 0.85
    assert columns["boosted"].max() < 0.1
    assert 0.97 < low <= high < 1.03

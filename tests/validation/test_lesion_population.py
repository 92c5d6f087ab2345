"""Last readings of the trials of Laleh et al. 2022, each trial forecast by the others.

909 lesions with four readings or more (doi 10.1371/journal.pcbi.1009822). Choices of the model were
made on this table, so the figures are of patients that no fit saw but not of ones that no choice
saw. Figures are printed.
"""

from pathlib import Path

import numpy as np
import pytest

from experiments.lesions.held_out import judge_held_out
from experiments.lesions.printing import print_held_out
from twin.lesions import read_lesions

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "patients" / "cohorts" / "lesions" / "lesion_volumes.csv"


@pytest.mark.timeout(3600)
def test_a_trial_left_out_is_forecast_better_than_by_its_last_readings():
    series = read_lesions(TABLE)
    found = judge_held_out(series, seed=int(np.random.default_rng().integers(1000)))
    print_held_out(found)
    assert found.converged
    assert len(found) == (series.counts >= 4).sum()
    assert found.gain_mm(found.ended).high < 0.0
    assert 0.87 <= found.held(found.ended).value <= 0.93

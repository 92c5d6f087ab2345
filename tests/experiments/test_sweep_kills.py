"""A real sweep that is killed at random resumes to the same bits; 20 kills: tests/validation."""

import pytest

from tests.experiments.commands import calibrated, oncotwin
from tests.experiments.kills import assert_bit_equal, killed_sweeps, sweep_words

KILLS, PLANS = 3, 200


@pytest.mark.slow
def test_a_sweep_killed_at_random_resumes_to_the_same_bits(tmp_path, all_cores):
    start = calibrated(tmp_path / "start")
    runs, amid = killed_sweeps(start, tmp_path, kills=KILLS, seed=5, plans=PLANS)
    assert amid >= 1, "no kill came in the middle of the sweep"
    answer = oncotwin(*sweep_words(start, PLANS))
    assert answer.code == 0, answer.err
    assert all(assert_bit_equal(run, start) > PLANS // 25 for run in runs)

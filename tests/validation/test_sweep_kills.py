"""Twenty random `kill -9` during real sweeps: every file opens, the result is bit-equal."""

from tests.experiments.commands import calibrated, finish, start
from tests.experiments.kills import assert_bit_equal, killed_sweeps, sweep_words

KILLS = 20


def test_twenty_random_kills_lose_nothing(tmp_path):
    first = calibrated(tmp_path / "start")
    runs, amid = killed_sweeps(first, tmp_path, kills=KILLS, seed=20)
    answer = finish(start(*sweep_words(first)))
    assert answer.code == 0, answer.err
    shards = sum(assert_bit_equal(run, first) for run in runs)
    print(
        f"{KILLS} kills of {len(runs)} sweeps, {amid} of them amid the shards:"
        f" {shards} shards and {len(runs)} rankings bit-equal to the sweep nobody killed"
    )
    assert amid >= KILLS // 2

"""A thousand whole courses (plan x draw) through the sweep, on every core."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from experiments.benchmarks.case import Case
from experiments.benchmarks.timing import Line, with_ratio
from experiments.engines.local import every_core, use_every_core
from twin.cores import available_cores


def measure(case: Case, names: Sequence[str]) -> Iterator[Line]:
    """Figures of the group "scenarios"."""
    use_every_core()
    from experiments.benchmarks.patients import posterior
    from experiments.benchmarks.plans import full_plans
    from twin.scenarios.sweep import PLANS_PER_SHARD, sweep

    fitted = posterior(case)
    count = case.scenarios // case.draws
    plans = full_plans(case, count)
    shard = min(PLANS_PER_SHARD, -(-count // available_cores()))

    def run(seed: int) -> float:
        begun = time.perf_counter()
        outcomes = sweep(
            fitted, plans, draws=case.draws, seed=seed, engine=every_core, plans_per_shard=shard
        )
        assert (outcomes.status == 0).all()
        return time.perf_counter() - begun

    # A first sweep of one draw would compile another program: a whole one has to run.
    first = run(0)
    second = run(1)
    done = len(plans) * case.draws
    details = (
        f"{case}; {done} scenarios = {len(plans)} plans x {case.draws} draws,"
        f" {available_cores()} cores, second of two runs"
        f" (the first, with compilation: {first:.3g} s)"
    )
    if done != 1000:
        details += f"; {second:.3g} s scaled to 1,000"
    yield from with_ratio("scenarios_1000_s", second * 1000.0 / done, case, details)

"""Peak memory of a sweep, in a process that does nothing else.

Full-size arrays, but a course of two weeks: memory depends on the grid, the draws and the size of a
shard, not on how long a course lasts, and 10,000 whole courses would take many minutes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from experiments.benchmarks.case import Case
from experiments.benchmarks.timing import Line, peak_rss_mb
from experiments.engines.local import every_core, use_every_core
from twin.cores import available_cores

HORIZON_DAYS = 14.0
PLANS_PER_SHARD = 2
"""Few, so that 100 scenarios too are enough shards for every core."""


def measure(case: Case, names: Sequence[str]) -> Iterator[Line]:
    """Figures of the groups "memory" and "memory_10000", one a process."""
    use_every_core()
    from experiments.benchmarks.patients import posterior
    from experiments.benchmarks.plans import short_plans
    from twin.scenarios.sweep import sweep

    (name,) = names
    scenarios = case.many if name == "peak_rss_mb_10000" else case.few
    plans = short_plans(scenarios // case.draws, HORIZON_DAYS)
    sweep(
        posterior(case),
        plans,
        draws=case.draws,
        engine=every_core,
        plans_per_shard=PLANS_PER_SHARD,
    )
    size = "x".join(str(n) for n in case.shape)
    details = (
        f"{size} voxels, {len(plans) * case.draws} scenarios = {len(plans)} plans x {case.draws}"
        f" draws over {HORIZON_DAYS:g} days, shards of {PLANS_PER_SHARD} plans,"
        f" {available_cores()} cores, fresh process"
    )
    yield name, peak_rss_mb(), "MB", details

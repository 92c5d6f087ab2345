"""Scenarios of the embedded patient, calibrated as in `oncotwin demo`: default plans."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from experiments.benchmarks.case import Case
from experiments.benchmarks.timing import Line
from experiments.engines.local import every_core, use_every_core
from twin.cores import available_cores


def measure(case: Case, names: Sequence[str]) -> Iterator[Line]:
    """Figures of the group "demo"."""
    use_every_core()
    from experiments.benchmarks import ROOT
    from experiments.demo import VISITS
    from experiments.workflow import prepare
    from twin.calibration import calibrate
    from twin.models import FisherKPP
    from twin.patient_folder import load_patient
    from twin.scenarios import default_plans
    from twin.scenarios.sweep import PLANS_PER_SHARD, sweep

    patient = prepare(load_patient(ROOT / "patients" / "demo"))
    posterior = calibrate(patient, FisherKPP(), visits=VISITS)
    plans = default_plans(patient, posterior.decision_day, case.demo_plans)
    shard = min(PLANS_PER_SHARD, -(-len(plans) // available_cores()))

    def run(seed: int) -> float:
        begun = time.perf_counter()
        sweep(
            posterior,
            plans,
            draws=case.draws,
            seed=seed,
            engine=every_core,
            plans_per_shard=shard,
        )
        return time.perf_counter() - begun

    run(0)
    scenarios = len(plans) * case.draws
    size = "x".join(str(n) for n in patient.grid.shape)
    details = (
        f"patients/demo cropped to {size} voxels, {plans.horizon_days:g} days,"
        f" {scenarios} scenarios = {len(plans)} plans x {case.draws} draws,"
        f" {available_cores()} cores, second of two runs"
    )
    yield "scenario_demo_ms", 1000.0 * run(1) / scenarios, "ms", details

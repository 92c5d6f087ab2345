"""The embedded patient, calibrated as in `oncotwin demo`: scenarios of default plans, a scan."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from experiments.benchmarks.case import Case
from experiments.benchmarks.timing import Line, seconds
from experiments.engines.local import every_core, use_every_core
from twin.cores import available_cores

if TYPE_CHECKING:
    from twin.calibration import Posterior
    from twin.patient import Visit


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

    patient = prepare(load_patient(ROOT / "patients" / "demo"), spacing_mm=case.demo_spacing_mm)
    posterior = calibrate(patient, FisherKPP(), visits=VISITS)
    size = "x".join(str(n) for n in patient.grid.shape)
    if "filter_update_s" in names:
        yield _update(
            posterior, patient.visits[VISITS], f"patients/demo cropped to {size} voxels", case
        )
    if "scenario_demo_ms" not in names:
        return
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
    details = (
        f"patients/demo cropped to {size} voxels, {plans.horizon_days:g} days,"
        f" {scenarios} scenarios = {len(plans)} plans x {case.draws} draws,"
        f" {available_cores()} cores, second of two runs"
    )
    yield "scenario_demo_ms", 1000.0 * run(1) / scenarios, "ms", details


def _update(posterior: Posterior, visit: Visit, where: str, case: Case) -> Line:
    """Time of one scan, the ensemble being at its day already."""
    from twin.monitoring import Filter

    twin = Filter.of(posterior).to(visit.time_days)

    def run() -> None:
        twin.assimilate(visit)

    run()
    repeats = min(case.repeats, 3)
    details = (
        f"{where}, {twin.members} members, {' and '.join([*visit.images, *visit.masks])};"
        f" median of {repeats}, after compilation"
    )
    return "filter_update_s", seconds(run, repeats), "s", details

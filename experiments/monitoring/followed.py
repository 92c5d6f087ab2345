"""A virtual course followed by the filter: what it knows of the response after each scan."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from experiments.monitoring.courses import (
    BACKGROUND_HU,
    JUDGED_DAY,
    LEFT,
    PRIORS,
    SCAN_DAYS,
    Course,
    monitored_model,
)
from twin.calibration import calibrate
from twin.monitoring.filter import Filter
from twin.monitoring.readings import MAP_PIECES, Reading, readings_of
from twin.observation.cbct import ConeBeamCT
from twin.patient import Visit

MEMBERS = 64


@dataclass(frozen=True)
class Followed:
    """One course, scan by scan.

    Attributes:
        not_responding: (scans,) probability that more than half of the cells are left when judged.
        viable_ml: (scans, J) members after each scan.
        p_larger: (scans,) smallest p-value of more tumor than expected.
        alarm: (scans,) whether the alarm with the stated rate was raised.
        determined: calibration converged.
    """

    not_responding: np.ndarray
    viable_ml: np.ndarray
    p_larger: np.ndarray
    alarm: np.ndarray
    converged: bool


def follow(course: Course, *, members: int = MEMBERS, seed: int = 0) -> Followed:
    """Calibrate on the two scans before treatment, then assimilate every scan that follows."""
    posterior = calibrate(course.patient, monitored_model(), visits=2, priors=PRIORS)
    twin = Filter.of(posterior, members=members, seed=seed, swelling=True, scans=len(SCAN_DAYS))
    before_ml = float(twin.now().viable_ml.mean())
    chances, viable = [], []
    for visit in course.patient.visits[2:]:
        twin = twin.update(visit.time_days, _readings(twin, visit), visit=visit)
        ahead = twin.outlook([max(JUDGED_DAY, twin.time_days)]).viable_ml[:, 0]
        chances.append(float((ahead > LEFT * before_ml).mean()))
        viable.append(twin.now().viable_ml[:, 0])
    said = twin.history
    return Followed(
        np.array(chances),
        np.array(viable),
        np.array([min((s.p_larger for s in a.surprises), default=1.0) for a in said]),
        np.array([a.larger for a in said]),
        posterior.converged,
    )


def _readings(twin: Filter, visit: Visit) -> list[Reading]:
    """The outline, and the cone-beam CT itself."""
    flat = jnp.asarray(visit.images["CT"].data.reshape(-1))
    weight = _tissue(twin).reshape(-1)
    shared = max(float(weight.sum()) / MAP_PIECES, 1.0)
    scan = ConeBeamCT(BACKGROUND_HU, twin.edema, jnp.asarray(weight), shared)
    return [
        *readings_of(twin.posterior, visit, edema=twin.edema),
        Reading("cone-beam CT", scan, flat),
    ]


def _tissue(twin: Filter) -> np.ndarray:
    assert twin.posterior.setting is not None
    return twin.posterior.setting.patient.tissue.astype(np.float32)

"""Escalated plans in a sweep: the map reaches the solver, and no map leaves a sweep as it was."""

import numpy as np
import pytest

from tests.twin.subregions import REST, planted
from twin.calibration import calibrate
from twin.errors import TwinError
from twin.models import FisherKPP, Varied
from twin.scenarios.escalation import EVENLY, SUBREGION, with_escalation
from twin.scenarios.plan_set import Plan, PlanSet
from twin.scenarios.sweep import sweep
from twin.treatments.schedule import Schedule

PLANS = PlanSet((Plan("rest", REST, True), Plan("nothing", Schedule())), 24.0, 36.0)


def test_escalation_of_what_resists_beats_even_escalation_of_the_same_mean_dose():
    """On the posterior's own draws; in the truth it is judged in tests/twin/calibration."""
    posterior = calibrate(planted(0).patient, Varied(growth=False))
    plans, maps = with_escalation(posterior, PLANS)
    assert [p.name for p in plans] == [
        "rest",
        "nothing",
        f"rest, {SUBREGION}",
        f"rest, {EVENLY}",
    ]
    tumor = np.logical_or.reduce([v.masks["gtv"] for v in planted(0).patient.visits])
    assert maps[1][tumor].mean() == pytest.approx(maps[2][tumor].mean(), rel=1e-6)
    assert 1.0 < maps[2][tumor].mean() < 1.1 and maps[1].max() == np.float32(1.25)
    found = sweep(posterior, plans, draws=8, dose_maps=maps)
    rest, nothing, subregion, evenly = found.residual_ml
    assert (subregion < evenly).mean() > 0.8 and (evenly < rest).all() and (rest < nothing).all()
    plain = sweep(posterior, PLANS, draws=8)
    np.testing.assert_allclose(plain.residual_ml, found.residual_ml[:2], rtol=1e-4)
    with pytest.raises(TwinError, match="dose map that is not given"):
        sweep(posterior, plans, draws=2, dose_maps=maps[:2])


def test_a_posterior_without_a_kill_map_is_refused():
    posterior = calibrate(planted(0).patient, FisherKPP(), visits=2)
    with pytest.raises(TwinError, match="no map 'kill_map'"):
        with_escalation(posterior, PLANS)

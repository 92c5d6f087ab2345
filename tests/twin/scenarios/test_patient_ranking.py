"""Ranking for a posterior's patient takes organs, body surface and what was given from it."""

from dataclasses import replace

import numpy as np
import pytest

from tests.patients import small_patient
from tests.twin.scenarios.by_hand import daily_plan, outcomes_of
from twin.calibration.posterior import Posterior
from twin.calibration.setting import make_setting
from twin.errors import TwinError
from twin.models import FisherKPP
from twin.scenarios.patient_ranking import rank_for

PLANS = (
    daily_plan("40 Gy", 20, 2.0, standard_of_care=True),
    daily_plan("doxorubicin", 5, 2.0, doxorubicin_mg=190.0),
)


def posterior() -> Posterior:
    setting = make_setting(small_patient(), FisherKPP())
    names = ("proliferation_rate", "radiosensitivity_alpha")
    return Posterior(
        table=setting.table,
        names=names,
        z_mean=np.zeros(2),
        z_covariance=np.diag([0.1**2, 1.0]),
        converged=True,
        decision_day=setting.decision_day,
        fitted_visits=("diagnosis", "restaging"),
        setting=setting,
    )


def test_organs_body_surface_and_what_was_given_come_from_the_patient() -> None:
    drawn = {n: np.array([1.0, 2.0, 3.0]) for n in posterior().names}
    outcomes = outcomes_of([[1.0, 2.0, 3.0], [0.1, 0.2, 0.3]], PLANS, drawn)

    ranking = rank_for(posterior(), outcomes)

    best = ranking.best
    assert best.plan.name == "doxorubicin"
    # Two doses of 142.5 mg before the decision and one of 190 mg, for 1.9 m².
    assert best.drug_mg_m2 == pytest.approx({"doxorubicin": (2 * 142.5 + 190.0) / 1.9})
    # Half of 2 Gy at alpha/beta 3 Gy: 1 Gy is worth 0.8 Gy; 5 fractions given, 5 planned.
    assert best.organ_eqd2_gy["skin strip"] == pytest.approx(10 * 0.8)
    assert ranking.undetermined_parameters == ("radiosensitivity_alpha",)


def test_posterior_without_its_patient_is_refused() -> None:
    outcomes = outcomes_of([[1.0, 2.0], [0.1, 0.2]], PLANS)
    with pytest.raises(TwinError, match="the posterior has no patient"):
        rank_for(replace(posterior(), setting=None), outcomes)

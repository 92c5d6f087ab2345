"""Candidates of a trial: as toxic as the standard at most, and a tree over the scans."""

import pytest

from twin.errors import TwinError
from twin.scenarios.plan_set import schedule_key
from twin.scenarios.trial_protocol import LIMITS, TrialProtocol
from twin.treatments.schedule import Fraction, Schedule

PROTOCOL = TrialProtocol()


def test_every_candidate_costs_organs_no_more_than_the_standard():
    standard = PROTOCOL.cost(PROTOCOL.standard.schedule)
    for plan in PROTOCOL.candidates:
        cost = PROTOCOL.cost(plan.schedule)
        for organ in PROTOCOL.organs:
            assert cost.organ_eqd2_gy[organ.name] <= standard.organ_eqd2_gy[organ.name] + 1e-6
        assert cost.worst_ratio(PROTOCOL.organs, LIMITS) <= 1.0


def test_one_fraction_more_of_any_size_would_cost_an_organ_more():
    for plan in PROTOCOL.candidates:
        fractions = plan.schedule.fractions
        more = Fraction(fractions[-1].time_days + 1.0, fractions[-1].dose_gy)
        longer = Schedule((*fractions, more), plan.schedule.drug_doses)
        assert not PROTOCOL.allows(longer)


def test_standard_of_care_is_a_candidate_and_larger_and_smaller_fractions_are_too():
    marked = [plan for plan in PROTOCOL.candidates if plan.standard_of_care]
    assert [schedule_key(p.schedule) for p in marked] == [schedule_key(PROTOCOL.standard.schedule)]
    sizes = {plan.schedule.fractions[0].dose_gy for plan in PROTOCOL.candidates}
    assert min(sizes) < 2.0 < max(sizes)


def test_until_a_drug_is_chosen_plans_of_one_fractionation_are_alike():
    first, second = (PROTOCOL.decision_day, *PROTOCOL.scan_days[:2])[1:3]
    radiotherapy = {schedule_key(p.schedule.before(first)) for p in PROTOCOL.candidates}
    with_a_drug = {schedule_key(p.schedule.before(second)) for p in PROTOCOL.candidates}
    assert len(radiotherapy) == 3
    assert len(with_a_drug) == 6
    assert len(PROTOCOL.candidates) == 24


def test_a_horizon_between_two_scans_is_refused():
    with pytest.raises(TwinError, match="horizon_days: the horizon has to fall on a scan"):
        TrialProtocol(horizon_days=100.0)

"""Clinical schedules by name against what their protocols say."""

import pytest

from twin.errors import TwinError
from twin.scenarios.standard_of_care import standard_of_care
from twin.scenarios.toxicity import drug_exposure
from twin.treatments.presets import (
    PRESETS,
    Measures,
    ac_t,
    calvert_dose_mg,
    clinical_schedule,
    creatinine_clearance_ml_min,
    stupp,
)

WHOLE = Measures(body_surface_m2=1.8, gfr_ml_min=90.0, weight_kg=70.0)


def test_stupp_is_what_the_standard_of_care_of_a_glioma_gives():
    found = stupp(WHOLE)
    expected = standard_of_care("glioma", 0.0, 1.8).schedule
    assert found.fractions == expected.fractions
    assert [(d.time_days, d.drug) for d in found.drug_doses] == [
        (d.time_days, d.drug) for d in expected.drug_doses
    ]
    assert [d.dose_mg for d in found.drug_doses] == pytest.approx(
        [d.dose_mg for d in expected.drug_doses]
    )
    total = 42 * 75 + 5 * 150 + 25 * 200
    assert drug_exposure(found, 1.8)["temozolomide"] == pytest.approx(total)
    assert drug_exposure(stupp(WHOLE, adjuvant_cycles=0), 1.8)["temozolomide"] == pytest.approx(
        3150
    )


@pytest.mark.parametrize(
    "keywords, taxane_mg_m2, last_day",
    [
        ({}, 960.0, 84 + 77),
        ({"interval_days": 14.0, "paclitaxel": "biweekly"}, 700.0, 56 + 42),
        ({"paclitaxel": "triweekly"}, 700.0, 84 + 63),
    ],
)
def test_ac_t_has_its_cumulative_doses_and_its_length(keywords, taxane_mg_m2, last_day):
    found = ac_t(WHOLE, **keywords)
    exposure = drug_exposure(found, 1.8)
    assert exposure["doxorubicin"] == pytest.approx(240.0)
    assert exposure["cyclophosphamide"] == pytest.approx(2400.0)
    assert exposure["paclitaxel"] == pytest.approx(taxane_mg_m2)
    assert found.end_days == last_day


@pytest.mark.parametrize(
    "area, gfr, dose",
    [(5.0, 75.0, 500.0), (6.0, 125.0, 900.0), (6.0, 180.0, 900.0), (2.0, 95.0, 240)],
)
def test_carboplatin_follows_calvert_and_stops_at_125(area, gfr, dose):
    assert calvert_dose_mg(area, gfr) == pytest.approx(dose)


def test_creatinine_clearance_is_lower_in_women():
    men = creatinine_clearance_ml_min(60.0, 72.0, 1.0, "male")
    assert men == pytest.approx(80.0)
    assert creatinine_clearance_ml_min(60.0, 72.0, 1.0, "female") == pytest.approx(68.0)


@pytest.mark.parametrize("name", PRESETS)
def test_every_named_schedule_can_be_given_and_starts_when_told(name):
    found = clinical_schedule(name, WHOLE, start_day=7.0)
    assert found.times_days[0] == 7.0
    assert found.shifted(-7.0).times_days == clinical_schedule(name, WHOLE).times_days
    assert found.end_days - 7.0 <= 366.0
    if found.fractions:
        assert all(f.time_days % 7 < 5 for f in found.fractions)


def test_antibodies_have_flat_doses():
    three, six = (clinical_schedule(f"pembrolizumab every {weeks} weeks") for weeks in (3, 6))
    assert {d.dose_mg for d in three.drug_doses} == {200.0}
    assert {d.dose_mg for d in six.drug_doses} == {400.0}
    assert sum(d.dose_mg for d in three.drug_doses) == sum(d.dose_mg for d in six.drug_doses)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: clinical_schedule("stup"), "unknown clinical schedule 'stup'.*stupp"),
        (lambda: clinical_schedule("stupp"), "depends on body_surface_m2.*got none.*Measures"),
        (
            lambda: clinical_schedule("carboplatin AUC 5 every 3 weeks", Measures(1.8)),
            "depends on gfr_ml_min",
        ),
        (lambda: clinical_schedule("stupp", Measures(-1.0)), "body_surface_m2.*got -1"),
        (lambda: calvert_dose_mg(0.0, 90.0), "area_mg_min_per_ml: not positive"),
        (lambda: creatinine_clearance_ml_min(150.0, 70.0, 1.0, "male"), "age, weight or creat"),
    ],
)
def test_what_cannot_be_dosed_is_refused(call, message):
    with pytest.raises(TwinError, match=message):
        call()

"""Plan files: the documented example loads, and whatever is wrong is named with its field."""

import re
from pathlib import Path

import pytest

from tests.patients import small_patient
from twin.errors import TwinError
from twin.patient import Patient
from twin.scenarios.plan_file import load_plans
from twin.scenarios.plan_set import PlanSet

DECISION_DAY = 60.0
EXPLICIT = """
schema: oncotwin-plans/1
horizon_days: 180
plans:
  - name: five times six
    radiotherapy: [{day: 63, dose_gy: 6, fractions: 5}]
    drugs: [{day: 63, drug: doxorubicin, dose_mg_m2: 75}]
    surgery: [{day: 110, margin_mm: 10}]
"""
GRID = """
schema: oncotwin-plans/1
horizon_days: 180
grid:
  total_dose_gy: [30, 50]
  dose_per_fraction_gy: [2, 5]
  drug: doxorubicin
  drug_dose_mg_m2: [0, 75]
  cycles: [1, 2]
  surgery_delay_days: [null, 35]
"""


@pytest.fixture(scope="module")
def patient() -> Patient:
    return small_patient()


def load(folder: Path, text: str, patient: Patient) -> PlanSet:
    path = folder / "plans.yaml"
    path.write_text(text, encoding="utf-8")
    return load_plans(path, patient, DECISION_DAY)


def test_the_documented_example_loads(tmp_path, patient, repository):
    page = (repository / "docs/reference/plans.md").read_text(encoding="utf-8")
    example = re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)[0]
    plans = load(tmp_path, example, patient)
    assert {"5 x 6 Gy", "50 Gy / 25 fx, surgery +35 d"} <= set(plans.names)


def test_every_key_of_a_grid_is_documented(repository):
    from twin.scenarios.plan_file import _Course, _Drug, _Grid, _Operation, _Plan

    page = (repository / "docs/reference/plans.md").read_text(encoding="utf-8")
    for model in (_Grid, _Plan, _Course, _Drug, _Operation):
        for key in model.model_fields:
            assert f"`{key}`" in page, key


def test_an_explicit_plan_is_laid_out_on_working_days(tmp_path, patient):
    plan = load(tmp_path, EXPLICIT, patient)[0]
    # Day 63 is a Monday when day 0 is.
    assert [f.time_days for f in plan.schedule.fractions] == [63.0, 64.0, 65.0, 66.0, 67.0]
    assert plan.schedule.drug_doses[0].dose_mg == pytest.approx(75 * patient.body_surface_m2)
    later = load(tmp_path, EXPLICIT + "day_0: 2026-01-07\n", patient)[0]
    # With day 0 on a Wednesday, day 63 is one and the weekend lies in between.
    assert [f.time_days for f in later.schedule.fractions] == [63.0, 64.0, 65.0, 68.0, 69.0]


def test_fractions_of_one_day_keep_their_interval(tmp_path, patient):
    text = EXPLICIT.replace("fractions: 5", "fractions: 3, per_day: 2, interval_hours: 8")
    times = [f.time_days for f in load(tmp_path, text, patient)[0].schedule.fractions]
    assert times == pytest.approx([63, 63 + 8 / 24, 64])


def test_a_grid_is_every_combination_and_the_standard_of_care(tmp_path, patient):
    plans = load(tmp_path, GRID, patient)
    # 4 courses x (no drug, 1 or 2 cycles) x (no surgery, surgery), all of them deliverable.
    assert len(plans) == 4 * 3 * 2
    assert plans.horizon_days == 180
    assert plans.standard_of_care is not None
    assert plans.standard_of_care.name == "50 Gy / 25 fx, surgery +35 d"
    assert all(p.schedule.times_days[0] >= DECISION_DAY for p in plans)


def test_ranges_of_total_dose_are_taken_in_whole_fractions(tmp_path, patient):
    text = GRID.replace("[30, 50]", "{low: 28, high: 33}").replace("[2, 5]", "2.5")
    totals = {p.schedule.total_dose_gy for p in load(tmp_path, text, patient)}
    assert totals == {30.0, 32.5, 50.0}


def test_generated_plans_give_way_to_the_names_of_explicit_ones(tmp_path, patient):
    plans = load(
        tmp_path, EXPLICIT.replace("five times six", "50 Gy / 25 fx, surgery +35 d"), patient
    )
    assert plans.names == ("50 Gy / 25 fx, surgery +35 d", "50 Gy / 25 fx, surgery +35 d (2)")
    assert [p.standard_of_care for p in plans] == [False, True]


def test_without_a_horizon_it_ends_two_months_past_the_last_event(tmp_path, patient):
    plans = load(tmp_path, EXPLICIT.replace("horizon_days: 180", ""), patient)
    last = max(p.schedule.end_days for p in plans)
    assert DECISION_DAY + plans.horizon_days == pytest.approx(last + 60)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("dose_gy: 6", "dose_gy: -6", r"plans\[0\]\.radiotherapy\[0\]\.dose_gy: .*greater than 0"),
        ("dose_gy: 6", "dose_gy: 200", r"radiotherapy\[0\]\.dose_gy: .*equal to 100 .*got 200"),
        ("dose_gy: 6", "dose_gy: .inf", r"radiotherapy\[0\]\.dose_gy: .*got inf"),
        ("dose_gy: 6", "dose_gy: yes", r"radiotherapy\[0\]\.dose_gy: .*valid number"),
        ("fractions: 5", "fractions: 0", r"radiotherapy\[0\]\.fractions: .*got 0"),
        ("fractions: 5", "per_day: 4", r"radiotherapy\[0\]\.per_day: .*equal to 3"),
        ("fractions: 5", "interval_hours: 3", r"interval_hours: .*equal to 6"),
        ("fractions: 5", "weekdays: [monday]", r"weekdays\[0\]: "),
        ("doxorubicin", "aspirin", r"plans\[0\]\.drugs\[0\]\.drug: unknown drug 'aspirin'"),
        ("dose_mg_m2: 75", "dose_mg_m2: 0", r"drugs\[0\]\.dose_mg_m2: .*greater than 0"),
        ("dose_mg_m2: 75", "dose_mg_m2: 75, dose_mg: 9", r"drugs\[0\]: give either dose_mg or"),
        ("margin_mm: 10", "margin_mm: -1", r"surgery\[0\]\.margin_mm: .*got -1"),
        ("margin_mm: 10", "margin_cm: 1", r"surgery\[0\]\.margin_"),
        ("name: five times six", "title: five", r"plans\[0\]\.(name|title): (missing|unknown) key"),
        ("horizon_days: 180", "horizon: 180", r"plans\.yaml: horizon: unknown key.*plans\.md"),
        ("horizon_days: 180", "horizon_days: -3", r"horizon_days: .*greater than 0"),
        ("day: 63, dose", "day: 53, dose", "five times six.*before the decision day.*got day 53"),
        ("day: 110", "day: 59", "five times six.*before the decision day.*got day 59"),
        ("horizon_days: 180", "horizon_days: 40", "five times six.*outlasts the horizon"),
        ("horizon_days: 180", "horizon_days: 55", r"surgery \+35 d.*outlasts the horizon"),
        ("schema: oncotwin-plans/1", "schema: oncotwin-plans/2", r"schema: .*oncotwin-plans/1"),
        ("schema: oncotwin-plans/1", "", r"schema: missing key"),
        ("horizon_days: 180", "day_0: someday", r"day_0: "),
        ("horizon_days: 180", "horizon_days: 180\nhorizon_days: 90", "given twice"),
        ("plans:", "plans: [", "not valid YAML"),
    ],
)
def test_a_bad_explicit_plan_is_refused_with_its_field(tmp_path, patient, old, new, message):
    assert old in EXPLICIT
    with pytest.raises(TwinError, match=message) as caught:
        load(tmp_path, EXPLICIT.replace(old, new, 1), patient)
    assert "plans.yaml" in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[2, 5]", "[7]", "no combination of the grid can be delivered.*whole fractions"),
        ("[2, 5]", "[2, 5]\n  fractions_per_day: 4", "at most 3 fractions a day"),
        ("[2, 5]", "[2, 5]\n  fractions_per_week: 9", "must fit into 7 days"),
        ("[2, 5]", "[2, -5]", r"grid\.dose_per_fraction_gy\[1\]: .*greater than 0"),
        ("[30, 50]", "{low: 50, high: 30}", r"total_dose_gy.*low to high"),
        ("[30, 50]", "{low: 50}", r"grid\.total_dose_gy\.high: missing key"),
        ("total_dose_gy: [30, 50]", "", r"grid: .*go together"),
        ("drug: doxorubicin", "drug: aspirin", r"grid\.drug: unknown drug 'aspirin'"),
        ("drug: doxorubicin", "", r"grid: drug and drug_dose_mg_m2 go together"),
        ("cycles: [1, 2]", "cycles: [1.5]", r"grid\.cycles\[0\]: .*integer"),
        ("cycles: [1, 2]", "cycels: 2", r"grid\.cycels: unknown key"),
    ],
)
def test_a_bad_grid_is_refused_with_its_field(tmp_path, patient, old, new, message):
    assert old in GRID
    with pytest.raises(TwinError, match=message):
        load(tmp_path, GRID.replace(old, new, 1), patient)


@pytest.mark.parametrize(
    ("text", "message"), [("", "got NoneType"), ("- 1\n", "got list"), ("3", "got int")]
)
def test_a_file_that_is_no_mapping_is_refused(tmp_path, patient, text, message):
    with pytest.raises(TwinError, match=f"the plan file is empty or no mapping.*{message}"):
        load(tmp_path, text, patient)


def test_a_file_without_plans_is_refused(tmp_path, patient):
    with pytest.raises(TwinError, match="give a grid, plans, or both"):
        load(tmp_path, "schema: oncotwin-plans/1\n", patient)


def test_a_missing_file_is_refused(tmp_path, patient):
    with pytest.raises(TwinError, match="cannot read the plan file"):
        load_plans(tmp_path / "none.yaml", patient, DECISION_DAY)

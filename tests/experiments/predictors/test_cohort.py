"""Tables become cohorts of numbers; whatever is wrong with them is said, and where."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments.predictors import load_task
from experiments.predictors.cohort import load_cohort
from experiments.predictors.derivations import lesion_trend, nsclc_recurrence
from experiments.predictors.evaluation.outcome import events
from experiments.predictors.tables import matches, read_text_table
from tests.experiments.predictors.simulated import SURVIVAL, table, task_file
from twin.errors import TwinError

ROOT = Path(__file__).resolve().parents[3]
COHORTS = ROOT / "patients" / "cohorts"
COX = {"model": {"kind": "cox"}, "baseline": {"inputs": ["age"], "model": "cox"}}


def load(path: Path, **arguments):
    return load_cohort(load_task(path), path.parent, **arguments)


def changed(column: str, value: object, row: int = 0) -> pd.DataFrame:
    data = table().astype(object)
    data.loc[row, column] = value
    return data


def test_columns_are_read_as_the_task_says(tmp_path):
    data = table()
    found = load(task_file(tmp_path, data))
    assert found.columns == ("age", "volume", "marker", "site=arm", "site=leg", "site=trunk")
    assert found.patients == tuple(data["id"])
    np.testing.assert_allclose(found.inputs[:, 1], np.log(data["volume"]))
    np.testing.assert_array_equal(found.inputs[:, 4], data["site"] == "leg")
    np.testing.assert_array_equal(found.outcome, data["response"])


def test_an_external_cohort_is_numbered_as_the_training_one(tmp_path):
    path = task_file(tmp_path)
    trained = load(path)
    other = table(30, prefix="Q", seed=1).assign(site="neck")
    other.loc[0, "site"] = "leg"
    other.to_csv(tmp_path / "other.csv", index=False)
    found = load(path, cohort=tmp_path / "other.csv", like=trained.reference())
    assert found.columns == trained.columns
    assert found.inputs[0, 3:].tolist() == [0, 1, 0]
    assert found.inputs[1:, 3:].sum() == 0


def test_an_empty_category_is_a_category_and_an_empty_flag_is_off(tmp_path):
    inputs = [{"column": "site", "kind": "category"}, {"column": "hospital", "kind": "flag"}]
    inputs[1]["values"] = ["A", "B"]  # type: ignore[assignment]
    data = changed("site", None)
    data.loc[0, "hospital"] = None
    path = task_file(
        tmp_path, data, inputs=inputs, baseline={"inputs": ["site"], "model": "logistic"}
    )
    found = load(path)
    assert "site=nothing known" in found.columns
    assert found.inputs[0, found.columns.index("site=nothing known")] == 1
    np.testing.assert_array_equal(found.inputs[1:, -1], data["hospital"][1:].isin(["A", "B"]))
    assert found.inputs[0, -1] == 0


def test_values_are_compared_by_value_and_rows_without_an_outcome_are_counted(tmp_path):
    assert matches(pd.Series(["1.0", "1", "a", None, "01"]), [1, "a"]).tolist() == [1, 1, 1, 0, 1]
    data = table().assign(dataset=["x"] * 60 + ["y"] * 60).astype(object)
    data.loc[0, "response"], data.loc[1, "response"] = None, 2
    found = load(
        task_file(
            tmp_path, data, keep={"dataset": ["x"]}, outcome={"label": "response", "unknown": [2]}
        )
    )
    assert len(found) == 58
    assert found.left_out == {"not in keep": 60, "outcome unknown": 2}


@pytest.mark.parametrize(
    ("data", "changes", "message"),
    [
        (table().drop(columns="marker"), {}, "table.csv: inputs: column 'marker' is missing.*age"),
        (table().drop(columns="response"), {}, "outcome: column 'response' is missing"),
        (table().drop(columns="id"), {}, "column 'id' is missing.*column of patients"),
        (table().assign(age=50), {}, "column 'age': a constant column.*Remove it"),
        (table().assign(age=None), {}, "column 'age': a constant column.*nothing but empty cells"),
        (table().assign(site="leg"), {}, "column 'site': a constant column"),
        (changed("id", "P001"), {}, "a patient is in the table twice.*'P001' more than once"),
        (changed("id", None), {}, "row 1: a row without a patient"),
        (changed("age", "old", 4), {}, "column 'age', row 5: not a number.*got 'old'"),
        (changed("age", "inf"), {}, "column 'age', row 1: not a number"),
        (changed("volume", 0), {}, "patient P000: no logarithm of 0 or less"),
        (changed("response", 7, 3), {}, "patient P003: an outcome that is neither.*'7'"),
        (table(), {"keep": {"site": ["moon"]}}, "keep leaves no row.*site in \\['moon'\\]"),
        (table(), {"keep": {"moon": [1]}}, "keep: column 'moon' is missing"),
        (table(), {"group": "clinic"}, "group: column 'clinic' is missing"),
        (changed("hospital", None), {"group": "hospital"}, "a patient without a group"),
        (table().assign(response=None), {}, "no patient is left"),
        (
            changed("days", -3.0),
            {"outcome": SURVIVAL, **COX},
            "column 'days', patient P000: a negative time.*got -3 days",
        ),
        (
            table(),
            {
                "inputs": [{"column": "site", "kind": "ordinal", "order": ["arm", "leg"]}],
                "baseline": {"inputs": ["site"], "model": "logistic"},
            },
            "a value outside the declared order.*'trunk'",
        ),
    ],
)
def test_a_bad_table_is_refused_with_the_place(tmp_path, data, changes, message):
    with pytest.raises(TwinError, match=message):
        load(task_file(tmp_path, data, **changes))


def test_a_cell_is_named_by_its_row_in_the_file_whatever_is_kept(tmp_path):
    data = changed("age", "old", 70).assign(dataset=["x"] * 60 + ["y"] * 60)
    data.loc[65, "response"] = None
    with pytest.raises(TwinError, match="column 'age', row 71: not a number.*got 'old'"):
        load(task_file(tmp_path, data, keep={"dataset": ["y"]}))


def test_missing_empty_and_unreadable_tables_are_refused(tmp_path):
    path = task_file(tmp_path)
    with pytest.raises(TwinError, match="no such folder or table"):
        load(path, cohort=tmp_path / "elsewhere")
    (tmp_path / "other").mkdir()
    with pytest.raises(TwinError, match="other/table.csv: no such table.*--cohort FOLDER"):
        load(path, cohort=tmp_path / "other")
    for content, message in (
        (b"", "cannot read the table"),
        (b"id,age\n", "the table has no rows"),
        (b'id,"age\n1,2', "cannot read the table.*CSV or Parquet"),
        (b"\xff\xfe\x00", "cannot read the table"),
    ):
        (tmp_path / "table.csv").write_bytes(content)
        with pytest.raises(TwinError, match=message):
            load(path)


def test_two_columns_that_differ_by_blanks_alone_are_refused(tmp_path):
    path = task_file(tmp_path)
    text = (tmp_path / "table.csv").read_text().replace("id,age,volume", "id,age, age ", 1)
    (tmp_path / "table.csv").write_text(text)
    with pytest.raises(TwinError, match="table.csv: column 'age' is in the table twice"):
        load(path)


@pytest.mark.parametrize(
    "path",
    sorted(p for p in COHORTS.glob("*/*.yaml") if p.parent.name != "head_neck"),
    ids=lambda p: p.stem,
)
def test_every_shipped_table_is_read(path):
    task = load_task(path)
    found = load_cohort(task.model_copy(update={"images": None}), path.parent)
    assert len(set(found.patients)) == len(found) > 30
    assert 0 < events(found.outcome).sum() < len(found)


def test_tables_are_joined_by_patient_and_may_not_share_columns(tmp_path):
    data = table()
    tables = [{"file": "table.csv", "patient": "id"}, {"file": "more.csv", "patient": "name"}]
    path = task_file(tmp_path, data[["id", "age", "volume", "site", "response"]], tables=tables)
    more = data[["id", "marker"]].rename(columns={"id": "name"}).iloc[::-1]
    more[5:].to_csv(tmp_path / "more.csv", index=False)
    found = load(path)
    assert np.isnan(found.inputs[:, 2]).sum() == 5
    np.testing.assert_allclose(found.inputs[:100, 2], data["marker"][:100])
    more.assign(age=1).to_csv(tmp_path / "more.csv", index=False)
    with pytest.raises(TwinError, match="more.csv: column 'age' is in two tables"):
        load(path)
    with pytest.raises(TwinError, match="one file cannot stand for several tables"):
        load(path, cohort=tmp_path / "table.csv")


def test_the_column_of_patients_may_have_any_name(tmp_path):
    data = table().rename(columns={"id": "patient id"})
    tables = [{"file": f"{name}.csv", "patient": "patient id"} for name in ("table", "more")]
    path = task_file(tmp_path, data.drop(columns="marker"), tables=tables)
    data[["patient id", "marker"]].iloc[::-1].to_csv(tmp_path / "more.csv", index=False)
    np.testing.assert_allclose(load(path).inputs[:, 2], data["marker"])


def test_a_name_that_only_python_takes_for_a_number_stays_a_name(tmp_path):
    assert matches(pd.Series(["1_2", "12"]), [12]).tolist() == [False, True]
    sites = np.where(table()["site"] == "leg", "1_2", "12")
    assert load(task_file(tmp_path, table().assign(site=sites))).columns[-1] == "site=1_2"


def test_a_parquet_table_says_the_same_as_csv(tmp_path):
    path = task_file(tmp_path)
    table().to_parquet(tmp_path / "table.parquet")
    assert load(path).digest() == load(path, cohort=tmp_path / "table.parquet").digest()


def test_the_digest_knows_rows_but_not_their_order(tmp_path):
    data = table()
    one = load(task_file(tmp_path / "a", data)).digest()
    assert load(task_file(tmp_path / "b", data.iloc[::-1])).digest() == one
    data.loc[7, "age"] += 0.5
    assert load(task_file(tmp_path / "c", data)).digest() != one


def test_head_and_neck_without_its_table_says_to_give_the_cohort():
    path = COHORTS / "head_neck" / "death.yaml"
    if (path.parent / "clinical_outcomes.csv").exists():
        raise AssertionError("this table may not be shipped")
    with pytest.raises(TwinError, match="no such table.*given with --cohort FOLDER"):
        load(path)


def test_lesions_one_row_a_patient_from_the_first_two_readings():
    columns = ["Pt_hashID", "Study_Arm", "T_days", "Lesion_diam", "response"]
    rows = [
        ("a", "x", "40", "10", "up"),
        ("a", "x", "-3", "20", "up"),
        ("a", "x", "80", "30", "up"),
        ("b", "x", "0", "8", "down"),
        ("b", "x", "30", "0", "down"),
        ("b", "x", "60", "0", "down"),
        ("c", "y", "0", "9", "flux"),
        ("c", "y", "30", "9", "flux"),
        ("c", "y", "30", "11", "flux"),
    ]
    found = lesion_trend(pd.DataFrame(rows, columns=columns)).set_index("Pt_hashID")
    assert list(found.index) == ["a", "b"]  # c has two days only: its label would be known
    assert float(found["log_change"]["a"]) == pytest.approx(np.log(10 / 20))
    assert float(found["days_between"]["a"]) == 43
    assert float(found["log_change"]["b"]) == pytest.approx(np.log(5 / 8))  # 0 counts as 5 mm
    assert found["grew_later"].tolist() == ["yes", "no"]


def test_lung_cancer_days_run_from_the_ct_to_recurrence_or_the_last_sight():
    data = read_text_table(COHORTS / "nsclc" / "clinical_outcomes.csv", ["Not Collected"])
    found = nsclc_recurrence(data).set_index("Case ID")
    # AMC-001: CT 8/10/1994, recurred 10/7/1994. AMC-002: CT 2/19/1992, alive 3/20/1992.
    assert float(found["days_to_recurrence"]["AMC-001"]) == 58
    assert float(found["days_to_recurrence"]["AMC-002"]) == 30
    assert found["lobe"]["AMC-001"] == "RLL"
    assert found["pack_years"]["AMC-002"] == "0"


def test_breast_volumes_of_duke_fill_their_boxes_like_the_others_in_ml():
    """The factor in pcr.yaml is measured, not assumed."""
    path = COHORTS / "breast" / "pcr.yaml"
    task = load_task(path)
    factor = {entry.name: entry.multiply.get("tum_vol", 1.0) for entry in task.external}
    data = pd.read_csv(path.parent / "mri_receptors_pcr.csv")
    box = (data.eraw - data.sraw + 1) * (data.ecol - data.scol + 1) * data.xy_spacing**2
    box *= (data.mask_end - data.mask_start + 1) * data.slice_thick
    share = (data.tum_vol / box).groupby(data.dataset).median()
    assert factor == {"spy1": 1.0, "duke": 1000.0}
    for name in ("spy1", "duke"):
        assert 0.5 < share[name] * factor[name] / share["spy2"] < 2.0

"""Cohorts are read as the task says, and what cannot be used is refused with its place."""

import numpy as np
import pandas as pd
import pytest

from experiments.predictors import load_task
from experiments.predictors.cohort import load_cohort
from experiments.predictors.derivations import breast_extent, lesion_trend, nsclc_recurrence
from experiments.predictors.training import train
from tests.experiments.predictors.cohorts import LABEL, SURVIVAL, table, write
from twin.errors import TwinError


def load(tmp_path, data, task=LABEL, **changes):
    path = write(tmp_path, task, data, **changes)
    return load_cohort(load_task(path), tmp_path)


def test_columns_become_numbers_and_categories_become_columns(tmp_path):
    data = table(20)
    cohort = load(tmp_path, data)
    assert cohort.columns[:2] == ("age", "marker")
    np.testing.assert_allclose(cohort.inputs[:, 0], data["age"])
    np.testing.assert_array_equal(cohort.outcome, data["response"])
    # The commoner of two values needs no column: it is where the others are 0.
    (site,) = (c for c in cohort.columns if c.startswith("site="))
    rare = site.removeprefix("site=")
    np.testing.assert_array_equal(cohort.inputs[:, 2] == 1, data["site"] == rare)


def test_empty_cells_stay_unknown_until_a_fold_fills_them(tmp_path):
    data = table(20)
    data.loc[3, "marker"] = np.nan
    cohort = load(tmp_path, data)
    assert np.isnan(cohort.inputs[3, 1])
    assert np.isfinite(np.delete(cohort.inputs, 3, axis=0)).all()


def test_the_digest_does_not_depend_on_the_order_of_rows(tmp_path):
    data = table(20)
    turned = load(tmp_path / "b", data.iloc[::-1])
    assert load(tmp_path / "a", data).digest() == turned.digest()
    data.loc[0, "age"] += 1
    assert load(tmp_path / "c", data).digest() != turned.digest()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.drop(columns="marker"), "column 'marker' is missing"),
        (lambda d: d.assign(marker=1.0), "column 'marker': a constant column"),
        (lambda d: d.assign(marker=["high", *d["marker"][1:]]), "not a number .*got 'high'"),
        (lambda d: pd.concat([d, d.iloc[:1]]), "a patient is in the table twice .*'P0-000'"),
        (lambda d: d.assign(patient=[None, *d["patient"][1:]]), "row 1: a row without a patient"),
        (lambda d: d.assign(response=[7, *d["response"][1:]]), "neither positive, negative nor"),
        (lambda d: d.iloc[:0], "the table has no rows"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(tmp_path, change, message):
    with pytest.raises(TwinError, match=f"table.csv.*{message}"):
        load(tmp_path, change(table(20)))


def test_negative_times_are_refused(tmp_path):
    data = table(20)
    data.loc[5, "days"] = -3.0
    with pytest.raises(TwinError, match="'days', patient P0-005: a negative time .*got -3 days"):
        load(tmp_path, data, SURVIVAL)


def test_a_missing_table_says_how_to_give_another(tmp_path, repository):
    path = repository / "patients" / "cohorts" / "head_neck" / "death.yaml"
    with pytest.raises(TwinError, match="no such table.*--cohort FOLDER"):
        load_cohort(load_task(path), path.parent)


def test_an_unreadable_table_is_refused(tmp_path):
    path = write(tmp_path, LABEL, table(20))
    (tmp_path / "table.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TwinError, match="cannot read the table"):
        load_cohort(load_task(path), tmp_path)


def test_one_class_and_too_few_events_are_refused(tmp_path):
    one = write(tmp_path / "one", LABEL, table(30).assign(response=1))
    with pytest.raises(TwinError, match="one class only: every label is positive"):
        train(load_task(one), one.parent)
    few = write(tmp_path / "few", LABEL, table(30).assign(response=[1, 1] + [0] * 28))
    with pytest.raises(TwinError, match="fewer events than folds .*got 2 with, 28 without"):
        train(load_task(few), few.parent)


def test_further_tables_are_joined_by_patient(tmp_path):
    data = table(20)
    path = write(
        tmp_path,
        LABEL,
        data.drop(columns="marker"),
        tables=[
            {"file": "table.csv", "patient": "patient"},
            {"file": "more.csv", "patient": "name"},
        ],
    )
    more = data[["patient", "marker"]].rename(columns={"patient": "name"}).iloc[::-1]
    more.to_csv(tmp_path / "more.csv", index=False)
    cohort = load_cohort(load_task(path), tmp_path)
    np.testing.assert_allclose(cohort.inputs[:, 1], data["marker"])


def text(**columns) -> pd.DataFrame:
    return pd.DataFrame(columns).astype(object)


def test_a_lesions_first_two_readings_are_its_inputs():
    found = lesion_trend(
        text(
            Pt_hashID=["a"] * 4 + ["b"] * 2,
            Study_Arm=["x"] * 6,
            T_days=["0", "42", "42", "90", "0", "50"],
            Lesion_diam=["20", "10", "30", "40", "8", "9"],
            response=["up"] * 6,
        )
    )
    # Two readings of one day are one; b has no reading after its second.
    assert found["Pt_hashID"].tolist() == ["a"]
    assert float(found["diameter_2_mm"][0]) == 20.0
    assert float(found["log_change"][0]) == 0.0
    assert float(found["days_between"][0]) == 42.0


def test_recurrence_counts_from_the_ct_and_death_censors():
    found = nsclc_recurrence(
        text(
            **{
                "CT Date": ["1/1/2000", "1/1/2000"],
                "Recurrence": ["yes", "no"],
                "Date of Recurrence": ["1/31/2000", None],
                "Date of Last Known Alive": ["3/1/2001", "1/11/2000"],
                "Date of Death": [None, "1/21/2000"],
                "Tumor Location (choice=RUL)": ["Checked", "Unchecked"],
                "Tumor Location (choice=L Lingula)": ["Unchecked", "Unchecked"],
                "Pack Years": [None, "30"],
                "Smoking status": ["Nonsmoker", "Current"],
            }
        )
    )
    assert [float(d) for d in found["days_to_recurrence"]] == [30.0, 20.0]
    assert found["lobe"][0] == "RUL"
    assert pd.isna(found["lobe"][1])
    assert found["pack_years"].tolist() == ["0", "30"]


def test_the_extent_of_a_breast_tumor_is_the_longest_side_of_its_box():
    sides = {"sraw": "10", "eraw": "19", "scol": "0", "ecol": "4", "mask_start": "2"}
    found = breast_extent(
        text(
            **{k: [v] for k, v in sides.items()},
            mask_end=["5"],
            xy_spacing=["0.5"],
            slice_thick=["2.0"],
        )
    )
    # 10 x 0.5, 5 x 0.5 and 4 x 2 mm.
    assert float(found["extent_mm"][0]) == 8.0

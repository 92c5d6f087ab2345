"""Derived columns of rows made by hand, whose answers are known."""

import numpy as np
import pandas as pd
import pytest

from experiments.predictors.derivations import breast_extent, lesion_trend, nsclc_recurrence
from twin.errors import TwinError

BOX = ["sraw", "eraw", "scol", "ecol", "mask_start", "mask_end", "xy_spacing", "slice_thick"]
LESION = ["Pt_hashID", "Study_Arm", "T_days", "Lesion_diam", "response"]
LUNG = {
    "CT Date": "1/10/2000",
    "Recurrence": "no",
    "Date of Recurrence": None,
    "Date of Last Known Alive": "1/30/2000",
    "Date of Death": None,
    "Smoking status": "Former",
    "Pack Years": "12",
    "Tumor Location (choice=RUL)": "Unchecked",
    "Tumor Location (choice=L Lingula)": "Unchecked",
}


@pytest.mark.parametrize(
    ("row", "extent_mm"),
    [
        ([10, 19, 5, 9, 3, 4, 0.5, 2.0], 5.0),  # 10 × 0.5 rows, 5 × 0.5 columns, 2 × 2 slices
        ([10, 19, 5, 44, 3, 4, 0.5, 2.0], 20.0),
        ([10, 19, 5, 9, 3, 22, 0.5, 2.0], 40.0),
        ([7, 7, 7, 7, 7, 7, 0.5, 2.0], 2.0),  # both ends are inside: one voxel has a size
    ],
)
def test_the_extent_of_a_breast_tumor_is_the_longest_side_of_its_box(row, extent_mm):
    found = breast_extent(pd.DataFrame([[str(v) for v in row]], columns=BOX))
    assert float(found["extent_mm"].iloc[0]) == extent_mm


def test_a_box_that_is_not_known_has_no_extent():
    rows = [[str(v) for v in (1, 2, 1, 2, 1, 2, 1, 1)], [None, *"2121211"]]
    found = breast_extent(pd.DataFrame(rows, columns=BOX))
    assert found["extent_mm"].isna().tolist() == [False, True]
    with pytest.raises(TwinError, match="column 'eraw' is missing"):
        breast_extent(pd.DataFrame(rows, columns=BOX).drop(columns="eraw"))


def lesion(*readings: tuple[int, float], label: str = "up") -> pd.DataFrame:
    rows = [("a", "arm", str(day), str(diameter), label) for day, diameter in readings]
    return pd.DataFrame(rows, columns=LESION)


@pytest.mark.parametrize(
    ("second", "last", "grew"),
    [
        (30, 36, "yes"),  # by a fifth and by 6 mm
        (30, 35.9, "no"),  # less than a fifth
        (20, 24.9, "no"),  # a quarter, but less than 5 mm
        (20, 25, "yes"),
        (0, 10, "yes"),  # 0 counts as 5 mm
        (0, 9.9, "no"),
    ],
)
def test_growth_is_a_fifth_and_five_millimeters(second, last, grew):
    found = lesion_trend(lesion((0, 20), (40, second), (80, 50), (120, last)))
    assert found["grew_later"].tolist() == [grew]


def test_a_change_is_of_the_first_two_days_whatever_the_order_of_rows():
    table = lesion((0, 20), (50, 30), (50, 50), (90, 5), (120, 80))
    one, other = lesion_trend(table), lesion_trend(table.iloc[::-1])
    pd.testing.assert_frame_equal(one, other)
    assert float(one["diameter_2_mm"].iloc[0]) == 40  # the mean of one day
    assert float(one["log_change"].iloc[0]) == pytest.approx(np.log(2))
    assert float(one["log_change_per_day"].iloc[0]) == pytest.approx(np.log(2) / 50)


def test_later_readings_move_the_label_and_no_input():
    inputs = ["diameter_1_mm", "diameter_2_mm", "day_1", "days_between", "log_change"]
    small, large = (lesion_trend(lesion((0, 20), (40, 25), (80, last))) for last in (10, 90))
    pd.testing.assert_frame_equal(small[inputs], large[inputs])
    assert (small["grew_later"].item(), large["grew_later"].item()) == ("no", "yes")


def test_lesions_that_contradict_themselves_are_refused():
    with pytest.raises(TwinError, match="negative diameter"):
        lesion_trend(lesion((0, 20), (40, -1), (80, 30)))
    two = pd.concat([lesion((0, 20), (40, 25)), lesion((80, 30), label="down")])
    with pytest.raises(TwinError, match="Pt_hashID a: a patient with two responses or arms"):
        lesion_trend(two)
    with pytest.raises(TwinError, match="column 'T_days', row 2: not a number.*'soon'"):
        lesion_trend(lesion((0, 20), (40, 25)).replace("40", "soon"))


@pytest.mark.parametrize(
    ("changes", "days"),
    [
        ({}, 20),
        ({"Date of Death": "2/10/2000"}, 31),  # death is later, and censors
        ({"Date of Death": "1/25/2000"}, 20),  # seen alive later than that
        ({"Recurrence": "yes", "Date of Recurrence": "1/17/2000"}, 7),
        ({"Date of Recurrence": "1/17/2000"}, 20),  # the date of what did not happen
        ({"CT Date": "2/1/2000"}, -2),  # refused later, as a negative time
        ({"CT Date": None}, None),
        ({"Recurrence": "yes"}, None),
    ],
)
def test_days_to_recurrence_run_from_the_ct(changes, days):
    found = nsclc_recurrence(pd.DataFrame([LUNG | changes]))["days_to_recurrence"].item()
    assert (None if found is None else float(found)) == days


def test_lobes_are_joined_and_nonsmokers_have_no_pack_years():
    on = {name: "Checked" for name in LUNG if name.startswith("Tumor Location")}
    rows = [LUNG | on, LUNG, LUNG | {"Smoking status": "Nonsmoker", "Pack Years": None}]
    found = nsclc_recurrence(pd.DataFrame(rows))
    assert found["lobe"].fillna("none").tolist() == ["RUL+Lingula", "none", "none"]
    assert found["pack_years"].tolist() == ["12", "12", "0"]

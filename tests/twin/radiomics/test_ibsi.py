"""The digital phantom of the Image Biomarker Standardisation Initiative.

Zwanenburg et al., Radiology 2020, doi 10.1148/radiol.2020191145. The reference values are read from
the initiative's own table, which stands beside this file.
"""

import csv
import math
from pathlib import Path

from twin.imaging.nifti import read_mask, read_nifti
from twin.radiomics import FixedBinWidth, Settings, extract
from twin.radiomics.texture import AGGREGATIONS

HERE = Path(__file__).parent / "ibsi"
GOAL = 475


def reference() -> dict[str, tuple[float, float]]:
    """Value and tolerance of each feature on which there is consensus."""
    with (HERE / "ibsi_1_dig_phantom.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    return {
        row["tag"]: (float(row["reference value"]), float(row["tolerance"]))
        for row in rows
        if row["reference value"]
    }


def rounding(value: float) -> float:
    """Half a unit of the third digit, to which reference values are given."""
    if value == 0:
        return 1e-6
    return 0.5 * 10 ** (math.floor(math.log10(abs(value))) - 2) * (1 + 1e-6)


def test_the_phantom_has_the_consensus_values():
    image = read_nifti(HERE / "phantom.nii.gz", modality="CT", unit="HU")
    mask = read_mask(HERE / "mask.nii.gz")
    whole_levels = Settings(
        bins=FixedBinWidth(1.0, low=1.0), aggregations=AGGREGATIONS, intensity_step=1.0
    )
    found = extract(image, mask, whole_levels)
    expected = reference()
    wrong = {
        tag: (found.get(tag), value)
        for tag, (value, tolerance) in expected.items()
        if tag not in found or abs(found[tag] - value) > max(tolerance, rounding(value))
    }
    right = len(expected) - len(wrong)
    print(f"IBSI-1 digital phantom: {right} of {len(expected)} values within tolerance")
    assert len(expected) == 482
    assert right >= GOAL, wrong
    assert not wrong

"""`oncotwin assimilate` on a run of the demo: by name, from a scan folder, and what it refuses."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from experiments.monitoring.workflow import load_filter
from experiments.runs import Run
from experiments.workflow import load_posterior
from tests.experiments.commands import DEMO, calibrated, oncotwin

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A run with one scan assimilated, and what was printed."""
    run = calibrated(tmp_path_factory.mktemp("monitored") / "run")
    answer = oncotwin("assimilate", run, "during radiotherapy", "--members", 16)
    assert answer.code == 0, answer.err
    return run, answer


@pytest.fixture
def run(begun, tmp_path):
    return Path(shutil.copytree(begun[0], tmp_path / "run"))


def _scan(folder: Path, **changes) -> Path:
    """A scan folder with the outline and ADC map of the demo's visit after radiotherapy."""
    folder.mkdir()
    for name in ("adc.nii.gz", "gtv.nii.gz"):
        shutil.copy(DEMO / "v4" / name, folder)
    content = {
        "schema": "oncotwin-scan/1",
        "name": "week 12",
        "day": 88.0,
        "simulated": True,
        "images": {"ADC": {"file": "adc.nii.gz", "unit": "1e-3 mm2/s"}},
        "masks": {"gtv": "gtv.nii.gz"},
        **changes,
    }
    kept = {key: value for key, value in content.items() if value is not None}
    (folder / "scan.yaml").write_text(yaml.safe_dump(kept))
    return folder


def test_a_scan_is_shown_beside_what_was_expected_and_kept(begun):
    run, answer = begun
    for text in ("during radiotherapy", "expected mL", "Viable burden on day 67", "Research use"):
        assert text in answer.out
    log = json.loads((run / "monitoring.json").read_text())
    assert [scan["name"] for scan in log["scans"]] == ["during radiotherapy"]
    assert {s["quantity"] for s in log["scans"][0]["surprises"]} == {"burden", "visible"}
    assert Run.open(run).description["history"][-1]["step"] == "assimilate"


def test_a_folder_with_the_same_scan_moves_the_twin_as_its_visit_does(run, tmp_path):
    other = Path(shutil.copytree(run, tmp_path / "other"))
    assert oncotwin("assimilate", run, "after radiotherapy").code == 0
    answer = oncotwin("assimilate", other, _scan(tmp_path / "scan"))
    assert answer.code == 0, answer.err
    filters = []
    for folder in (run, other):
        opened = Run.open(folder)
        filters.append(load_filter(opened, load_posterior(opened))[0])
    np.testing.assert_array_equal(filters[0].scores, filters[1].scores)
    np.testing.assert_array_equal(filters[0].states.viable, filters[1].states.viable)
    assert "scan.yaml" in Run.open(other).description["history"][-1]["inputs"]


def test_treatments_and_a_volume_that_come_with_a_scan_are_kept_for_the_next(run, tmp_path):
    scan = _scan(
        tmp_path / "scan",
        images=None,
        masks=None,
        volumes_ml={"gtv": 40.0},
        treatments={"drugs": [{"day": 84.0, "drug": "paclitaxel", "dose_mg": 150.0}]},
    )
    answer = oncotwin("assimilate", run, scan)
    assert answer.code == 0, answer.err
    opened = Run.open(run)
    twin, given = load_filter(opened, load_posterior(opened))
    assert given.drugs == ("paclitaxel",) and "sensitivity_paclitaxel" in twin.draws
    answer = oncotwin("assimilate", run, "before surgery")
    assert answer.code == 0 and "40.0" in answer.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nowhere",), "a visit after the fitted ones: during radiotherapy"),
        (("during radiotherapy",), "was assimilated before"),
        (("after radiotherapy", "--members", 20), "monitored already, with other settings"),
        (("after radiotherapy", "--swelling"), "--swelling"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(begun, words, message):
    before = (begun[0] / "filter.h5").read_bytes()
    answer = oncotwin("assimilate", begun[0], *words)
    assert answer.code == 2 and message in answer.err
    assert (begun[0] / "filter.h5").read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"day": 50.0}, "the scan is earlier than the twin"),
        ({"day": None, "date": "2026-01-01"}, "timed in days since the patient's first visit"),
        ({"mask": {}}, 'Did you mean "masks"?'),
        ({"schema": "oncotwin-scan/2"}, "another schema version"),
        ({"images": None, "masks": None}, "nothing that can be compared"),
        ({"volumes_ml": {"gtv": -1.0}}, "volumes_ml.gtv"),
        ({"masks": {"gtv": "../gtv.nii.gz"}}, "leaves the patient folder"),
    ],
)
def test_a_scan_folder_that_is_wrong_is_refused_by_name(begun, tmp_path, changes, message):
    answer = oncotwin("assimilate", begun[0], _scan(tmp_path / "scan", **changes))
    assert answer.code == 2 and message in answer.err

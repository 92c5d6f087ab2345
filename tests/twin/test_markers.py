"""Markers in a patient's file shift priors: read, checked, applied, shown and written again."""

from dataclasses import replace

import pytest
import yaml

from experiments.report import write_report
from tests.experiments.report.cases import make_patient, make_posterior
from tests.pages import blocks
from tests.patients import Folder, small_patient
from tests.twin.scenarios.small_cases import prior_posterior, tiny_patient
from twin.calibration.setting import make_setting
from twin.errors import TwinError
from twin.markers import PriorShift
from twin.models import FisherKPP
from twin.parameters import Fixed, LogNormal, LogUniform, Normal, Uniform
from twin.patient_folder import check_patient, load_patient, save_patient
from twin.treatments.schedule import DrugDose, Schedule

SOURCE = "doi 10.1056/NEJMoa043331"
MGMT = PriorShift("mgmt", "methylated", "sensitivity_doxorubicin", 2.0, SOURCE)
IDH = PriorShift("idh", "mutant", "proliferation_rate", 0.5, SOURCE)
MARKERS = {"mgmt": "methylated", "idh": "wildtype"}
DRUG = Schedule((), (DrugDose(3.0, "doxorubicin", 100.0),))


def marked(patient, *shifts, markers=MARKERS):
    return replace(patient, markers=markers, prior_shifts=shifts)


@pytest.mark.parametrize(
    "prior",
    [LogNormal(0.3, 0.5), LogUniform(0.1, 0.9), Uniform(0.2, 0.7), Normal(4.0, 1.0, 2.0, 9.0)],
    ids=lambda prior: type(prior).__name__,
)
def test_a_shifted_prior_is_the_same_of_a_larger_value(prior):
    for z in (-1.5, 0.0, 0.7):
        assert float(prior.shifted(2.5).transform(z)) == pytest.approx(
            2.5 * float(prior.transform(z)), rel=1e-5
        )


def test_the_prior_of_a_fit_is_shifted_where_the_marker_matches():
    plain = make_setting(tiny_patient(DRUG), FisherKPP()).table
    found = make_setting(marked(tiny_patient(DRUG), MGMT, IDH), FisherKPP()).table
    name = "sensitivity_doxorubicin"
    assert found[name].prior.median == pytest.approx(2.0 * plain[name].prior.median)
    assert found[name].prior.sigma == plain[name].prior.sigma
    assert found["proliferation_rate"] == plain["proliferation_rate"]
    again = marked(tiny_patient(DRUG), MGMT, replace(MGMT, factor=3.0))
    assert make_setting(again, FisherKPP()).table[name].prior.median == pytest.approx(
        6.0 * plain[name].prior.median
    )


def test_a_prior_that_the_caller_gives_comes_after_the_shift():
    patient = marked(tiny_patient(DRUG), MGMT)
    priors = {"sensitivity_doxorubicin": Fixed(0.7)}
    assert make_setting(patient, FisherKPP(), priors=priors).table[
        "sensitivity_doxorubicin"
    ].prior == Fixed(0.7)


def test_a_drug_that_only_plans_hold_is_shifted_as_well():
    shift = replace(MGMT, parameter="sensitivity_temozolomide")
    plain, found = (
        prior_posterior(patient).setting.treatment_table(("temozolomide",))
        for patient in (tiny_patient(), marked(tiny_patient(), shift))
    )
    name = "sensitivity_temozolomide"
    assert found[name].prior.median == pytest.approx(2.0 * plain[name].prior.median)


@pytest.mark.parametrize(
    "shift, message",
    [
        (
            replace(MGMT, parameter="sensitivity_doxorubicine"),
            "prior_shifts: the shift.*unknown parameter.*Did you mean 'sensitivity_doxorubicin'",
        ),
        (replace(IDH, value="wildtype", parameter="initial_scale"), "initial_scale: a fixed.*at 1"),
    ],
)
def test_a_shift_that_cannot_be_applied_is_refused(shift, message):
    with pytest.raises(TwinError, match=message):
        make_setting(marked(tiny_patient(DRUG), shift), FisherKPP())


def test_a_patient_needs_the_markers_that_shifts_speak_of():
    with pytest.raises(TwinError, match="no marker 'mgmt'.*expected idh.*Add it to markers"):
        marked(tiny_patient(), MGMT, markers={"idh": "mutant"})


@pytest.mark.parametrize("factor", [0.0, -1.0, float("nan"), float("inf")])
def test_a_factor_that_is_not_positive_is_refused(factor):
    with pytest.raises(TwinError, match="sensitivity_doxorubicin: the factor.*must be positive"):
        replace(MGMT, factor=factor)


def test_a_folder_keeps_markers_and_shifts(tmp_path):
    patient = marked(small_patient(), MGMT, IDH)
    save_patient(patient, tmp_path / "one")
    loaded = load_patient(tmp_path / "one")
    assert loaded.markers == MARKERS and loaded.prior_shifts == (MGMT, IDH)
    save_patient(loaded, tmp_path / "two")
    texts = [(tmp_path / name / "patient.yaml").read_bytes() for name in ("one", "two")]
    assert texts[0] == texts[1]


def test_the_check_says_which_shifts_apply_and_which_do_not(tmp_path):
    save_patient(marked(small_patient(), MGMT, IDH), tmp_path / "p")
    said = {finding.where: finding.message for finding in check_patient(tmp_path / "p")}
    assert said["markers"] == "mgmt methylated, idh wildtype"
    assert said["prior of sensitivity_doxorubicin"] == (
        f"prior median x 2, since mgmt is methylated ({SOURCE})"
    )
    assert said["prior of proliferation_rate"] == (
        "not applied: idh is wildtype, the shift is for mutant"
    )


def test_values_may_be_written_as_numbers_and_truths(tmp_path):
    folder = Folder(tmp_path / "p")
    row = {"marker": "egfr", "value": True, "parameter": "proliferation_rate", "factor": 1.5}
    folder.change(
        lambda content: content.update(
            markers={"egfr": True, "ki67": 0.3}, prior_shifts=[{**row, "source": "assumed"}]
        )
    )
    patient = load_patient(folder.path)
    assert patient.markers == {"egfr": "true", "ki67": "0.3"}
    assert [shift.factor for shift in patient.applied_shifts] == [1.5]


@pytest.mark.parametrize(
    "change, where, message",
    [
        ({"factor": -2.0}, r"prior_shifts\[0\]", "must be positive.*got -2"),
        ({"marker": "mgtm"}, r"prior_shifts\[0\]", "no marker 'mgtm'.*expected mgmt"),
        ({"source": ""}, r"prior_shifts\[0\].source", "not a usable value"),
        ({"factr": 2.0}, r"prior_shifts\[0\].factr", 'unknown key.*Did you mean "factor"'),
    ],
)
def test_a_wrong_row_is_an_error_that_says_where(tmp_path, change, where, message):
    folder = Folder(tmp_path / "p")
    row = {"marker": "mgmt", "value": "methylated", "parameter": "proliferation_rate"}
    row |= {"factor": 2.0, "source": SOURCE, **change}
    folder.change(lambda c: c.update(markers={"mgmt": "methylated"}, prior_shifts=[row]))
    with pytest.raises(TwinError, match=f"{where}.*{message}"):
        load_patient(folder.path)


def test_a_report_shows_the_shift_and_a_shareable_one_only_its_factor(tmp_path):
    patient = marked(make_patient(), MGMT, markers={"mgmt": "methylated"})
    pages = []
    for shareable in (False, True):
        path = tmp_path / f"{shareable}.html"
        write_report(
            patient, make_posterior(patient), None, path, shareable=shareable, provenance={}
        )
        pages.append(path.read_text())
    assert "prior median x 2, since mgmt is methylated" in pages[0]
    assert "mgmt" not in pages[1] and "methylated" not in pages[1]
    assert "prior median x 2, through a marker of the patient" in pages[1]


def test_the_rows_of_the_reference_page_do_what_it_says(repository, tmp_path):
    page = (repository / "docs" / "reference" / "patient-folder.md").read_text()
    rows = next(b for b in blocks(page, "yaml") if b.startswith("markers:"))
    folder = Folder(tmp_path / "p")
    folder.change(lambda content: content.update(yaml.safe_load(rows)))
    patient = load_patient(folder.path)
    assert [shift.applies(patient.markers) for shift in patient.prior_shifts] == [True, False]
    make_setting(patient, FisherKPP())

"""A shareable report holds no voxel and nothing that a user typed."""

from dataclasses import replace

import pytest

from experiments.report import write_report
from experiments.report.provenance import shareable
from tests.experiments.planted import volumes
from tests.experiments.report.cases import (
    FRONT,
    make_forecast,
    make_outcomes,
    make_patient,
    make_posterior,
    make_ranking,
)
from twin.parameters import LogNormal, Parameter, ParameterTable

PLANTED = {
    "patient": "Zyprian-Quastenholz",
    "record number": "MRN-4711-0815",
    "note": "Pseudonym-Key-Felsenau",
    "visit": "Baseline-Wednesbury",
    "other visit": "20260105-Dr-Okonkwo",
    "organ": "femur-of-Quastenholz",
    "other organ": "Skin-Ward-7B",
    "mask": "gtv_okonkwo",
    "modality": "SCANNER-SN-88123",
    "image unit": "unit-of-lab-Ebersberg",
    "plan": "Plan-Haverstock",
    "plan tag": "tag-Tumorboard-Minutes",
    "input file": "quastenholz_t1_scan.nii.gz",
    "input hash": "deadbeefcafe" * 5,
    "configuration key": "study_site_Ebersberg",
    "configuration value": "Klinikum-Ebersberg",
    "command": "/mnt/okonkwo/patients/zq_private",
    "host": "radonc-ws-042",
    "user": "okonkwo_admin",
    "date": "2026-01-05T08:15",
    "ranking note": "note-for-Haverstock-family",
    "parameter": "growth_ratio_Quastentissue",
    "citation": "unpublished-Okonkwo-letter",
    "noise": "noise-lab-Ebersberg",
    "diagnostic": "warning-from-Ebersberg-cluster",
}


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[bool, str]:
    plant = PLANTED
    visits = (plant["visit"], plant["other visit"], "third", plant["record number"], "fifth")
    patient = make_patient(
        identifier=plant["patient"],
        visit_names=visits,
        organ_names=(plant["organ"], plant["other organ"]),
        mask_label=plant["mask"],
        note=plant["note"],
        provenance={plant["input file"]: plant["input hash"]},
    )
    scan = replace(patient.visits[0].images["PET"], unit=plant["image unit"])
    first = replace(
        patient.visits[0], images=dict(patient.visits[0].images) | {plant["modality"]: scan}
    )
    patient = replace(patient, visits=(first, *patient.visits[1:]))
    posterior = make_posterior(patient)
    planted = Parameter(
        plant["parameter"], "1", LogNormal(1.0, 0.2), "x", plant["citation"], "assumed"
    )
    posterior = replace(
        posterior.extended(posterior.table + ParameterTable([planted])),
        noise={f"{plant['noise']}_sd": 0.1},
        diagnostics={"warnings": [FRONT, plant["diagnostic"]]},
    )
    outcomes = make_outcomes(plant["plan"])
    outcomes = replace(
        outcomes,
        plans=tuple(replace(p, tags={"origin": plant["plan tag"]}) for p in outcomes.plans),
    )
    ranking = replace(make_ranking(patient, outcomes), note=plant["ranking note"])
    provenance = {
        "schema": "oncotwin-run/1",
        "created": plant["date"] + ":00+00:00",
        "seed": 7,
        "configuration": {
            "model": "fisher_kpp",
            "draws": 32,
            plant["configuration key"]: 1,
            "engine": plant["configuration value"],
        },
        "inputs": {plant["input file"]: plant["input hash"]},
        "environment": {
            "versions": {"jax": "0.11.2", "python": "3.12.8"},
            "host": plant["host"],
            "user": plant["user"],
        },
        "history": [{"step": "calibrate", "command": f"oncotwin calibrate {plant['command']}"}],
    }
    folder = tmp_path_factory.mktemp("shareable")
    made = {}
    for share in (False, True):
        path = write_report(
            patient,
            posterior,
            outcomes,
            folder / f"{share}.html",
            forecast=make_forecast(patient),
            ranking=ranking,
            provenance=provenance,
            shareable=share,
        )
        made[share] = path.read_text(encoding="utf-8")
    return made


@pytest.mark.parametrize("kind", PLANTED)
def test_no_planted_identifier_is_in_a_shareable_report(pages, kind):
    assert PLANTED[kind].lower() not in pages[True].lower()


def test_the_open_report_shows_what_was_planted(pages):
    """Otherwise the test above could not fail."""
    shown = [kind for kind, text in PLANTED.items() if text in pages[False]]
    assert set(PLANTED) - set(shown) <= {"plan tag"}


def test_no_voxel_is_in_a_shareable_report(pages):
    assert volumes(pages[False]) > 20
    assert volumes(pages[True]) == 0
    assert "<canvas" not in pages[True] and "data:image" not in pages[True].split("<script>")[0]


def test_what_may_be_shared_is_still_there(pages):
    page = pages[True]
    for text in ("Research use, not for clinical decisions", "visit 2", "organ 1", "fisher_kpp"):
        assert text in page
    assert FRONT in page
    assert "0.11.2" in page and "Contains patient images" not in page
    assert "Parts of this patient&#x27;s data are simulated." in page
    assert "25 × 2 Gy" in page and "growth_ratio_" in page.replace("<wbr>", "")


def test_only_listed_words_and_small_numbers_pass_from_provenance():
    kept = shareable(
        {
            "schema": "oncotwin-run/1; secret",
            "seed": 20260105123,
            "draws": 32,
            "model": "secret",
            "versions": {"jax": "0.11.2+host", "numpy": "2.1.0"},
        }
    )
    assert kept == {"configuration": {"draws": 32}, "versions": {"numpy": "2.1.0"}}
